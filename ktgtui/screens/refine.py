"""The constraint editor: a phrase, typed or written by the plot, and at each key what it would do.

Counts before and after, the child's EDF from the parent's own trials (a restricted uniform sample is a uniform sample
of the child, so that costs no training), and what would be thrown away. Accepting writes the child's space file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from engine.errors import EngineError, SpaceError
from engine.space import children
from engine.space.counting import Counts
from engine.space.space import Space
from ktgtui import diary, launcher
from ktgtui.completion import complete, words
from ktgtui.drawing import edf_figure
from ktgtui.questions import Consequence, Regret, consequence
from ktgtui.screens.form import Field, Form, Values
from ktgtui.screens.page import Page
from ktgtui.snapshot import RunDetail, Snapshot
from ktgtui.widgets.note import Note, Paragraph
from ktgtui.widgets.plot import Plot


class Completer(Suggester):
    """Ghost text after the cursor; the right arrow takes it."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value, self._known)


class RefinePage(Page):
    """From what is seen to a smaller space."""

    TITLE = "refine"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "accept", "write child", id="refine.accept"),
        Binding("ctrl+z", "undo", "undo", id="refine.undo"),
        Binding("escape", "leave", "leave the line", show=False, id="refine.leave"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._space: Space | None = None
        self._drafts: list[str] = []
        """Constraints taken with Enter, in order."""
        self._found: Consequence | None = None
        self._asked: tuple[object, ...] = ()

    def body(self) -> Iterable[Widget]:
        yield Note(id="refined")
        with Horizontal(id="phrase-line"):
            yield Note(id="phrase-label")
            line = Input(placeholder="L[y,aux] = through", compact=True, id="phrase")
            line.cursor_blink = False
            yield line
        yield Note(id="phrase-said")
        yield Note(id="counts")
        yield Plot(id="whatif")
        yield Note(id="regret")

    @property
    def _input(self) -> Input:
        return self.query_one("#phrase", Input)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#phrase-label", Note).show([[("constraint", "head")]])

    def show(self, snapshot: Snapshot) -> None:
        space = self.workbench.subject()
        if space is None:
            self.query_one("#refined", Note).show([[("no space chosen", "dim")]])
            return
        if self._space is None or self._space.lineage != space.lineage:
            self._space, self._drafts, self._found = space, [], None
            self._input.suggester = Completer(words(space))
        self._head(space)
        if self.workbench.handed:
            self._input.value, self.workbench.handed = self.workbench.handed, ""
            self._input.cursor_position = len(self._input.value)
            self._input.focus()
        self._ask()

    def _run(self) -> RunDetail | None:
        """The chosen run, if it is one of this space."""
        run = self.workbench.snapshot.chosen
        return run if run and self._space and run.space.lineage == self._space.lineage else None

    def _head(self, space: Space) -> None:
        run = self._run()
        trials = f"   {run.view.name}, n = {run.edf.n:,}" if run else "   no run of it is chosen: counts only"
        drafts = [[(f"{i}. ", "dim"), (text, "accent")] for i, text in enumerate(self._drafts, 1)]
        self.query_one("#refined", Note).show(
            [[(space.name, "accent"), (trials, "dim")], [(space.words(), "")], *drafts])

    @property
    def _texts(self) -> tuple[str, ...]:
        typed = self._input.value.strip()
        return (*self._drafts, *([typed] if typed else []))

    def _ask(self) -> None:
        space, run, texts = self._space, self._run(), self._texts
        wanted = (space, run and run.trials, texts)
        if space is None or wanted == self._asked:
            return
        self._asked = wanted
        known = self.workbench.samples
        self.workbench.thinker.ask("refine", lambda: consequence(known, run, space, texts),
                                   lambda found: self._answered(texts, found))

    def _answered(self, texts: tuple[str, ...], found: Consequence | EngineError) -> None:
        if texts != self._texts or not self.is_mounted:
            return
        said = self.query_one("#phrase-said", Note)
        if isinstance(found, EngineError):
            self._found = None
            said.show([[(line, "bad")] for line in str(found).split("\n")])
            return
        self._found = found
        said.show([_verdict(found)])
        self.query_one("#counts", Note).show(_counts(found.before, found.after, bool(found.phrases)))
        curves = [edf for edf in (found.parent, found.child) if edf is not None]
        self.query_one("#whatif", Plot).show(edf_figure(curves), "no trials of this space: counts only")
        self.query_one("#regret", Note).show(_told(found))

    @on(Input.Changed, "#phrase")
    def _typed(self) -> None:
        self._ask()

    @on(Input.Submitted, "#phrase")
    def _taken(self) -> None:
        """Enter keeps the phrase as a draft, so that another can be added; a wrong one stays to be mended."""
        typed = self._input.value.strip()
        if not typed or self._space is None:
            return
        try:
            phrase = str(self._space.parse(typed))
        except EngineError:
            return
        self._drafts.append(phrase)
        self._input.value = ""
        self._head(self._space)

    def action_undo(self) -> None:
        """Take the last draft back into the line."""
        if self._drafts and self._space:
            self._input.value = self._drafts.pop()
            self._input.cursor_position = len(self._input.value)
            self._head(self._space)
            self._ask()

    def action_leave(self) -> None:
        self.set_focus(None)

    def action_accept(self) -> None:
        """Ask for a name and a reason, then write the child."""
        found, space = self._found, self._space
        if self.workbench.refuses():
            return
        if space is None or found is None or not found.phrases or found.whatif is None:
            self.notify("type a constraint first", severity="warning")
            return
        if not found.whatif.verdict.is_usable:
            self.notify(f"this constraint {found.whatif.verdict.value}", severity="warning")
            return
        fields = [Field("name", hint="of the child, e.g. B2"), Field("reason", hint="what the plot showed")]
        form = Form(f"a child of {space.name}", fields, lambda values: self._plan(space, found, values))
        self.app.push_screen(form, lambda values: self._write(space, found, values))

    def _plan(self, space: Space, found: Consequence, values: Values) -> Sequence[Paragraph]:
        out = self._file(values["name"])
        return [[("writes ", "dim"), (str(out), "")], [(self._command(space, found, out), "dim")],
                [("; ".join(map(str, found.phrases)), "accent"), (f"  {found.after.keys:,} graphs", "")]]

    def _file(self, name: str) -> Path:
        if not name.strip():
            raise SpaceError("name: the child needs one")
        out = self.workbench.folder / "spaces" / f"{name.strip()}.json"
        if out.exists():
            raise SpaceError(f"{out}: already exists", "choose another name")
        return out

    def _command(self, space: Space, found: Consequence, out: Path) -> str:
        reference = launcher.relative(self.workbench.reference(space), self.workbench.folder)
        file = launcher.relative(str(out), self.workbench.folder)
        phrases = " ".join(f"--refine {str(p)!r}" for p in found.phrases)
        return f"python -m engine.space {reference} {phrases} --out {file}"

    def _write(self, space: Space, found: Consequence, values: Values | None) -> None:
        if values is None:
            return
        try:
            out = self._file(values["name"])
            parent = self.workbench.on_disk(space)
            children.write(parent, found.phrases, out, values["name"].strip())
            diary.write(out.parent, self._choice(space, found, values))
        except EngineError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.workbench.did(self._command(space, found, out))
        self._drafts, self._input.value = [], ""
        self.workbench.look()
        self.workbench.offer_search(str(out))


    def _choice(self, space: Space, found: Consequence, values: Values) -> diary.Choice:
        run = self._run()
        return diary.Choice(
            space=values["name"].strip(), parent=space.name, constraints=tuple(map(str, found.phrases)),
            reason=values["reason"].strip(), run=run.view.name if run else None,
            n=found.parent.n if found.parent else 0, kept=found.child.n if found.child else 0,
        )


def _verdict(found: Consequence) -> Paragraph:
    """Whether the last phrase can be used, in a line."""
    if found.whatif is None:
        return [("type a constraint, or press enter on a value of the analyse page", "dim")]
    verdict = found.whatif.verdict
    if verdict.is_usable:
        role = "good" if verdict.value == "narrows" else "warn"
        return [(f"{found.whatif.phrase}: {verdict.value}", role)]
    clash = ", ".join(f"'{p}'" for p in found.whatif.conflict)
    return [(f"{verdict.value}", "bad"), (f": {clash} cannot hold together" if clash else "", "bad")]


def _counts(before: Counts, after: Counts, changed: bool) -> list[Paragraph]:
    """The four counts, before and after."""

    def pair(name: str, old: int | None, new: int | None) -> tuple[tuple[str, str], tuple[str, str]]:
        old_text = "-" if old is None else f"{old:,}"
        new_text = "-" if new is None else f"{new:,}"
        return (f"{name} ", "dim"), (f"{old_text} -> {new_text}   " if changed else f"{old_text}   ", "")

    return [[*pair("graphs", before.keys, after.keys), *pair("effective", before.effective, after.effective)],
            [*pair("raw", before.raw, after.raw), *pair("paper's", before.paper, after.paper)]]


def _told(found: Consequence) -> list[Paragraph]:
    """Child against parent, and what would be lost."""
    if found.child is None or found.parent is None:
        return []
    legend = [(f"a {found.parent.legend()}", "curve0")], [(f"b {found.child.legend()}", "curve1")]
    if not found.child.n:
        return [legend[0], [("no trial at hand satisfies it", "warn")]]
    told = [*legend]
    if found.regret:
        told.append(_lost(found.regret))
    if found.verdict:
        told.append([(found.verdict.sentence, "dim")])
    return [list(line) for line in told]


def _lost(regret: Regret) -> list[tuple[str, str]]:
    best = [(f"loses the best graph ({regret.best:.2f} %)", "bad")] if regret.best_lost else [
        (f"keeps the best graph ({regret.best:.2f} %)", "good")]
    return [*best, (f", drops {100 * regret.top1:.0f} % of the best 1 %, {100 * regret.top5:.0f} % of the best 5 %",
                    "warn" if regret.top1 > 0.5 else "")]
