"""A whole refinement from a space to an exhaustive search, decided by a rule: A to X without a person.

Every step leaves what a person's would: a space file, a run folder that inherits its parent's trials, and a line of
reasons in `choices.jsonl`. The same start goes on where an interrupted one stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.analysis.run_sample import read
from engine.errors import SpaceError
from engine.refine.rule import Decision, decide
from engine.report.search_result import Result, result
from engine.search.events import Event
from engine.search.prepare import Options, opened
from engine.space.files import choices, write
from engine.space.files.choices import Choice
from engine.space.files.load import Space, load
from engine.store.folder import INFO
from engine.store.lock.reserve import claim
from engine.store.reader import RunReader
from engine.store.records import RunInfo
from engine.strategies.fixed import Fixed, exhaustive, random
from engine.strategies.inheritance import Inheritance, Parent, inherit


@dataclass(frozen=True, slots=True)
class Plan:
    """What the refinement may spend."""

    random: int = 600
    """Graphs drawn of each space but the last, inherited ones among them."""
    until: int = 600
    """Graphs (up to relabelling) of a space that is small enough to be trained whole."""
    repeats: int | None = None
    """Passes of the exhaustive search; None: the protocol's."""


@dataclass(frozen=True, slots=True)
class Searching:
    """A search begins or goes on."""

    step: int
    space: Space
    folder: Path
    info: RunInfo
    inherited: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A constraint was chosen, and its space written."""

    step: int
    parent: Space
    child: Space
    decision: Decision


@dataclass(frozen=True, slots=True)
class Arrived:
    """The last space is searched exhaustively."""

    result: Result


JourneyEvent = Searching | Decided | Arrived | Event


def journey(start: Space, out: Path, plan: Plan, options: Options) -> Iterator[JourneyEvent]:
    """Refine `start` into `out`/spaces and `out`/runs. Raises EngineError; everything recorded is kept then."""
    if start.file is None:
        raise SpaceError(f"{start.name}: has no space file that a child could extend", "name a space file")
    space, parent, step = start, None, 0
    while True:
        whole = space.keys <= plan.until
        folder = out / "runs" / f"{space.slug}-{'exhaustive' if whole else f'random{plan.random}'}"
        yield from _search(space, step, folder, _strategy(space, parent, plan, options.seed, whole), options)
        if whole:
            yield Arrived(_result(folder))
            return
        decision = decide(read(folder).sample, space, options.seed)
        child = _write(start, space, decision, out, step + 1, folder)
        yield Decided(step + 1, space, child, decision)
        space, parent, step = child, folder, step + 1


def _strategy(space: Space, parent: Path | None, plan: Plan, seed: int, whole: bool) -> Fixed:
    taken: Inheritance | None = None
    if parent is not None:
        taken = inherit(Parent.read(parent, space), space, seed, whole=whole)
    if whole:
        return exhaustive(space, plan.repeats or space.protocol.repeats, parent=taken)
    return random(space, plan.random, seed, parent=taken)


def _search(space: Space, step: int, folder: Path, strategy: Fixed, options: Options) -> Iterator[Searching | Event]:
    """Run a search to its end; a finished one costs nothing."""
    if (folder / INFO).exists() and _is_whole(folder, strategy):
        return
    with claim(folder) as lock, opened(space, strategy, folder, options, lock) as search:
        yield Searching(step, space, folder, search.run.info, len(strategy.inherited))
        yield from search.events()


def _is_whole(folder: Path, strategy: Fixed) -> bool:
    with RunReader(folder) as reader:
        reader.refresh()
        return reader.info.strategy == strategy.settings() and len(reader.trials) >= strategy.total


def _write(start: Space, space: Space, decision: Decision, out: Path, step: int, run: Path) -> Space:
    """The child's file and the reason for it; one that is there already must say the same."""
    name = f"{start.slug}-{step}"
    path = out / "spaces" / f"{name}.json"
    phrase = space.parse(decision.phrase)
    if not path.exists():
        write.write(space, (phrase,), path, name)
        choices.write(path.parent, Choice(space=name, parent=space.name, constraints=(str(phrase),), run=str(run),
                                          reason=f"best-condition: {decision.reason}", n=decision.n, kept=decision.kept))
    child = load(path)
    if child.lineage[-1].phrases != (phrase,) or child.lineage[:-1] != space.lineage:
        raise SpaceError(f"{path}: holds another space than {space.name} with {phrase}", "name another folder with --out")
    return child


def _result(folder: Path) -> Result:
    with RunReader(folder) as reader:
        reader.refresh()
        return result(folder, reader.info, reader.trials, reader.trainings)
