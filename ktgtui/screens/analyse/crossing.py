"""Two conditions at once: the curves of one within each value of the other, as small multiples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.analysis.conditions import Condition, Value, crossed, split
from engine.analysis.edf import Edf
from engine.report.figures.terminal_plot import LETTERS
from engine.space.catalogue import GATES
from ktgtui.data.samples import Samples
from ktgtui.data.snapshot import RunDetail
from ktgtui.drawing.plots import EdfFigure, Panels
from ktgtui.drawing.text import Cell, Column
from ktgtui.screens.analyse.view import Look, Row, below, drawn_range, size, under

FEW = 10
"""Graphs below which a cell's median is printed dim: it says little."""


@dataclass(frozen=True, eq=False)
class Crossing:
    """The answer: `edfs[i][j]` is value j of the inner condition within value i of the outer one."""

    outer: Condition
    inner: Condition
    panels: tuple[Value, ...]
    values: tuple[Value, ...]
    edfs: tuple[tuple[Edf, ...], ...]

    @property
    def title(self) -> str:
        return f"{self.inner.variable}, a panel for each value of {self.outer.variable}: {self.inner.title}"

    @property
    def command(self) -> str:
        return f"--by {self.outer.name} --by {self.inner.name}"

    def limits(self, look: Look) -> tuple[float, float]:
        """One range for all panels: they are there to be compared."""
        return drawn_range([e for row in self.edfs for e in row], look.zoom)

    def figure(self, look: Look) -> Panels:
        low, high = self.limits(look)
        made = []
        for value, row in zip(self.panels, self.edfs, strict=True):
            shown = tuple((j, e) for j, e in enumerate(row) if e.n and e.label not in look.hidden)
            total = sum(e.n for e in row)
            made.append((f"{value.label}  n = {total}", EdfFigure(shown, low, high) if shown else None))
        return Panels(tuple(made))

    def columns(self) -> Sequence[Column]:
        titles = [abbreviated(v.label) for v in self.panels]
        cells = (Column(title, max(9, len(title)), right=True) for title in titles)
        return (Column("", 3), Column("median (n)", 14, grows=True), *cells)

    def rows(self, look: Look) -> Sequence[Row]:
        error = under(look.cross, *self.limits(look))
        return [self._row(j, look, error) for j in range(len(self.values))]

    def _row(self, place: int, look: Look, error: float | None) -> Row:
        value = self.values[place]
        hidden = value.label in look.hidden
        mark = ("   ", "dim") if hidden else (f" {LETTERS[place % len(LETTERS)]}", f"curve{place % 6}")
        column = [row[place] for row in self.edfs]
        cells: tuple[Cell, ...] = (mark, (value.label, "dim" if hidden else ""), *(_cell(e, error) for e in column))
        told = ", ".join(f"{panel.label} {_told(e, error)}" for panel, e in zip(self.panels, column, strict=True))
        return Row(value.label, cells, ([(f"{value.label} within {told}", "")],), place, value.phrase)


def _cell(edf: Edf, error: float | None) -> Cell:
    if not edf.n:
        return ("-", "dim")
    value = f"{edf.median:.2f}" if error is None else below(edf, error)
    return (f"{value} n{edf.n}", "" if edf.n >= FEW else "dim")


def _told(edf: Edf, error: float | None) -> str:
    if not edf.n:
        return "none"
    value = f"{edf.median:.2f} %" if error is None else f"{below(edf, error)} below {error:.2f} %"
    return f"{value} ({size(edf)})"


def abbreviated(label: str) -> str:
    """`thr+cut` for `through + cutoff`: six columns must fit beside each other; models keep their names."""
    return "+".join(word[:3] if word in GATES else word for word in label.split(" + "))


def crossing(known: Samples, run: RunDetail, outer: Condition, inner: Condition) -> Crossing:
    """The inner condition within each value of the outer one. Raises AnalysisError."""
    sample = known.of(run)
    within = split(sample, inner)
    parts = [(value, part.edfs()) for value, part in crossed(split(sample, outer), within)]
    return Crossing(outer, inner, tuple(v for v, _ in parts), within.values, tuple(e for _, e in parts))
