"""A widget that draws itself as lines and sends only the part of each line that changed.

Textual 8.2.8 sends a widget's whole region on `refresh()`; over SSH that is what makes a terminal program slow. Here
the last strips are kept, compared cell by cell, and only the span that differs is marked dirty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.messages import Update
from textual.strip import Strip
from textual.widget import Widget

from ktgtui.theme import PALETTES

Runs = Iterable[tuple[str, str]]
"""Pieces of a line, each with a role of the palette ('' for the plain text colour)."""
Pieces = Sequence[tuple[str, Style]]
"""The same with the roles' inks."""


class Lines(Widget):
    """Subclasses say what line y shows (`line`) and call `redraw` when that may have changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: dict[int, Strip] = {}
        """What the screen has, by line."""
        self._ready: dict[int, Strip] = {}
        """What it shall have, as far as it was drawn since the widget was last painted whole."""
        self._inks: dict[tuple[str, str], Style] = {}
        self._ground: Style | None = None
        """The widget's own style, of which the inks were mixed."""

    def ink(self, role: str, over: str = "") -> Style:
        """The palette's style for `role`, laid over by another role's if need be, on the widget's own colours."""
        found = self._inks.get((role, over))
        if found is None:
            palette = PALETTES[self.app.theme]
            found = self.rich_style
            for name in (role, over):
                if (style := palette.get(name)) is not None:
                    found = found + style
            for one in self.get_line_filters():  # here once a style, and not once a piece of every line
                found = one.apply([Segment("", found)], self.background_colors[1])[0].style or found
            same = next((ink for ink in self._inks.values() if ink == found), found)
            found = self._inks[role, over] = same  # one object a style: pieces of lines are compared by it
        return found

    @property
    def plain(self) -> bool:
        """True where the terminal has no characters beyond ASCII."""
        return bool(getattr(self.app, "plain", False))

    def line(self, y: int, width: int) -> Pieces:
        """Line `y` of a widget this wide, at any length; it is cut or filled up to the width."""
        raise NotImplementedError

    def inked(self, runs: Runs) -> Pieces:
        """Runs in the palette's styles."""
        return [(text, self.ink(role)) for text, role in runs]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.rich_style != self._ground:  # a focus that comes and goes updates styles too, and changes none
            self._ground = self.rich_style
            self._inks.clear()
            self._ready.clear()

    def _full(self, y: int, width: int) -> Strip:
        """Line `y` filled to a width in the widget's own colours: Textual paints no background under it."""
        pieces = self.line(y, width)
        if self.plain:
            pieces = [(ascii_only(text), ink) for text, ink in pieces]
        return filled(pieces, width, self.ink(""))

    def render_line(self, y: int) -> Strip:
        strip, width = self._ready.get(y), self.size.width
        if strip is None or strip.cell_length != width:
            strip = self._ready[y] = self._full(y, width)
        self._shown[y] = strip
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """Textual 8.2.8 looks for borders, padding, titles and links around each line, five times what the line costs."""
        if self.gutter:
            return super().render_lines(crop)
        strips = [self.render_line(y) for y in crop.line_range]
        if crop.column_span == (0, self.size.width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def refresh(
        self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False
    ) -> Self:
        """Textual 8.2.8 refreshes a widget whole when the focus comes or goes: 14 KB for a tab. Here what differs is."""
        if regions or layout or recompose or not (repaint and self._shown and self.is_mounted):
            if not regions:
                self._ready.clear()
            return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        self.redraw()
        return self

    def redraw(self, lines: Iterable[int] | None = None) -> None:
        """Mark what differs from the screen as dirty; `lines`: only these can differ."""
        width, height = self.size
        if not self.is_mounted or not (width and height):
            return
        regions = []
        for y in range(height) if lines is None else lines:
            if not 0 <= y < height:
                continue
            new = self._ready[y] = self._full(y, width)
            if span := differing(self._shown.get(y), new):
                regions.append(Region(span[0], y, span[1] - span[0], 1))
        if regions:
            super().refresh(*regions)
            # Textual 8.2.8 tells the screen when the widget is next idle: what one key changes came in two frames, 16 ms apart.
            self.screen.post_message(Update(self))


def filled(pieces: Pieces, width: int, ink: Style) -> Strip:
    """Pieces as a line of exactly `width` cells, blanks in `ink` at its end; neighbours of one ink become one segment."""
    segments: list[Segment] = []
    text, held, used = "", ink, 0
    for piece, own in pieces:
        cells = len(piece) if piece.isascii() else cell_len(piece)
        if used + cells > width:
            piece, cells = set_cell_size(piece, width - used), width - used
        if own is held:
            text += piece
        elif piece:
            if text:
                segments.append(Segment(text, held))
            text, held = piece, own
        used += cells
    if used < width and held is not ink:
        segments.append(Segment(text, held))
        text, held = "", ink
    segments.append(Segment(text + " " * (width - used), held))
    return Strip(segments, width)


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
