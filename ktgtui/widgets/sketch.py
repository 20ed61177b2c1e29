"""Lines drawn elsewhere, shown as they are."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from ktgtui.widgets.lines import Lines


class Sketch(Lines):
    """A drawing of (text, role) lines."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Sequence[tuple[str, str]]] = ()

    def show(self, lines: Sequence[Sequence[tuple[str, str]]]) -> None:
        self._lines = lines
        self.redraw()

    def line(self, y: int) -> Strip:
        return self.strip(self._lines[y]) if y < len(self._lines) else Strip([])
