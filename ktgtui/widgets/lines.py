"""A widget that draws itself as lines and sends only the part of each line that changed.

Textual 8.2.8 sends a widget's whole region on `refresh()`; over SSH that is what makes a terminal program slow. Here
the last strips are kept, compared cell by cell, and only the span that differs is marked dirty.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import Self

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ktgtui.theme import PALETTES

Runs = Iterable[tuple[str, str]]
"""Pieces of a line, each with a role of the palette ('' for the plain text colour)."""


class Lines(Widget):
    """Subclasses say what line y shows (`line`) and call `redraw` when that may have changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: dict[int, Strip] = {}
        """What the screen has, by line."""
        self._fresh: dict[int, Strip] = {}
        """What `redraw` found to differ, for `render_line` to take."""
        self._inks: dict[tuple[str, str], Style] = {}

    def ink(self, role: str, over: str = "") -> Style:
        """The palette's style for `role`, laid over by another role's if need be, on the widget's own colours."""
        found = self._inks.get((role, over))
        if found is None:
            palette = PALETTES[self.app.theme]
            found = self.rich_style
            for name in (role, over):
                if (style := palette.get(name)) is not None:
                    found = found + style
            self._inks[role, over] = found
        return found

    @property
    def plain(self) -> bool:
        """True where the terminal has no characters beyond ASCII."""
        return bool(getattr(self.app, "plain", False))

    def line(self, y: int) -> Strip:
        """Line `y` of the widget, at any length; it is cut or filled up to the width."""
        raise NotImplementedError

    def strip(self, runs: Runs) -> Strip:
        """A strip of runs in the palette's styles."""
        return Strip([Segment(text, self.ink(role)) for text, role in runs if text])

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._inks.clear()

    def _full(self, y: int) -> Strip:
        """Line `y` filled to the widget's width in its own colours: Textual paints no background under it."""
        strip = self.line(y)
        if self.plain:
            strip = Strip([Segment(ascii_only(text), style) for text, style, _ in strip])
        return strip.adjust_cell_length(self.size.width, self.ink("")).simplify()

    def render_line(self, y: int) -> Strip:
        strip = self._fresh.pop(y, None)
        if strip is None or strip.cell_length != self.size.width:
            strip = self._full(y)
        self._shown[y] = strip
        return strip

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Textual 8.2.8 refreshes a widget whole when the focus comes or goes: 14 KB for a tab. Here what differs is."""
        if regions or layout or recompose or not (repaint and self._shown and self.is_mounted):
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        self.redraw()
        return self

    def redraw(self, lines: Iterable[int] | None = None) -> None:
        """Mark what differs from the screen as dirty; `lines`: only these can differ."""
        if not self.is_mounted or not self.size:
            return
        height = self.size.height
        regions = []
        for y in range(height) if lines is None else lines:
            new = self._full(y)
            self._fresh.pop(y, None)
            if 0 <= y < height and (span := differing(self._shown.get(y), new)):
                regions.append(Region(span[0], y, span[1] - span[0], 1))
                self._fresh[y] = new
        if regions:
            super().refresh(*regions)


def ascii_only(text: str) -> str:
    """Whatever a drawing or a name brings along: a terminal without UTF-8 would show each of its bytes."""
    return text if text.isascii() else text.translate(_ASCII).encode("ascii", "replace").decode()


_ASCII = str.maketrans("←→↑↓−·…±×│", "<>^v-..~x|")


def differing(old: Strip | None, new: Strip) -> tuple[int, int] | None:
    """The columns [from, to) in which two simplified strips of equal length differ; None if they are the same."""
    if old is None:
        return (0, new.cell_length)
    if old == new:
        return None
    before, after = list(old), list(new)
    if old.cell_length != new.cell_length:
        return (0, new.cell_length)
    start = _common(zip(before, after, strict=False), 1)
    end = new.cell_length - _common(zip(reversed(before), reversed(after), strict=False), -1)
    return (start, end)


def _common(pairs: Iterable[tuple[Segment, Segment]], step: int) -> int:
    """Cells that two lines have in common at their start (step 1) or, given backwards, at their end (step -1)."""
    cells = 0
    for (text, style, _), (other, other_style, _) in pairs:
        if style != other_style:
            break
        if text == other:
            cells += cell_len(text)
            continue
        alike = takewhile(lambda two: two[0] == two[1], zip(text[::step], other[::step], strict=False))
        cells += cell_len("".join(one for one, _ in alike))
        break
    return cells
