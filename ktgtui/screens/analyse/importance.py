"""Which choices matter: the share of the spread of errors that each explains, and pairs beyond both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.analysis.conditions import CONDITIONS
from engine.analysis.importance import Share, importance
from ktgtui.data.samples import Samples
from ktgtui.data.snapshot import RunDetail
from ktgtui.drawing.text import Cell, Column
from ktgtui.screens.analyse.view import Look, Paragraph, Row

TITLES = {c.variable: c for c in CONDITIONS.values()}
SHOWN = 24
"""Choices and pairs that are listed; the rest explain next to nothing."""
COLUMNS = (
    Column("", 3),
    Column("choice", 22),
    Column("explains", 8, right=True),
    Column("95 %", 12, right=True),
    Column("", 20, grows=True),
    Column("what", 46, least=112),
)


@dataclass(frozen=True, eq=False)
class Choices:
    """The answer."""

    run: RunDetail
    shares: tuple[Share, ...]
    n: int

    @property
    def title(self) -> str:
        return f"what matters: the share of the spread of errors (by rank) that each choice explains, n = {self.n:,}"

    @property
    def command(self) -> str:
        return ""

    def figure(self, look: Look) -> None:
        return None

    def columns(self) -> Sequence[Column]:
        return COLUMNS

    def rows(self, look: Look) -> Sequence[Row]:
        most = max((s.high for s in self.shares), default=1.0) or 1.0
        return [_row(s, most) for s in self.shares]


def _row(share: Share, most: float) -> Row:
    condition = TITLES.get(share.variable)
    role = "accent" if share.low > 0 else "dim"
    cells: tuple[Cell, ...] = (
        (f"({condition.letter})" if condition and condition.letter else "", "dim"), share.variable,
        (f"{100 * share.value:.1f} %", role), (f"{100 * max(0, share.low):.0f} to {100 * max(0, share.high):.0f} %", "dim"),
        (whisker(share, most), role), (condition.title if condition else "the pair beyond both", "dim"))
    return Row(share.variable, cells, (_said(share),), condition=condition.name if condition else None)


def _said(share: Share) -> Paragraph:
    if share.low <= 0:
        return [(f"{share.variable}: no more than chance explains", "dim")]
    what = "the pair, beyond what both explain alone," if " x " in share.variable else "this choice"
    return [(f"{share.variable}: {what} explains {100 * share.value:.0f} % of the spread "
             f"({100 * share.low:.0f} to {100 * share.high:.0f} %, bootstrap)", "")]


def whisker(share: Share, most: float, width: int = 20) -> str:
    """`####==--`: the interval's low end, the share, the interval's high end; ASCII, so that it says the same anywhere."""
    ends = [round(width * max(0.0, v) / most) for v in (share.low, share.value, share.high)]
    return "#" * ends[0] + "=" * (ends[1] - ends[0]) + "-" * (ends[2] - ends[1])


def choices(known: Samples, run: RunDetail) -> Choices:
    """Shares of every choice and pair. Raises AnalysisError."""
    sample = known.of(run)
    return Choices(run, importance(sample)[:SHOWN], len(sample))
