"""Lines drawn elsewhere, shown as they are."""

from __future__ import annotations

from collections.abc import Sequence

from ktgtui.widgets.line_widget import Lines, Pieces


class Sketch(Lines):
    """A drawing of (text, role) lines."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Sequence[tuple[str, str]]] = ()

    def show(self, lines: Sequence[Sequence[tuple[str, str]]]) -> None:
        self._lines = lines
        self.redraw()

    def line(self, y: int, width: int) -> Pieces:
        return self.inked(self._lines[y]) if y < len(self._lines) else ()
