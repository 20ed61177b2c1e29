"""Deciding on a constraint: a name, a reason in words, the child's file, and taking it back.

What is written is what `python -m engine.space PARENT --refine ... --out ... --reason ...` writes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError, SpaceError
from engine.space.files import choices, write
from engine.space.space import Space
from ktgtui.actions import launcher
from ktgtui.actions.selection import on_disk, reference_of
from ktgtui.context import Context
from ktgtui.data.samples import Consequence, Regret
from ktgtui.data.snapshot import RunDetail
from ktgtui.dialogs.form import Field, Form, Values
from ktgtui.drawing.text import Paragraph

NEXT = {"A": "B", "B": "C", "C": "X"}
"""How the paper names the spaces of its lineage (Table 1)."""
_LAST = re.compile(r"(?:^|(?<=[-_./]))[A-C]$")

LOUD = 0.5
"""Share of the best 5 % from which throwing them away is warned of: worse than a constraint that chose by lot."""


@dataclass(frozen=True, slots=True)
class Written:
    """A child's file as it was written, so that it can be taken back while nobody used it."""

    file: Path
    content: bytes
    choice: choices.Choice


def suggested(parent: str, taken: Callable[[str], bool]) -> str:
    """A name for the child: `digits-B` after `digits/A`; the first that is free."""
    flat = parent.replace("/", "-")
    name = _LAST.sub(lambda m: NEXT[m[0]], flat) if _LAST.search(flat) else f"{flat}-2"
    if name in NEXT.values():
        name = f"my-{name}"
    tries = (name, *(f"{name}{i}" for i in range(2, 1000)))
    return next(one for one in tries if not taken(one))


def guard(regret: Regret | None) -> str:
    """What a constraint would throw away that was good; '' if nothing."""
    if regret is None:
        return ""
    best = "the best graph" if regret.best_tied == 1 else f"all {regret.best_tied} graphs that tie as the best"
    said = [f"{best} ({regret.best:.2f} %)"] if regret.best_lost else []
    said += [f"{100 * regret.top5.value:.0f} % of the best 5 %"] if regret.top5.value > LOUD else []
    return " and ".join(said)


class Acceptance:
    """The form for one consequence, and what happens when it is taken."""

    def __init__(self, context: Context, space: Space, found: Consequence, run: RunDetail | None,
                 done: Callable[[Written], None]) -> None:
        self._context = context
        self._space = space
        self._found = found
        self._run = run
        self._done = done

    def ask(self) -> None:
        """Show the form. Raises SpaceError if the parent's file is not in this folder."""
        reference_of(self._context, self._space)
        name = suggested(self._space.name, lambda one: self._path(one).exists())
        fields = [Field("name", name, "of the child"), Field("reason", hint="what the plot showed, in your words")]
        form = Form(f"a child of {self._space.name}", fields, self._tell)
        self._context.push_screen(form, self._write)
        form.call_after_refresh(lambda: form.query_one("#field-reason").focus())

    def _path(self, name: str) -> Path:
        return self._context.session.folder / "spaces" / f"{name.strip()}.json"

    def _file(self, name: str) -> Path:
        if not name.strip():
            raise SpaceError("name: the child needs one")
        out = self._path(name)
        if out.exists():
            raise SpaceError(f"{out}: already exists", "choose another name")
        return out

    def _tell(self, values: Values) -> Sequence[Paragraph]:
        out = self._file(values["name"])
        lost = guard(self._found.regret)
        told: list[Paragraph] = [
            [("; ".join(map(str, self._found.phrases)), "accent"), (f"  {self._found.after.keys:,} graphs", "")],
            [(f"throws away {lost}", "bad")] if lost else [],
            [(self._command(out, values["reason"]), "dim")],
        ]
        if not values["reason"].strip():
            raise SpaceError("\n".join(["reason: say in a few words why; it is kept beside the space",
                                        *([f"throws away {lost}"] if lost else [])]))
        return [line for line in told if line]

    def _command(self, out: Path, reason: str) -> str:
        reference = launcher.relative(reference_of(self._context, self._space), self._context.session.folder)
        phrases = [word for p in self._found.phrases for word in ("--refine", str(p))]
        file = launcher.relative(str(out), self._context.session.folder)
        return shlex.join(["python", "-m", "engine.space", reference, *phrases, "--out", file, "--reason", reason.strip()])

    def _write(self, values: Values | None) -> None:
        if values is None:
            return
        name = values["name"].strip()
        choice = choices.Choice(
            space=name, parent=self._space.name, constraints=tuple(map(str, self._found.phrases)),
            reason=values["reason"].strip(), run=self._run.view.name if self._run else None,
            n=self._found.parent.n if self._found.parent else 0, kept=self._found.child.n if self._found.child else 0,
            lost=guard(self._found.regret),
        )
        try:
            out = self._file(name)
            write.write(on_disk(self._context, self._space), self._found.phrases, out, name)
            choices.write(out.parent, choice)
        except EngineError as error:
            self._context.notify(str(error), severity="error")
            return
        self._context.record_command(self._command(out, values["reason"]))
        self._done(Written(out, out.read_bytes(), choice))


def take_back(context: Context, written: Written) -> bool:
    """Remove a child's file that nobody used or changed; says what it did, or why not."""
    users = [run.name for run in context.snapshot.runs if run.space == written.choice.space]
    changed = not written.file.exists() or written.file.read_bytes() != written.content
    if users or changed:
        why = f"{users[0]} searches it" if users else "it was changed since"
        context.notify(f"{written.file.name} stays: {why}", severity="warning")
        return False
    try:
        written.file.unlink()
        choices.write(written.file.parent, choices.Choice(
            space=written.choice.space, parent=written.choice.parent, constraints=written.choice.constraints,
            reason=written.choice.reason, run=written.choice.run, withdrawn=True))
    except (OSError, EngineError) as error:
        context.notify(str(error), severity="error")
        return False
    context.notify(f"{written.file.name} is taken back")
    context.refresh_now()
    return True
