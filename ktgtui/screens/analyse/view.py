"""What every way of looking at a run has in common: a figure, a list of values, a sentence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ktgtui.drawing import formatting
from ktgtui.drawing.text import Cell, Column

if TYPE_CHECKING:
    from engine.analysis.edf import Edf
    from ktgtui.drawing.plots import Line

Paragraph = Sequence[tuple[str, str]]

ZOOM = 0.7
"""Part of the error range that one step of zooming in keeps, from the good end."""
DEEPEST = 12
"""Steps of zooming: 0.7 to the 12th is 1.4 % of the range."""


class Figure(Protocol):
    """Something that can be painted at a size."""

    def paint(self, width: int, height: int, plain: bool) -> tuple[Line, ...]: ...


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants to see it."""

    hidden: frozenset[str] = field(default_factory=frozenset)
    """Keys of the rows whose curves are not drawn."""
    banded: bool = True
    zoom: int = 0
    cross: float | None = None
    """Place of the crosshair as a part of the range, so that zooming keeps it on screen."""

    def zoomed(self, by: int) -> Look:
        return replace(self, zoom=max(0, min(DEEPEST, self.zoom + by)))

    def toggled(self, key: str) -> Look:
        return replace(self, hidden=self.hidden ^ {key})

    def moved(self, by: float) -> Look:
        """The crosshair moved by a part of the range; the first step puts it in the middle."""
        return replace(self, cross=0.5 if self.cross is None else max(0.0, min(1.0, self.cross + by)))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list below the plot."""

    key: str
    cells: tuple[Cell, ...]
    said: tuple[Paragraph, ...] = ()
    """What is said of it below the list while the cursor is on it."""
    place: int | None = None
    """Which curve colour is its own."""
    phrase: str | None = None
    """The constraint that keeps exactly these graphs."""
    condition: str | None = None
    """The condition to turn to when it is taken."""


class View(Protocol):
    """An answer of the analysis, ready to be drawn. Frozen; the same view is drawn again for every `Look`."""

    @property
    def title(self) -> str:
        """What is shown, in a line."""
        ...

    @property
    def command(self) -> str:
        """The headless command that says the same, its run folder left out."""
        ...

    def figure(self, look: Look) -> Figure | None: ...

    def columns(self) -> Sequence[Column]: ...

    def rows(self, look: Look) -> Sequence[Row]: ...


def drawn_range(edfs: Sequence[Edf], zoom: int) -> tuple[float, float]:
    """Error rates (%) between which curves are drawn."""
    from engine.report.figures.terminal_plot import limits

    low, high, _ = limits([e for e in edfs if e.n])
    return low, low + (high - low) * ZOOM**zoom


def size(edf: Edf) -> str:
    """`413`, or `413 +87` where 87 more were inherited: fresh and inherited graphs are told apart everywhere."""
    return f"{edf.fresh:,} +{edf.inherited:,}" if edf.inherited else f"{edf.n:,}"


def quantiles(edf: Edf, shares: Sequence[float]) -> tuple[str, ...]:
    """Error rates (%) as cells; blank for a curve without graphs."""
    return tuple(formatting.percent(edf.quantile(s)) if edf.n else "" for s in shares)


def below(edf: Edf, error: float | None) -> str:
    """The curve's height under the crosshair."""
    return "" if error is None or not edf.n else f"{100 * float(edf.at(error)):.0f} %"


def under(cross: float | None, low: float, high: float) -> float | None:
    """The error rate (%) under the crosshair."""
    return None if cross is None else low + (high - low) * cross
