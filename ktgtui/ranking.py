"""Graphs of a run over their repeats, best first. Textual-free."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from engine.space.explain import name
from engine.space.graph import Graph
from engine.store.trials import Trial

_OTHER = re.compile(r"> ?\d+ (?!through)")
"""A gate other than through in a graph's text: spares reading 10,000 graphs to find the few that are DML."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One graph."""

    place: int
    """1 for the best."""
    trial: Trial
    """Its first repeat."""
    errors: tuple[float, ...]
    """Validation error (%) of each repeat that has one."""

    @property
    def graph(self) -> Graph:
        return Graph.parse(self.trial.graph)

    @property
    def error(self) -> float:
        """Mean over the repeats."""
        return fmean(self.errors)

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
        return " | " in self.trial.graph and not _OTHER.search(self.trial.graph.partition(" | ")[2]) and (
            set(self.graph.gates) == {"through"})


def ranked(trials: Iterable[Trial]) -> tuple[Ranked, ...]:
    """Graphs with a result by mean error, ties to the earlier trial."""
    by_key: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.error is not None:
            by_key.setdefault(trial.key, []).append(trial)
    groups = [(found[0], tuple(t.error for t in found if t.error is not None)) for found in by_key.values()]
    groups.sort(key=lambda group: (fmean(group[1]), group[0].number))
    return tuple(Ranked(place, trial, errors) for place, (trial, errors) in enumerate(groups, 1))
