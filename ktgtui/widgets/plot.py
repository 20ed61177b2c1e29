"""An EDF plot: drawn by plotext when its figure, its size or the theme changes, and then sent where it differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.strip import Strip

from ktgtui.widgets.lines import Lines

if TYPE_CHECKING:
    from ktgtui.drawing import Figure, Line


class Plot(Lines):
    """Shows one figure, or a line that says why there is none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._figure: Figure | None = None
        self._empty = ""
        self._drawn: tuple[Line, ...] = ()

    def show(self, figure: Figure | None, empty: str = "") -> None:
        """Show another figure; `empty` is said if there is none."""
        self._figure, self._empty = figure, empty
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._figure is None:
            self._drawn = (((self._empty, "dim"),),)
        elif self.size.width >= 16 and self.size.height >= 4:
            from ktgtui.drawing import draw  # numpy and plotext: after the first paint

            self._drawn = draw(self._figure, self.size.width, self.size.height, self.plain)
        else:
            self._drawn = ((("too small for a plot", "dim"),),)
        self.redraw()

    def line(self, y: int) -> Strip:
        return self.strip(self._drawn[y]) if y < len(self._drawn) else Strip([])
