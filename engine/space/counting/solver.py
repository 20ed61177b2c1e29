"""Which phrases cannot hold together, and which change nothing: said before anything runs."""

from __future__ import annotations

from collections.abc import Sequence

from engine.space.counting import formula as f
from engine.space.counting import variables
from engine.space.counting.decision_diagram import FALSE, Cell, Diagram
from engine.space.counting.formula import Formula
from engine.space.counting.graph_set import Ground


class Solver:
    """Whether conditions on a space's labelled graphs can hold, alone and together."""

    def __init__(self, ground: Ground) -> None:
        self.nodes = ground.nodes
        self.diagram = Diagram([Cell((v,), ground.domains[v]) for v in range(variables.count(ground.nodes))])

    def possible(self, conditions: Sequence[Formula]) -> bool:
        """Whether some graph of the domains satisfies all the conditions."""
        return self.diagram.both([self.diagram.compile(c) for c in conditions]) != FALSE

    def implied(self, condition: Formula, by: Sequence[Formula]) -> bool:
        """Whether every graph that satisfies `by` satisfies `condition`: it then changes nothing."""
        return not self.possible([*by, f.Not(condition)])

    def conflict(self, conditions: Sequence[Formula]) -> list[int]:
        """Places of conditions that cannot hold together, none of which could be left out; empty if all can hold."""
        if self.possible(conditions):
            return []
        kept = list(range(len(conditions)))
        for place in range(len(conditions)):
            fewer = [k for k in kept if k != place]
            if not self.possible([conditions[k] for k in fewer]):
                kept = fewer
        return kept


def named(phrases: Sequence[object]) -> str:
    """The phrases in conflict, as a clause of a sentence."""
    if not phrases:
        return "the domains alone exclude it"
    if len(phrases) == 1:
        return f"'{phrases[0]}' excludes every graph of the domains"
    *first, last = (f"'{p}'" for p in phrases)
    return f"{', '.join(first)} and {last} cannot hold together"
