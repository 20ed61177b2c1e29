"""Runs side by side: one curve a run, each held against the chosen one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.bands import Band, band
from engine.analysis.edf import Edf, comparable, of_sample
from engine.analysis.sample import Sample
from engine.analysis.verdict import Verdict, verdict
from engine.errors import EngineError
from engine.report.figures.terminal_plot import LETTERS
from ktgtui.data.samples import Samples, standing
from ktgtui.data.snapshot import RunDetail, RunView
from ktgtui.drawing.plots import EdfFigure
from ktgtui.drawing.text import Cell, Column
from ktgtui.screens.analyse.curves import ROLES, drawn
from ktgtui.screens.analyse.view import Look, Paragraph, Row, below, drawn_range, quantiles, size, under

COLUMNS = (
    Column("", 3),
    Column("run", 14, grows=True),
    Column("space", 10, least=84),
    Column("n", 9, right=True),
    Column("best", 6, right=True),
    Column("10 %", 6, right=True, least=70),
    Column("median", 6, right=True),
    Column("90 %", 6, right=True, least=96),
    Column("below", 6, right=True),
    Column("against it", 14, least=64),
)


@dataclass(frozen=True, eq=False)
class Beside:
    """The answer; `others[i]` says why run i is not drawn, None if it is."""

    chosen: int
    views: tuple[RunView, ...]
    edfs: tuple[Edf, ...]
    bands: tuple[Band | None, ...]
    verdicts: tuple[Verdict | None, ...]
    refused: tuple[str | None, ...]

    @property
    def title(self) -> str:
        return f"runs side by side, each against {self.views[self.chosen].name}"

    @property
    def command(self) -> str:
        return " ".join(v.name for i, v in enumerate(self.views) if i != self.chosen and self.refused[i] is None)

    def limits(self, look: Look) -> tuple[float, float]:
        return drawn_range(self.edfs, look.zoom)

    def figure(self, look: Look) -> EdfFigure | None:
        shown = [(i, e) for i, e in enumerate(self.edfs) if e.n and self.views[i].name not in look.hidden]
        return drawn(shown, self.bands, self.limits(look), look.banded)

    def columns(self) -> Sequence[Column]:
        return COLUMNS

    def rows(self, look: Look) -> Sequence[Row]:
        error = under(look.cross, *self.limits(look))
        return [self._row(i, look, error) for i in range(len(self.views))]

    def _row(self, place: int, look: Look, error: float | None) -> Row:
        view, edf, no = self.views[place], self.edfs[place], self.refused[place]
        hidden = no is not None or view.name in look.hidden
        mark = ("   ", "dim") if hidden else (f" {LETTERS[place % len(LETTERS)]}", f"curve{place % 6}")
        stand = "" if place == self.chosen else "not comparable" if no else standing(view.name, self.verdicts[place])
        cells: tuple[Cell, ...] = (
            mark, (view.name, "dim" if hidden else ""), (view.space, "dim"), size(edf) if edf.n else "",
            *quantiles(edf, (0, 0.1, 0.5, 0.9)), below(edf, error),
            ("this one" if place == self.chosen else stand, ROLES.get(stand, "dim")))
        return Row(view.name, cells, self._said(place), place)

    def _said(self, place: int) -> tuple[Paragraph, ...]:
        if (no := self.refused[place]) is not None:
            return ([(no, "warn")],)
        edf, found = self.edfs[place], self.verdicts[place]
        taken = f"{edf.inherited:,} of its {edf.n:,} graphs are taken from a parent's run: those that suggested a " \
            "constraint flatter it" if edf.inherited else ""
        said = edf.legend() if place == self.chosen else found.sentence if found else "too few graphs to compare"
        return ([(said, "")], [(taken, "warn")])


def beside(known: Samples, run: RunDetail, views: Sequence[RunView]) -> Beside:
    """Every readable run of the folder against `run`; what follows another protocol is named and not drawn.

    Fresh graphs alone judge a child against the run its constraint came from. Raises AnalysisError if `run` is empty.
    """
    chosen = next(i for i, view in enumerate(views) if view.folder == run.view.folder)
    own = known.of(run)
    first = of_sample(own, label=run.view.name)
    found = [_read(known, view, own) if i != chosen else (first, first, None) for i, view in enumerate(views)]
    verdicts = tuple(
        verdict(fresh, first) if i != chosen and no is None and min(fresh.graphs, first.graphs) >= 2 else None
        for i, (_, fresh, no) in enumerate(found))
    edfs = tuple(edf for edf, _, _ in found)
    bands = tuple(band(edf) if edf.graphs else None for edf in edfs)
    return Beside(chosen, tuple(views), edfs, bands, verdicts, tuple(no for _, _, no in found))


def _read(known: Samples, view: RunView, own: Sample) -> tuple[Edf, Edf, str | None]:
    """A run's curve, that of its fresh graphs, and why it cannot be compared, if it cannot."""
    nothing = Edf(view.name, np.array([]))
    try:
        sample = known.at(view)
        comparable([own, sample])
    except EngineError as error:
        return nothing, nothing, f"{view.name}: {error.message}"
    return of_sample(sample, label=view.name), of_sample(sample, ~sample.inherited, view.name), None
