"""Starting searches: processes of their own that outlive the workbench, its terminal and the connection.

What the workbench starts is exactly a command a person could type, and it is shown as such.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.control.detach import Detached, launch
from engine.errors import EngineError, SpaceError
from ktgtui.context import Context
from ktgtui.data.snapshot import RunDetail

COUNTED = ("random", "asha", "tpe", "gp")
"""Strategies of `engine.search` that are asked for a number of graphs."""


@dataclass(frozen=True, slots=True)
class Order:
    """One search to start."""

    space: str
    """A shipped space's name or a file's path, as the search's folder sees it."""
    graphs: int | None
    """Random graphs; None: exhaustive."""
    repeats: int = 1
    seed: int = 0
    changes: tuple[str, ...] = ()
    """`epochs=5`: protocol fields to change."""
    run: str = "runs/new"
    """Run folder, as the search's folder sees it."""
    file: str = ""
    """A list of graphs to train instead of drawing any."""
    parent: str = ""
    """Run of a wider space whose trials that lie in this one count as inherited."""
    strategy: str = "random"
    """How `graphs` graphs are chosen: one of COUNTED."""
    workers: int | None = None
    """Worker processes; None: as many as the search finds fit."""

    def words(self) -> list[str]:
        """What follows `python -m engine.search`."""
        how = ["--exhaustive"] if self.graphs is None else [f"--{self.strategy}", str(self.graphs)]
        how = ["--graphs", self.file] if self.file else how
        more = ["--repeats", str(self.repeats)] if self.strategy == "random" else []
        more += ["--seed", str(self.seed)] if self.seed else []
        for change in self.changes:
            more += ["--set", f"protocol.{change}"]
        more += ["--from", self.parent] if self.parent else []
        more += ["--workers", str(self.workers)] if self.workers else []
        return [self.space, *how, *more, "--run", self.run]

    def command(self) -> str:
        """The command line a person would type in the folder."""
        return shlex.join(["python", "-m", "engine.search", *self.words()])


def read_order(space: str, slug: str, fields: dict[str, str]) -> Order:
    """An order from what a person wrote. Raises SpaceError naming the field, the rule and the value."""
    how = fields["strategy"].split()
    if how == ["exhaustive"]:
        graphs = None
        kind = "random"
    elif len(how) == 2 and how[0] in COUNTED:
        kind, graphs = how[0], _number(f"strategy: {how[0]}", how[1], 1)
    else:
        ways = ", ".join(f"'{name} N'" for name in COUNTED)
        raise SpaceError(f"strategy: write 'exhaustive' or {ways}, got {fields['strategy']!r}")
    repeats = _number("repeats", fields["repeats"], 1)
    if kind != "random" and repeats > 1:
        raise SpaceError(f"repeats: {kind} makes one pass, got {repeats}")
    if kind == "asha" and fields.get("inherit", "").strip():
        raise SpaceError("inherit: asha takes over no trials", "leave it empty")
    changes = tuple(fields["changes"].replace(",", " ").split())
    for change in changes:
        if "=" not in change:
            raise SpaceError(f"changes: write field=value such as epochs=5, got {change!r}")
    name = "exhaustive" if graphs is None else f"{kind}{graphs}"
    run = fields["run"].strip() or f"runs/{slug}-{name}"
    workers = fields.get("workers", "").strip()
    return Order(space, graphs, repeats, _number("seed", fields["seed"], 0), changes, run,
                 parent=fields.get("inherit", "").strip(), strategy=kind,
                 workers=_number("workers", workers, 1) if workers else None)


def _number(field: str, text: str, least: int) -> int:
    if not text.strip().isdigit() or int(text) < least:
        raise SpaceError(f"{field}: must be a number from {least} on, got {text!r}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Ended:
    """A search started here that is over."""

    name: str
    """Of its run, as a person calls it."""
    code: int
    last: str
    """The last line it printed."""

    @property
    def why(self) -> str:
        """What ended it before its time."""
        return f"killed by signal {-self.code}; `g` on the live page goes on" if self.code < 0 else self.last

    @property
    def was_stopped(self) -> bool:
        """By a person or the system, before its time; everything recorded is kept."""
        return self.code in {129, 130, 143}


class Launcher:
    """Starts searches in `folder` and notices those of its own that end while it is here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, Detached]] = []

    def launch(self, name: str, words: Sequence[str], run: Path) -> Path:
        """Start `python -m engine.search WORDS`, whose run folder is `run`; returns where it prints. Raises StoreError."""
        search = launch(words, run.absolute(), self._folder)
        self._running.append((name, search))
        return search.output

    def ended(self) -> list[Ended]:
        """Searches started here that ended since the last call; asking reaps them."""
        over = [(name, search) for name, search in self._running if search.process.poll() is not None]
        self._running = [entry for entry in self._running if entry not in over]
        return [Ended(name, search.process.returncode, search.farewell()) for name, search in over]


def start_search(context: Context, order: Order) -> None:
    """Start a search and show its command; a person is told why if that cannot be done."""
    run_search(context, order.run, order.words(), context.session.folder / order.run)


def run_search(context: Context, name: str, words: Sequence[str], run: Path) -> None:
    """The same for `python -m engine.search WORDS`, whose run folder is `run`; a person calls it `name`."""
    try:
        context.launcher.launch(name, words, run)
    except EngineError as error:
        context.notify(str(error), severity="error")
        return
    context.record_command(shlex.join(["python", "-m", "engine.search", *words]))
    context.refresh_now()


def tell_ended(context: Context, ended: Iterable[Ended]) -> None:
    """Tell a person which searches ended; a failure stays in the title."""
    for over in ended:
        if over.code == 0 or over.was_stopped:
            context.notify(over.name, title=f"search {'finished' if over.code == 0 else 'stopped'}")
            continue
        context.session.failure_notice = f"{over.name} failed: {over.why}"
        context.notify(over.why or f"exit code {over.code}", title=context.session.failure_notice, severity="error")
        context.repaint()


def relative(reference: str, folder: Path) -> str:
    """A space file's path as a process in `folder` sees it; shipped names stay."""
    path = Path(reference)
    if not path.suffix:
        return reference
    here, there = folder.resolve(), path.resolve()
    return str(there.relative_to(here)) if there.is_relative_to(here) else str(there)


def estimate(order: Order, keys: int, epochs: int, known: RunDetail | None) -> float | None:
    """Seconds a search will take at the speed of a run that was made here; None if nothing is known.

    `keys` graphs are in the space and train for `epochs`; training time is taken as proportional to epochs. As many
    workers are taken to share it as trained the known run.
    """
    if known is None or not known.trainings:
        return None
    walls = [t.wall / max(1, t.epochs) for t in known.trainings.values()]
    graphs = keys if order.graphs is None else min(order.graphs, keys)
    workers = len({t.worker for t in known.trainings.values()})
    return graphs * order.repeats * epochs * sum(walls) / len(walls) / workers
