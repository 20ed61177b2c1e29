"""Graphs of one run, best first, and what choosing the best of them is worth: the one rule of the best graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.analysis.repeats.optimism import Optimism, optimism
from engine.analysis.sample import DIGITS, chance_rule, exact_errors, with_results
from engine.analysis.ties import Place, places
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.files.evaluations import Evaluation
from engine.store.records import RunInfo, State, Trial

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
    trainings: int
    """Trainings behind those: graphs that train identically share one."""
    retrained: int
    """How many of these were trained again."""
    apart: int
    """Graphs with a result that do not compete: a repeat of theirs has none, or none above chance."""
    optimism: Optimism

    def words(self) -> str:
        """`best 2.94 %, 3 graphs tie; expected optimism not known: one pass`."""
        means = f" (mean of {self.repeats} repeats)" if self.repeats > 1 else ""
        shared = f" ({_count(self.trainings, 'training')})" if self.trainings < self.tied else ""
        ties = f", {self.tied:,} graphs tie{shared}" if self.tied > 1 else ""
        apart = f"; {_count(self.apart, 'graph')} apart, without a result in every repeat" if self.apart else ""
        return f"best {self.error:.2f} %{means}{ties}; {self.optimism.words()}{apart}"

    def chosen_by(self) -> str | None:
        """What made one of several equal trainings the best; None if there is only one."""
        if self.trainings == 1:
            return None
        if self.retrained > 1:
            rule = f"the best of the {self.retrained} that were trained again, which flatters its retrainings too"
        else:
            rule = "the one that was trained again" if self.retrained else "one drawn by lot from the search seed and the key"
        return f"{self.tied:,} graphs tie as the best at {self.error:.2f} %; named is {rule}"


def competing(trials: Iterable[Trial], space: Space, info: RunInfo) -> dict[str, list[Trial]]:
    """Trials by their graphs' keys, repeats in order: of the graphs that compete for the best.

    A graph competes by its first `whole_passes` repeats, each of which must have a result above chance; where no graph
    has so many, by as many as some have.
    """
    every = list(trials)
    passes = whole_passes(every, info)
    above = with_results(every, chance_rule(space.protocol))[0]
    within = [t for t in above if t.repeat < passes] or above
    by_key: dict[str, list[Trial]] = {}
    for trial in sorted(within, key=lambda t: t.repeat):
        by_key.setdefault(trial.key, []).append(trial)
    number = min(passes, max(map(len, by_key.values()), default=0))
    return {key: found[:number] for key, found in by_key.items() if len(found) >= number}


def whole_passes(trials: Iterable[Trial], info: RunInfo) -> int:
    """Repeats that graphs are judged by: as many as every graph drawn has so far, or, where a graph's repeats follow each
    other (`--interleaved`), as many as the finished ones have. A second pass that has just begun so changes nothing.

    Graphs that need no training do not count: their trials are recorded beforehand.
    """
    light = (State.UNTAUGHT, State.INVALID)
    drawn = Counter(key for key, _ in {(t.key, t.repeat) for t in trials if t.state not in light})
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
    again = retrained_errors(evaluations, space)
    return [over_repeats(key, Graph.parse(found[key][0].graph), [t.accuracy for t in found[key]], place, errors[key])
            for key, place in places({key: fmean(e) for key, e in errors.items()}, info.seed, again).items()]


def best(
    trials: Iterable[Trial], space: Space, info: RunInfo, evaluations: Sequence[Evaluation] = (),
    keys: Container[str] | None = None,
) -> Best | None:
    """The first of `best_graphs`, without reading any other graph; None if no graph has a result above chance.

    `keys`: only of these graphs.
    """
    every = list(trials)
    found = {key: own for key, own in competing(every, space, info).items() if keys is None or key in keys}
    errors = mean_errors(found, space)
    if not errors:
        return None
    again = retrained_errors(evaluations, space)
    order = places({key: fmean(held) for key, held in errors.items()}, info.seed, again)
    key, place = next(iter(order.items()))
    tied = [other for other, its in order.items() if its == place]
    alike: dict[str, list[str]] = {}
    for other in tied:
        alike.setdefault((found[other][0].training or other).rpartition(".")[0] or other, []).append(other)
    one_each = [next((k for k in group if k in again), group[0]) for group in alike.values()]
    above = {t.key for t in with_results(every, chance_rule(space.protocol))[0] if keys is None or t.key in keys}
    return Best(
        key, round(fmean(errors[key]), DIGITS), len(errors[key]), place.tied, len(alike), sum(k in again for k in one_each),
        len(above - found.keys()), optimism(errors, one_each, evaluations),
    )  # fmt: skip


def why_none(trials: Iterable[Trial], space: Space) -> str:
    """Why no graph is the best."""
    every = list(trials)
    if any(trial.error is not None for trial in every):
        return f"no graph is above the chance rule of {chance_rule(space.protocol):.1f} % accuracy (protocol.chance)"
    left_out = with_results(every, 0.0)[1]
    return f"no graph has a result ({left_out})" if every else "no graph has a result yet"


def retrained_errors(evaluations: Iterable[Evaluation], space: Space) -> dict[str, float]:
    """Mean validation error (%) of the target by key, over the retrainings with fresh seeds."""
    by_key: dict[str, list[Trial]] = {}
    for e in evaluations:
        if e.state.has_result and e.accuracy[0] is not None:
            trial = Trial(number=-1, key=e.key, graph=e.graph, repeat=e.repeat, state=e.state, accuracy=e.accuracy)
            by_key.setdefault(e.key, []).append(trial)
    return {key: round(fmean(errors), DIGITS) for key, errors in mean_errors(by_key, space).items()}


def over_repeats(
    key: str, graph: Graph, accuracies: Sequence[tuple[float | None, ...]], place: Place = ALONE,
    errors: tuple[float, ...] = (),
) -> Ranked:
    """The graph with the means of its repeats' accuracies (%), `[repeat][node]`; `errors` (%) if they are known better."""
    errors = errors or tuple(100.0 - (a[0] or 0.0) for a in accuracies)
    columns = zip(*accuracies, strict=True)
    means = tuple(fmean(v for v in c if v is not None) if any(v is not None for v in c) else None for c in columns)
    return Ranked(key, graph, round(fmean(errors), DIGITS), errors, means, place)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
