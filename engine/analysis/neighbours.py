"""One edge away: what is known of the graphs that differ from a given one in a single gate.

Nine edges and their other gates are a local ablation table that fills as a search runs: why is this graph good?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.space.graph import Edge, Graph, edges
from engine.store.records import Trial


class Known:
    """Errors (%) by what is trained: graphs with an equal effective form share them, drawn or not."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._errors: dict[str, dict[int, float]] = {}
        for trial in trials:
            key = None if trial.training is None else trial.training.rpartition(".")[0]
            if key and trial.error is not None:
                self._errors.setdefault(key, {})[trial.repeat] = trial.error

    def error(self, graph: Graph) -> float | None:
        """Mean error (%) over the repeats known; None if this graph, in effect, was not trained."""
        found = self._errors.get(graph.effective().key or "")
        return fmean(found.values()) if found else None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A graph with one gate changed."""

    edge: Edge
    gate: str
    graph: Graph
    error: float | None
    """Known validation error (%), None if not trained yet or not trainable."""
    same: bool
    """True if it trains just as the graph itself: the edge does not matter here."""
    state: str
    """`known`, `unknown`, `untaught` or `invalid`."""


def neighbours(graph: Graph, gates: Sequence[Sequence[str]], known: Known) -> tuple[Neighbour, ...]:
    """All graphs one gate away, edge by edge; `gates[i]` are the gates allowed on `edges(N)[i]` (`Space.gates`)."""
    own = graph.effective().graph
    found = []
    for place, edge in enumerate(edges(graph.nodes)):
        for gate in gates[place]:
            if gate == graph.gates[place]:
                continue
            other = Graph(graph.models, (*graph.gates[:place], gate, *graph.gates[place + 1 :]))
            error = known.error(other)
            found.append(Neighbour(edge, gate, other, error, other.effective().graph == own, _state(other, error)))
    return tuple(found)


def _state(graph: Graph, error: float | None) -> str:
    if not graph.is_valid:
        return "invalid"
    if not graph.is_taught:
        return "untaught"
    return "unknown" if error is None else "known"
