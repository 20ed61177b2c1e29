"""Graphs of one run, best first, and what choosing the best of them is worth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.analysis.repeats.optimism import Optimism, optimism
from engine.analysis.repeats.retrained import repeated
from engine.analysis.sample import chance_rule, with_results
from engine.analysis.ties import Place, places
from engine.space.graph import Graph
from engine.space.space import Space
from engine.store.files.evaluations import Evaluation
from engine.store.records import Trial

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
    tied: int
    """Graphs with this error, itself among them."""
    optimism: Optimism

    def words(self) -> str:
        """`best 2.94 %, 3 graphs tie; expected optimism not known: one pass`."""
        ties = f", {self.tied:,} graphs tie" if self.tied > 1 else ""
        return f"best {self.error:.2f} %{ties}; {self.optimism.words()}"

    def drawn(self) -> str | None:
        """How one of several equal graphs became the best; None if it is the only one."""
        rule = "those trained again first, then by lot from the search seed and the key"
        return None if self.tied == 1 else f"{self.tied:,} graphs tie as the best at {self.error:.2f} %: {rule}"


def competing(trials: Iterable[Trial], space: Space) -> dict[str, list[Trial]]:
    """Trials with a result above chance by their graphs' keys, repeats in order; only graphs with the most repeats."""
    by_key: dict[str, list[Trial]] = {}
    for trial in sorted(with_results(trials, chance_rule(space.protocol))[0], key=lambda t: t.repeat):
        by_key.setdefault(trial.key, []).append(trial)
    most = max(map(len, by_key.values()), default=0)
    return {key: found for key, found in by_key.items() if len(found) == most}


def best_graphs(
    trials: Iterable[Trial], space: Space, seed: int, evaluations: Iterable[Evaluation] = ()
) -> list[Ranked]:
    """The `competing` graphs by mean error, best first; ties as `engine.analysis.ties.places` settles them."""
    found = competing(trials, space)
    errors = {key: fmean(t.error or 0.0 for t in own) for key, own in found.items()}
    return [
        over_repeats(key, Graph.parse(found[key][0].graph), [t.accuracy for t in found[key]], place)
        for key, place in places(errors, seed, retrained_errors(evaluations)).items()
    ]


def best(
    trials: Iterable[Trial], space: Space, seed: int, evaluations: Sequence[Evaluation] = ()
) -> Best | None:
    """The first of `best_graphs`, without reading any other graph; None if no graph has a result above chance."""
    errors = {key: [t.error or 0.0 for t in own] for key, own in competing(trials, space).items()}
    if not errors:
        return None
    order = places({key: fmean(held) for key, held in errors.items()}, seed, retrained_errors(evaluations))
    key, place = next(iter(order.items()))
    return Best(key, fmean(errors[key]), place.tied, optimism(errors, key, evaluations))


def why_none(trials: Iterable[Trial], space: Space) -> str:
    """Why no graph is the best."""
    if any(trial.error is not None for trial in trials):
        return f"no graph is above the chance rule of {chance_rule(space.protocol):.1f} % accuracy (protocol.chance)"
    return "no graph has a result yet"


def retrained_errors(evaluations: Iterable[Evaluation]) -> dict[str, float]:
    """Mean validation error (%) of the target by key, over the retrainings with fresh seeds."""
    return {r.key: 100.0 - r.target.validation.mean for r in repeated(evaluations) if r.target.validation}


def over_repeats(
    key: str, graph: Graph, accuracies: Sequence[tuple[float | None, ...]], place: Place = ALONE
) -> Ranked:
    """The graph with the means of its repeats' accuracies (%), `[repeat][node]`."""
    errors = tuple(100.0 - (a[0] or 0.0) for a in accuracies)
    columns = zip(*accuracies, strict=True)
    means = tuple(fmean(v for v in c if v is not None) if any(v is not None for v in c) else None for c in columns)
    return Ranked(key, graph, fmean(errors), errors, means, place)
