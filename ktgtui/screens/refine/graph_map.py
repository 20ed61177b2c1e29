"""Every graph of a small space as one cell: how good it is, what is missing, what a constraint would drop. Textual-free.

Exhaustive is a claim; here its holes can be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from engine.analysis.diagnostics.certificate import certify
from engine.analysis.sample import DIGITS, exact_errors
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.records import State, Trial
from ktgtui.data.best_graph import best_of
from ktgtui.data.snapshot import RunDetail

MOST = 1_200
"""Graphs of a space that is still drawn whole: C has 1,134."""

LEVELS = ((0.01, "best 1 %"), (0.10, "10 %"), (0.50, "half"), (1.0, "rest"))
"""Shares of the graphs with a result, best first, and what a mark means."""
MARKS = ("█", "▓", "▒", "░")
PLAIN_MARKS = ("#", "%", "=", "-")
ROLES = ("good", "curve2", "curve0", "dim")
HOLE = ("·", ".", "dim")
OTHER = {
    State.FAILED: ("x", "bad"), State.DIVERGED: ("d", "warn"), State.STOPPED: ("s", "warn"),
    State.UNTAUGHT: ("o", "dim"), State.INVALID: ("o", "dim"),
}


@dataclass(frozen=True, slots=True)
class Spot:
    """One graph."""

    graph: Graph
    key: str
    state: State | None
    """None: not trained yet."""
    error: float | None
    """Mean validation error (%) of its repeats so far."""
    repeats: int
    """Results so far."""
    trial: int | None
    """Number of its first trial."""
    level: int | None
    """Place in LEVELS."""
    kept: bool = True
    """Whether the constraint that is being looked at keeps it."""

    def mark(self, plain: bool) -> tuple[str, str]:
        """Character and role."""
        if self.level is not None:
            return (PLAIN_MARKS if plain else MARKS)[self.level], ROLES[self.level]
        if self.state is None:
            return HOLE[1 if plain else 0], HOLE[2]
        return OTHER.get(self.state, ("?", "warn"))

    def words(self) -> str:
        """`4.20 %, 5 repeats`, `not trained yet`, `failed`."""
        if self.error is None:
            return "not trained yet" if self.state is None else self.state.value
        return f"{self.error:.2f} %" + (f", {self.repeats} repeats" if self.repeats > 1 else "")


@dataclass(frozen=True, eq=False)
class GraphMap:
    """A space of at most MOST graphs as this run knows it."""

    spots: tuple[Spot, ...]
    """In the order of `Space.enumerate`: neighbours in the list differ in few gates."""
    proof: str
    """The certificate in words; what is missing if it is not complete."""
    complete: bool

    @property
    def holes(self) -> int:
        return sum(s.state is None for s in self.spots)

    @property
    def dropped(self) -> int:
        return sum(not s.kept for s in self.spots)


def graph_map(run: RunDetail | None, space: Space) -> GraphMap:
    """The map of a space by a run of it; None: all holes."""
    trials: dict[str, list[Trial]] = {}
    for trial in run.trials if run else ():
        trials.setdefault(trial.key, []).append(trial)
    graphs = tuple(space.enumerate())
    errors = {key: e for key, found in trials.items() if (e := _mean(found, space.protocol.validation)) is not None}
    cuts = _cuts(list(errors.values()))
    spots = tuple(_spot(g, g.key, trials, errors, cuts) for g in graphs)
    if run is None:
        return GraphMap(spots, "no run of this space is chosen", False)
    proof = certify(graphs, run.trials, run.trainings, run.info.repeats, best_of(run))
    return GraphMap(spots, proof.words(), proof.is_complete)


def struck(found: GraphMap, child: Space) -> GraphMap:
    """The map with what a child space leaves out struck through."""
    kept = {graph.key for graph in child.enumerate()}
    return replace(found, spots=tuple(replace(spot, kept=spot.key in kept) for spot in found.spots))


def _mean(trials: Sequence[Trial], images: int) -> float | None:
    found = exact_errors([t for t in trials if t.error is not None], images)
    return round(fmean(found), DIGITS) if len(found) else None


def _cuts(errors: Sequence[float]) -> list[float]:
    """The largest error of each level; equal errors share the better one."""
    ascending = np.sort(np.array(errors))
    return [float(ascending[max(0, round(share * len(ascending)) - 1)]) for share, _ in LEVELS] if errors else []


def _spot(graph: Graph, key: str, trials: Mapping[str, Sequence[Trial]], errors: Mapping[str, float],
          cuts: Sequence[float]) -> Spot:
    own, error = trials.get(key, ()), errors.get(key)
    state = next((t.state for t in own if t.state is State.FAILED), own[0].state if own else None)
    level = None if error is None else int(np.searchsorted(cuts, error))
    results = sum(t.error is not None for t in own)
    return Spot(graph, key, state, error, results, own[0].number if own else None, level)
