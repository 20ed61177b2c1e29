"""How many graphs a space holds, in each of the ways one may count them: exact, and without listing them."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

from engine.space.counting import variables
from engine.space.counting.decision_diagram import Effort, Report, TooEntangledError
from engine.space.counting.effective_forms import forms
from engine.space.counting.graph_set import Ground

LARGEST_EXACT = 150_000
"""Diagram nodes spent on an exact count of effective forms, about 4 s; beyond it they are estimated."""

LISTABLE = 500_000
"""Keys up to which a space could be listed in seconds: there the effective forms are counted whatever it costs."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Sizes of a space (paper section 3 and Table 1, see docs/spaces.md)."""

    raw: int
    """Labelled graphs as written."""
    paper: int | None
    """The paper's way: raw divided by the (N - 1)! relabellings of the auxiliary nodes, rounded up. None where the
    phrases are not closed under relabelling, for there the quotient means nothing."""
    keys: int
    """Graphs up to relabelling of auxiliary nodes: the number of distinct keys, and of trials in an exhaustive pass."""
    effective: int
    """Different graphs for the target: invalid ones dropped, dead nodes and `correct` on labels read away."""
    taught: int
    """Of the effective ones, those that a label reaches: only these train."""

    effective_within: tuple[int, int] | None = None
    """None if `effective` is exact; else it is an estimate, and this is its 99 % interval."""
    taught_within: tuple[int, int] | None = None
    """The same of `taught`."""

    @property
    def untaught(self) -> int:
        """Effective graphs recorded at chance without training."""
        return self.effective - self.taught

    def shown(self, name: str) -> str:
        """A count for people: `39,609`; `~7.71e+35` if it is an estimate, `-` if it has no meaning."""
        value, within = getattr(self, name), getattr(self, f"{name}_within", None)
        return "-" if value is None else f"{value:,}" if within is None else f"~{rounded(value)}"


def rounded(value: int) -> str:
    """The three digits of an estimate that stand."""
    return f"{round(value, 3 - len(str(value))):,}" if value < 10**9 else f"{value:.2e}"


def counts(ground: Ground, report: Report | None = None) -> Counts:
    """All counts of a space."""
    raw, paper, keys = basic(ground, report)
    try:
        effort = Effort(LARGEST_EXACT, report) if keys > LISTABLE else Effort(report=report)
        return Counts(raw, paper, keys, forms(ground, effort=effort), forms(ground, only_taught=True, effort=effort))
    except TooEntangledError:
        from engine.space.counting.estimate import estimate  # numpy, and seconds: needed only here

        found = estimate(ground, keys)
        return Counts(raw, paper, keys, found.effective, found.taught, found.effective_within, found.taught_within)


def basic(ground: Ground, report: Report | None = None) -> tuple[int, int | None, int]:
    """Raw, the paper's, and up to relabelling."""
    effort = Effort(report=report)
    diagram, union = ground.closure(variables.moves(ground.nodes)[0], effort)
    written = diagram.compile(ground.written())
    raw = diagram.count(written)
    paper = -(-raw // factorial(ground.nodes - 1)) if written == union else None
    return raw, paper, ground.orbits(effort)
