"""A plot: drawn by plotext when its figure, its size or the theme changes, and then sent where it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ktgtui.widgets.line_widget import Lines, Pieces
from ktgtui.widgets.text_block import wrap

if TYPE_CHECKING:
    from ktgtui.drawing.plots import Line


class Figure(Protocol):
    """Something that can be painted at a size, as `ktgtui.drawing.plots` makes it."""

    def paint(self, width: int, height: int, plain: bool) -> tuple[Line, ...]: ...


LEFT = 5
"""Characters left of the plotting area: a tick label of four and the frame."""
LEAST = (16, 4)
"""Columns and lines below which a plot says nothing."""


class Plot(Lines):
    """Shows one figure, or a line that says why there is none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figure: Figure | None = None
        self._empty = ""
        self._drawn: tuple[Line, ...] = ()
        self._column: int | None = None
        self._bold: str | None = None

    def show(self, figure: Figure | None, empty: str = "") -> None:
        """Show another figure; `empty` is said if there is none."""
        if figure is self._figure and empty == self._empty:
            return
        self._figure, self._empty = figure, empty
        self._draw()

    @property
    def area(self) -> int:
        """Characters between the frame's sides."""
        return max(1, self.size.width - LEFT - 1)

    def point(self, share: float | None) -> None:
        """A vertical line at this part of the range (0 left, 1 right), laid over what is drawn; None: no line."""
        column = None if share is None else LEFT + min(self.area - 1, round(share * (self.area - 1)))
        if column != self._column:
            self._column = column
            self.redraw()

    def emphasise(self, role: str | None) -> None:
        """Draw the curves of this role in bold."""
        if role != self._bold:
            self._bold = role
            self.redraw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._figure is None:
            self._drawn = tuple(tuple(line) for line in wrap([(self._empty, "dim")], max(1, self.size.width)))
        elif self.size.width >= LEAST[0] and self.size.height >= LEAST[1]:
            self._drawn = self._figure.paint(self.size.width, self.size.height, self.plain)
        else:
            self._drawn = ((("too small for a plot", "dim"),),)
        self.redraw()

    def line(self, y: int, width: int) -> Pieces:
        if y >= len(self._drawn):
            return ()
        runs = self._drawn[y]
        if self._column is not None and self._figure is not None and y < self.size.height - 2:
            runs = struck(runs, self._column, "|" if self.plain else "│")
        if self._bold is None:
            return self.inked(runs)
        return [(text, self.ink(role, "bold" if role == self._bold else "")) for text, role in runs]


def struck(runs: Line, column: int, mark: str) -> Line:
    """A line with `mark` at a column, if that cell is blank: a crosshair must not hide a curve."""
    made: list[tuple[str, str]] = []
    start = 0
    for text, role in runs:
        at = column - start
        if 0 <= at < len(text) and text[at] == " ":
            made += [(text[:at], role), (mark, "cross"), (text[at + 1 :], role)]
        else:
            made.append((text, role))
        start += len(text)
    if column >= start:
        made += [(" " * (column - start), ""), (mark, "cross")]
    return tuple(made)
