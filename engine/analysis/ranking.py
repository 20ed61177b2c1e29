"""The one rule of the best graph: the graphs of a run, best first, and what choosing the best of them is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from engine.analysis.repeats.optimism import Optimism, optimism
from engine.analysis.sample import DIGITS, chance_rule, exact_errors, with_results
from engine.analysis.ties import BY_LOT, Place, places
from engine.formatting import count
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.files.evaluations import Evaluation
from engine.store.records import RunInfo, State, Trial

UNRANKED = Place(0, 1)
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
    place: Place = UNRANKED
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
    others: int
    """Graphs with a result that do not compete: a repeat of theirs has none, or none above chance."""
    optimism: Optimism

    def words(self) -> str:
        """`best 2.94 %, 3 graphs tie; expected optimism not known: one pass`."""
        means = f" (mean of {self.repeats} repeats)" if self.repeats > 1 else ""
        shared = f" ({count(self.trainings, 'training')})" if self.trainings < self.tied else ""
        ties = f", {self.tied:,} graphs tie{shared}" if self.tied > 1 else ""
        others = f"; not competing for want of a result in every repeat: {count(self.others, 'graph')}" if self.others else ""
        return f"best {self.error:.2f} %{means}{ties}; {self.optimism.words()}{others}"

    def chosen_by(self) -> str | None:
        """What made one of several equal trainings the best; None if there is only one."""
        if self.trainings == 1:
            return None
        if self.retrained > 1:
            rule = f"the best of the {self.retrained} that were trained again, which flatters its retrainings too"
        else:
            rule = "the one that was trained again" if self.retrained else f"one {BY_LOT}"
        return f"{self.tied:,} graphs tie as the best at {self.error:.2f} %; named is {rule}"


@dataclass(frozen=True, eq=False)
class Ranking:
    """The graphs of a run that compete for the best, by their keys, best first."""

    places: Mapping[str, Place]
    """In the order of the ranking; ties as `engine.analysis.ties.places` settles them."""
    trials: Mapping[str, Sequence[Trial]]
    """Those each graph is judged by, repeats in order."""
    errors: Mapping[str, tuple[float, ...]]
    """Validation errors (%) of these, free of the rounding of records."""
    others: int
    """Graphs with a result above chance that do not compete."""
    evaluations: Sequence[Evaluation]

    def graphs(self, most: int | None = None) -> list[Ranked]:
        """The first `most` graphs (None: all)."""
        return [self._ranked(key, place) for key, place in list(self.places.items())[:most]]

    def _ranked(self, key: str, place: Place) -> Ranked:
        own = self.trials[key]
        return over_repeats(key, Graph.parse(own[0].graph), [t.accuracy for t in own], place, self.errors[key])

    @cached_property
    def best(self) -> Best | None:
        """The first graph and what choosing it is worth; None if no graph competes."""
        if not self.places:
            return None
        key, place = next(iter(self.places.items()))
        alike: dict[str, list[str]] = {}
        for other in list(self.places)[: place.tied]:
            training = self.trials[other][0].training
            alike.setdefault(training.rpartition(".")[0] if training else other, []).append(other)
        again = {e.key for e in self.evaluations}
        one_each = [next((k for k in group if k in again), group[0]) for group in alike.values()]
        return Best(
            key, round(fmean(self.errors[key]), DIGITS), len(self.errors[key]), place.tied, len(alike),
            sum(k in again for k in one_each), self.others, optimism(self.errors, one_each, self.evaluations),
        )  # fmt: skip


def rank(
    trials: Iterable[Trial], space: Space, info: RunInfo, evaluations: Sequence[Evaluation] = (),
    keys: Container[str] | None = None,
) -> Ranking:
    """Rank the graphs of a run, or those of it with these `keys`, by mean validation error.

    A graph competes by its first `whole_passes` repeats, each of which must have a result above chance; where no graph
    has so many, by as many as some have.
    """
    every = list(trials)
    passes = whole_passes(every, info)
    above = sorted(with_results(every, chance_rule(space.protocol))[0], key=lambda t: t.repeat)
    within = [t for t in above if t.repeat < passes] or above
    found: dict[str, list[Trial]] = {}
    errors: dict[str, list[float]] = {}
    for trial, error in zip(within, exact_errors(within, space.protocol.validation).tolist(), strict=True):
        found.setdefault(trial.key, []).append(trial)
        errors.setdefault(trial.key, []).append(error)
    number = min(passes, max(map(len, found.values()), default=0))
    judged = {key: tuple(own[:number]) for key, own in errors.items() if len(own) >= number and (keys is None or key in keys)}
    again = _retrained_errors(evaluations, space.protocol.validation)
    others = {t.key for t in above if keys is None or t.key in keys} - judged.keys()
    return Ranking(
        places({key: fmean(own) for key, own in judged.items()}, info.seed, again), {key: found[key][:number] for key in judged},
        judged, len(others), evaluations,
    )  # fmt: skip


def whole_passes(trials: Iterable[Trial], info: RunInfo) -> int:
    """Repeats that graphs are judged by: as many as every graph drawn has so far, or, where a graph's repeats follow each
    other (`--interleaved`), as many as the finished ones have. A second pass that has just begun so changes nothing.

    Graphs that need no training do not count: their trials are recorded beforehand.
    """
    light = (State.UNTAUGHT, State.INVALID)
    drawn = Counter(key for key, _ in {(t.key, t.repeat) for t in trials if t.state not in light})
    return (max if info.strategy.get("interleaved") else min)(drawn.values(), default=1)


def why_none(trials: Iterable[Trial], space: Space) -> str:
    """Why no graph is the best."""
    every = list(trials)
    if any(trial.error is not None for trial in every):
        return f"no graph is above the chance rule of {chance_rule(space.protocol):.1f} % accuracy (protocol.chance)"
    left_out = with_results(every, 0.0)[1]
    return f"no graph has a result ({left_out})" if every else "no graph has a result yet"


def _retrained_errors(evaluations: Iterable[Evaluation], images: int) -> dict[str, float]:
    """Mean validation error (%) of the target by key, over the retrainings with fresh seeds."""
    by_key: dict[str, list[Evaluation]] = {}
    for evaluation in evaluations:
        if evaluation.error is not None:
            by_key.setdefault(evaluation.key, []).append(evaluation)
    return {key: round(fmean(exact_errors(found, images)), DIGITS) for key, found in by_key.items()}


def over_repeats(
    key: str, graph: Graph, accuracies: Sequence[tuple[float | None, ...]], place: Place = UNRANKED,
    errors: tuple[float, ...] = (),
) -> Ranked:
    """The graph with the means of its repeats' accuracies (%), `[repeat][node]`; `errors` (%) if they are known better."""
    errors = errors or tuple(100.0 - (a[0] or 0.0) for a in accuracies)
    columns = zip(*accuracies, strict=True)
    means = tuple(fmean(v for v in c if v is not None) if any(v is not None for v in c) else None for c in columns)
    return Ranked(key, graph, round(fmean(errors), DIGITS), errors, means, place)
