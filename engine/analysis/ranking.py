"""Graphs of one run, best first, and what choosing the best of them is worth: the one rule of the best graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.analysis.repeats.optimism import Optimism, optimism
from engine.analysis.repeats.retrained import repeated
from engine.analysis.sample import chance_rule, exact_errors, with_results
from engine.analysis.ties import Place, places
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.files.evaluations import Evaluation
from engine.store.records import RunInfo, Trial

ALONE = Place(0, 1)
"""Of a graph that is held against others without being one of them."""


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
    place: Place = ALONE
    """Its place among the graphs ranked, and how many share it."""


@dataclass(frozen=True, slots=True)
class Best:
    """The best graph of a run, and what its error hides."""

    key: str
    error: float
    """Mean validation error (%) over its repeats."""
    repeats: int
    """Repeats that each competing graph is judged by."""
    tied: int
    """Graphs with this error, itself among them."""
    retrained: int
    """How many of those were trained again."""
    optimism: Optimism

    def words(self) -> str:
        """`best 2.94 %, 3 graphs tie; expected optimism not known: one pass`."""
        ties = f", {self.tied:,} graphs tie" if self.tied > 1 else ""
        means = f" (mean of {self.repeats} repeats)" if self.repeats > 1 else ""
        return f"best {self.error:.2f} %{means}{ties}; {self.optimism.words()}"

    def chosen_by(self) -> str | None:
        """What made one of several equal graphs the best; None if it is the only one."""
        if self.tied == 1:
            return None
        if self.retrained > 1:
            rule = f"the best of the {self.retrained} that were trained again, which flatters its retrainings too"
        else:
            rule = "the one that was trained again" if self.retrained else "one drawn by lot from the search seed and the key"
        return f"{self.tied:,} graphs tie as the best at {self.error:.2f} %; named is {rule}"


def competing(trials: Iterable[Trial], space: Space, info: RunInfo) -> dict[str, list[Trial]]:
    """Trials by their graphs' keys, repeats in order: of the graphs that compete for the best.

    A graph competes by its first `whole_passes` repeats, each of which must have a result above chance.
    """
    every = list(trials)
    passes = whole_passes(every, info)
    above = with_results((t for t in every if t.repeat < passes), chance_rule(space.protocol))[0]
    by_key: dict[str, list[Trial]] = {}
    for trial in sorted(above, key=lambda t: t.repeat):
        by_key.setdefault(trial.key, []).append(trial)
    return {key: found for key, found in by_key.items() if len(found) == passes}


def whole_passes(trials: Iterable[Trial], info: RunInfo) -> int:
    """Repeats that graphs are judged by: as many as every graph drawn has so far, or, where a graph's repeats follow each
    other (`--interleaved`), as many as the finished ones have. A second pass that has just begun so changes nothing."""
    drawn = Counter(key for key, _ in {(t.key, t.repeat) for t in trials})
    return (max if info.strategy.get("interleaved") else min)(drawn.values(), default=1)


def mean_errors(competing: dict[str, list[Trial]], space: Space) -> dict[str, tuple[float, ...]]:
    """Validation errors (%) over repeats by key, free of the rounding of records."""
    images = space.protocol.validation
    return {key: tuple(exact_errors(found, images).tolist()) for key, found in competing.items()}


def best_graphs(
    trials: Iterable[Trial], space: Space, info: RunInfo, evaluations: Iterable[Evaluation] = ()
) -> list[Ranked]:
    """The `competing` graphs by mean error, best first; ties as `engine.analysis.ties.places` settles them."""
    found = competing(trials, space, info)
    errors = mean_errors(found, space)
    order = places({key: fmean(e) for key, e in errors.items()}, info.seed, retrained_errors(evaluations))
    return [over_repeats(key, Graph.parse(found[key][0].graph), [t.accuracy for t in found[key]], place, errors[key])
            for key, place in order.items()]


def best(
    trials: Iterable[Trial], space: Space, info: RunInfo, evaluations: Sequence[Evaluation] = ()
) -> Best | None:
    """The first of `best_graphs`, without reading any other graph; None if no graph has a result above chance."""
    errors = mean_errors(competing(trials, space, info), space)
    if not errors:
        return None
    again = retrained_errors(evaluations)
    order = places({key: fmean(held) for key, held in errors.items()}, info.seed, again)
    key, place = next(iter(order.items()))
    tied = [other for other, its in order.items() if its == place]
    return Best(key, fmean(errors[key]), len(errors[key]), place.tied, sum(other in again for other in tied),
                optimism(errors, tied, evaluations))


def why_none(trials: Iterable[Trial], space: Space) -> str:
    """Why no graph is the best."""
    every = list(trials)
    if any(trial.error is not None for trial in every):
        return f"no graph is above the chance rule of {chance_rule(space.protocol):.1f} % accuracy (protocol.chance)"
    left_out = with_results(every, 0.0)[1]
    return f"no graph has a result ({left_out})" if every else "no graph has a result yet"


def retrained_errors(evaluations: Iterable[Evaluation]) -> dict[str, float]:
    """Mean validation error (%) of the target by key, over the retrainings with fresh seeds."""
    return {r.key: 100.0 - r.target.validation.mean for r in repeated(evaluations) if r.target.validation}


def over_repeats(
    key: str, graph: Graph, accuracies: Sequence[tuple[float | None, ...]], place: Place = ALONE,
    errors: tuple[float, ...] = (),
) -> Ranked:
    """The graph with the means of its repeats' accuracies (%), `[repeat][node]`; `errors` (%) if they are known better."""
    errors = errors or tuple(100.0 - (a[0] or 0.0) for a in accuracies)
    columns = zip(*accuracies, strict=True)
    means = tuple(fmean(v for v in c if v is not None) if any(v is not None for v in c) else None for c in columns)
    return Ranked(key, graph, fmean(errors), errors, means, place)
