"""Exhaustive is a claim; this proves it, or says exactly what is missing."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.analysis.ranking import Best
from engine.space.graph import Graph
from engine.store.records import State, Training, Trial


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a run holds of its space."""

    graphs: int
    """Graphs of the space up to relabelling."""
    repeats: int
    missing: tuple[tuple[str, int], ...]
    """Text form and repeat of what has no trial."""
    unfinished: tuple[tuple[str, int, str], ...]
    """Text form, repeat and state of trials that ended without a result though they could have one."""
    foreign: tuple[str, ...]
    """Text forms of trials that are not graphs of the space."""
    doubled: tuple[tuple[str, int], ...]
    """Text form and repeat of graphs with more than one trial."""
    unbacked: tuple[str, ...]
    """Text forms of trials whose training record is not there or says otherwise."""
    outcomes: Mapping[str, int]
    digest: str
    """SHA-256 of what was measured (repeat, graph, state, accuracy), sorted: equal for equal results."""
    best: Best | None = None
    """The best graph of the run; None if no graph has a result above chance."""

    @property
    def is_complete(self) -> bool:
        return not (self.missing or self.unfinished or self.foreign or self.doubled or self.unbacked)

    def words(self) -> str:
        """`513 of 513 graphs, 5 repeats, none missing, 3 tie as the best, sha256 1f3a...`, or what is wrong."""
        if self.is_complete:
            repeats = "1 repeat" if self.repeats == 1 else f"{self.repeats} repeats"
            ties = f"{self.best.tied} tie as the best at {self.best.error:.2f} %, " if self.best and self.best.tied > 1 else ""
            return f"{self.graphs} of {self.graphs} graphs, {repeats}, none missing, {ties}sha256 {self.digest}"
        wrong = {"missing": self.missing, "without a result": self.unfinished, "not of this space": self.foreign,
                 "recorded twice": self.doubled, "without their training record": self.unbacked}
        found = ", ".join(f"{len(items)} {what}" for what, items in wrong.items() if items)
        return f"not exhaustive: of {self.graphs} graphs x {self.repeats} repeats, {found}"


def certify(
    space: Iterable[Graph], trials: Iterable[Trial], trainings: Mapping[str, Training], repeats: int, best: Best | None = None
) -> Certificate:
    """Hold trials against the graphs of a space (`Space.enumerate()`), each wanted once in every repeat; `best` is told too.

    Untaught and invalid graphs need no training and count as settled; diverged ones as well: that is their result.
    """
    graphs = {graph.key: str(graph) for graph in space}
    every = list(trials)
    drawn = Counter((t.key, t.repeat) for t in every)
    wanted = ((key, repeat) for repeat in range(repeats) for key in graphs)
    open_states = (State.STOPPED, State.FAILED)
    lines = sorted(f"{t.repeat} {t.graph} {t.state.value} {t.accuracy!r}" for t in every)
    return Certificate(
        graphs=len(graphs),
        repeats=repeats,
        missing=tuple((graphs[key], repeat) for key, repeat in wanted if not drawn[key, repeat]),
        unfinished=tuple(sorted((t.graph, t.repeat, t.state.value) for t in every if t.state in open_states)),
        foreign=tuple(sorted(t.graph for t in every if t.key not in graphs or t.repeat >= repeats)),
        doubled=tuple(sorted((graphs[key], repeat) for (key, repeat), n in drawn.items() if n > 1 and key in graphs)),
        unbacked=tuple(sorted(t.graph for t in every if not _backed(t, trainings))),
        outcomes=Counter(t.state.value for t in every),
        digest=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        best=best,
    )


def _backed(trial: Trial, trainings: Mapping[str, Training]) -> bool:
    """A trial with a result must agree with its training: same state, same target accuracy."""
    if not trial.state.has_result:
        return True
    training = trainings.get(trial.training or "")
    return training is not None and training.state is State.DONE and training.accuracy[0] == trial.accuracy[0]
