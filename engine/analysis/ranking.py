"""Graphs of one run, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.analysis.sample import chance_rule, with_results
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.records import Trial


@dataclass(frozen=True, slots=True)
class Ranked:
    """A graph over all its repeats in one run."""

    key: str
    graph: Graph
    error: float
    """Mean validation error (%) of the target over its repeats."""
    errors: tuple[float, ...]
    accuracy: tuple[float | None, ...]
    """Mean validation accuracy (%) a node."""


def rank(trials: Sequence[Trial]) -> list[Ranked]:
    """Graphs by mean error over their repeats, best first, ties to the earlier trial."""
    by_key: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.error is not None:
            by_key.setdefault(trial.key, []).append(trial)
    made = [over_repeats(k, Graph.parse(t[0].graph), [x.accuracy for x in t]) for k, t in by_key.items()]
    return sorted(made, key=lambda r: r.error)


def over_repeats(key: str, graph: Graph, accuracies: Sequence[tuple[float | None, ...]]) -> Ranked:
    """The graph with the means of its repeats' accuracies (%), `[repeat][node]`."""
    errors = tuple(100.0 - (a[0] or 0.0) for a in accuracies)
    columns = zip(*accuracies, strict=True)
    means = tuple(fmean(v for v in c if v is not None) if any(v is not None for v in c) else None for c in columns)
    return Ranked(key, graph, fmean(errors), errors, means)


def best_graphs(trials: Sequence[Trial], space: Space) -> list[Ranked]:
    """Graphs with a result above chance by mean error, ties to the earlier trial; only those with the most repeats compete."""
    ranked = rank(with_results(trials, chance_rule(space.protocol))[0])
    most = max((len(r.errors) for r in ranked), default=0)
    return [r for r in ranked if len(r.errors) == most]
