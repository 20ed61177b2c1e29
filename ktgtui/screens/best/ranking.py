"""Graphs of a run over their repeats, best first, with the named ones that they are held against. Textual-free."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, stdev

from engine.analysis.ranking import UNRANKED, Ranking
from engine.analysis.repeats.retrained import Figure, Repeated, repeated
from engine.analysis.sample import DIGITS
from engine.analysis.ties import Place
from engine.space.graph import Graph
from engine.space.text.describe_graph import name
from engine.store.files.evaluations import Evaluation
from engine.store.records import State, Training, Trial

_OTHER = re.compile(r"> ?\d+ (?!through)")
"""A gate other than through in a graph's text: spares reading 10,000 graphs to find the few that are DML."""
FEW_EDGES = 5
"""Open edges of the named graphs that are not DML: alone, and distillation from two taught teachers."""


@dataclass(frozen=True)
class Ranked:
    """One graph."""

    place: Place
    """Its place and how many share it; `UNRANKED` for one that does not compete."""
    trials: tuple[Trial, ...]
    """Its repeats that have a result, of a competing one those it is judged by; at least one."""
    again: Repeated | None = None
    """What its retrainings with fresh seeds came to."""
    exact: tuple[float, ...] = ()
    """Validation error (%) of each repeat, free of the rounding of records, where it is known."""

    @property
    def is_drawn(self) -> bool:
        """False for a named graph that was trained besides the draws."""
        return self.trial.number >= 0

    @property
    def trial(self) -> Trial:
        """Its first repeat."""
        return self.trials[0]

    @cached_property
    def errors(self) -> tuple[float, ...]:
        """Validation error (%) of each repeat."""
        return self.exact or tuple(t.error for t in self.trials if t.error is not None)

    @cached_property
    def graph(self) -> Graph:
        return Graph.parse(self.trial.graph)

    @property
    def error(self) -> float:
        """Mean over the repeats."""
        return round(fmean(self.errors), DIGITS)

    @property
    def spread(self) -> float | None:
        """Standard deviation over the repeats; None for a single one."""
        return stdev(self.errors) if len(self.errors) > 1 else None

    @property
    def known_as(self) -> str:
        """`KD`, `DML of 3 nodes ...`; '' for most."""
        return name(self.graph) or ""

    @property
    def is_dml(self) -> bool:
        """Every edge through among all nodes: the paper's reference."""
        return _all_through(self.trial.graph) and self.graph.nodes > 1 and set(self.graph.gates) == {"through"}

    @property
    def validation(self) -> Figure | None:
        """Validation accuracy (%) over the retrainings."""
        return self.again.target.validation if self.again else None

    @property
    def test(self) -> Figure | None:
        """Test accuracy (%); None as long as the test set is closed."""
        return self.again.target.test if self.again else None


def _all_through(text: str) -> bool:
    return " | " in text and not _OTHER.search(text.partition(" | ")[2])


def ranked(trials: Iterable[Trial], ranking: Ranking) -> tuple[Ranked, ...]:
    """The ranked graphs of a run; below them those that do not compete, by mean error."""
    again = {r.key: r for r in repeated(ranking.evaluations)}
    others: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.error is not None and trial.key not in ranking.places:
            others.setdefault(trial.key, []).append(trial)
    best = (Ranked(place, tuple(ranking.trials[key]), again.get(key), ranking.errors[key])
            for key, place in ranking.places.items())
    rest = (Ranked(UNRANKED, tuple(found), again.get(key)) for key, found in others.items())
    return (*best, *sorted(rest, key=lambda r: (r.error, r.trial.key)))


def named(trainings: Mapping[str, Training], models: Sequence[str], evaluations: Iterable[Evaluation] = ()) -> tuple[Ranked, ...]:
    """DML, distillation and the target alone as this run trained them, drawn or besides, of (some of) these models.

    The best of each name, DML first.
    """
    by_graph: dict[str, list[Training]] = {}
    for training in trainings.values():
        if training.state is State.DONE and _may_be_named(training.graph):
            by_graph.setdefault(training.graph, []).append(training)
    again = {r.key: r for r in repeated(evaluations)}
    best: dict[str, Ranked] = {}
    for text, found in by_graph.items():
        graph = Graph.parse(text)
        called = name(graph)
        if called and graph.models[0] == models[0] and not Counter(graph.models) - Counter(models):
            one = _besides(graph, found, again.get(graph.key))
            best[called] = min(best.get(called, one), one, key=lambda r: (r.error, r.trial.key))
    return tuple(sorted(best.values(), key=lambda r: (not r.is_dml, r.known_as, r.trial.graph)))


def _may_be_named(text: str) -> bool:
    head, _, edges = text.partition(" | ")
    count = edges.count(",") + 1
    return not _OTHER.search(edges) and (count <= FEW_EDGES or count == len(head.split()) ** 2)


def _besides(graph: Graph, found: list[Training], again: Repeated | None) -> Ranked:
    trials = [
        Trial(number=-1, key=graph.key, graph=str(graph), repeat=t.repeat, state=State.DONE, training=t.id, accuracy=t.accuracy)
        for t in sorted(found, key=lambda t: t.repeat)
    ]
    return Ranked(UNRANKED, tuple(trials), again)


def retrained(row: Ranked) -> tuple[Trial, ...]:
    """The retrainings of a graph as trials, so that two graphs can be paired over them."""
    found = row.again.evaluations if row.again else ()
    return tuple(Trial(number=-1, key=e.key, graph=e.graph, repeat=e.repeat, state=e.state, accuracy=e.accuracy)
                 for e in found)
