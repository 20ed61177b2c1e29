"""A run split by one condition: a curve a value, and how each stands against all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.analysis.bands import Band, band
from engine.analysis.conditions import Condition, Split, split
from engine.analysis.edf import Edf
from engine.analysis.importance import Enrichment, winners
from engine.analysis.verdict import Verdict, against_rest
from engine.report.figures.terminal_plot import LETTERS
from ktgtui.data.samples import Samples, standing
from ktgtui.data.snapshot import RunDetail
from ktgtui.drawing.plots import EdfFigure
from ktgtui.drawing.text import Cell, Column
from ktgtui.screens.analyse.view import Look, Paragraph, Row, below, drawn_range, quantiles, size, under

TOP = 0.05
"""The best graphs whose values are counted: 1 % of 600 would be six graphs."""

COLUMNS = (
    Column("", 3),
    Column("value", 18, grows=True),
    Column("n", 8, right=True),
    Column("best", 6, right=True),
    Column("10 %", 6, right=True, least=70),
    Column("median", 6, right=True),
    Column("90 %", 6, right=True, least=96),
    Column("of all", 6, right=True, least=112),
    Column("of best 5 %", 11, right=True, least=112),
    Column("below", 6, right=True),
    Column("against others", 14, least=76),
)
ROLES = {"better": "good", "worse": "bad", "crosses": "warn", "mixture": "warn"}


@dataclass(frozen=True, eq=False)
class Curves:
    """The answer."""

    run: RunDetail
    condition: Condition
    split: Split
    edfs: tuple[Edf, ...]
    bands: tuple[Band | None, ...]
    """One a value; None for a value without graphs."""
    verdicts: tuple[Verdict | None, ...]
    """Each value against all other graphs; None where there are too few."""
    best: tuple[Enrichment, ...]
    """What the best 5 % chose, a value each."""
    _figures: dict[tuple[object, ...], EdfFigure | None] = field(default_factory=dict, repr=False)
    """By what of a look decides the figure: the same figure is drawn once."""

    @property
    def title(self) -> str:
        letter = f"({self.condition.letter}) " if self.condition.letter else ""
        return f"{letter}{self.condition.title}, {self.condition.variable}"

    @property
    def command(self) -> str:
        return f"--by {self.condition.name}"

    def limits(self, look: Look) -> tuple[float, float]:
        """Error rates (%) between which it is drawn."""
        return drawn_range(self.edfs, look.zoom)

    def figure(self, look: Look) -> EdfFigure | None:
        wanted = (look.hidden, look.banded, look.zoom)
        if wanted not in self._figures:
            self._figures[wanted] = self._figure(look)
        return self._figures[wanted]

    def _figure(self, look: Look) -> EdfFigure | None:
        shown = [(i, e) for i, e in enumerate(self.edfs) if e.n and e.label not in look.hidden]
        return drawn(shown, self.bands, self.limits(look), look.banded)

    def columns(self) -> Sequence[Column]:
        return COLUMNS

    def rows(self, look: Look) -> Sequence[Row]:
        error = under(look.cross, *self.limits(look))
        return [self._row(i, look, error) for i in range(len(self.edfs))]

    def _row(self, place: int, look: Look, error: float | None) -> Row:
        value, edf, best = self.split.values[place], self.edfs[place], self.best[place]
        hidden = value.label in look.hidden
        mark = ("   ", "dim") if hidden else (f" {LETTERS[place % len(LETTERS)]}", f"curve{place % 6}")
        stand = standing(value.label, self.verdicts[place])
        top = (f"{100 * best.share:.0f} % of {best.n}", enriched(best))
        cells: tuple[Cell, ...] = (
            mark, (value.label, "dim" if hidden else ""), size(edf), *quantiles(edf, (0, 0.1, 0.5, 0.9)),
            (f"{100 * best.overall:.0f} %", "dim"), top, below(edf, error), (stand, ROLES.get(stand, "dim")))
        return Row(value.label, cells, self._said(place, look), place, value.phrase)

    def _said(self, place: int, look: Look) -> tuple[Paragraph, ...]:
        verdict, dots = self.verdicts[place], self.bands[place]
        left_out = self.split.sample.left_out
        notes = [f"best 5 %: {self.best[place].cut.words()}"] if self.best[place].cut.is_shared else []
        notes += [f"left out: {left_out}"] if left_out.total else []
        notes += [f"dots: {dots.words()}"] if dots and look.banded else []
        sentence = verdict.sentence if verdict else "too few graphs to compare"
        return ([(sentence, "")], [("   ".join(notes), "dim")])


def curves(known: Samples, run: RunDetail, condition: Condition) -> Curves:
    """EDFs of the run by a condition, how sure they are, and what they say. Raises AnalysisError."""
    parted = split(known.of(run), condition)
    edfs = parted.edfs()
    bands = tuple(band(edf) if edf.graphs else None for edf in edfs)
    best = winners(parted.sample, [parted], [condition.name], (TOP,))
    return Curves(run, condition, parted, edfs, bands, against_rest(parted), tuple(best))


def drawn(
    shown: Sequence[tuple[int, Edf]], bands: Sequence[Band | None], limits: tuple[float, float], banded: bool
) -> EdfFigure | None:
    """The curves that are shown, by their places in the list, with their bands; None if there is none."""
    if not shown:
        return None
    dotted = tuple((i, b) for i, _ in shown if (b := bands[i]) is not None) if banded else ()
    return EdfFigure(tuple(shown), *limits, dotted)


def enriched(best: Enrichment) -> str:
    """The role of a share of the best graphs: good or bad only where its interval leaves out the share of all."""
    return "good" if best.low > best.overall else "bad" if best.high < best.overall else "dim"
