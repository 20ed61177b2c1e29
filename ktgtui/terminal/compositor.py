"""What a frame sends to the terminal: the cells that changed, with no more escape sequences than they need.

Textual 8.2.8 sends a changed span from its widget's left edge on, and both colours and a reset with every piece of it:
two thirds of the bytes of a table or a plot. Here a span begins where it changed, and a colour is said when it differs
from the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import cast

from rich.color import Color, ColorSystem
from rich.console import Console
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

Codes = tuple[str, str, str]
"""Attributes, colour of the text, colour under it, as the parameters of an SGR sequence."""
PLAIN: Codes = ("", "39", "49")


class Frames(Compositor):
    """A screen's compositor whose updates are written by a `Pen`."""

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return None if update is None else Changes(update.chops, update.spans, update.chop_ends)

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        update = super().render_full_update(simplify)
        return Whole(update.strips, update.region)

    def _render_chops(self, crop: Region, is_rendered_line: Callable[[int], bool]) -> Sequence[Mapping[int, Strip]]:
        """Textual renders every widget that touches the crop, containers too, of which nothing is seen. Here a widget renders
        the lines of which no widget before it has taken all: half of a page down."""
        cuts = self.cuts
        chops: list[dict[int, Strip | None]] = [dict.fromkeys(places[:-1]) for places in cuts]
        ends = {y: {x: end for x, end in pairwise(cuts[y]) if x < crop.right and end > crop.x}
                for y in crop.line_range if is_rendered_line(y)}
        bare = {y: [*places] for y, places in ends.items()}
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            left, right = seen.column_span
            taken = {y: [x for x in bare[y] if left <= x < right] for y in seen.line_range if y in bare}
            wanted = [y for y, places in taken.items() if places]
            if not wanted:
                continue
            top = wanted[0]
            strips = widget.render_lines(Region(left - region.x, top - region.y, seen.width, wanted[-1] + 1 - top))
            for y in wanted:
                strip = strips[y - top]
                for x in taken[y]:
                    chops[y][x] = strip.crop(x - left, ends[y][x] - left)
                bare[y] = [x for x in bare[y] if not left <= x < right]
        return cast("Sequence[Mapping[int, Strip]]", chops)  # as Textual has it: what no widget takes stays None


class Changes(ChopsUpdate):
    """The spans that changed."""

    def render_segments(self, console: Console) -> str:
        pen = Pen(console)
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(x, left), min(end, right)
                if strip is not None and first < last:
                    pen.put(first, y, strip.crop(first - x, last - x))
        return pen.text()


class Whole(LayoutUpdate):
    """Every cell."""

    def render_segments(self, console: Console) -> str:
        pen = Pen(console)
        for y, line in enumerate(self.strips, self.region.y):
            x = self.region.x
            for strip in line:
                pen.put(x, y, strip)
                x += strip.cell_length
        return pen.text()


class Pen:
    """Writes strips at places, remembering where it is and which colours it holds."""

    def __init__(self, console: Console) -> None:
        self._system = console._color_system or ColorSystem.TRUECOLOR
        self._written: list[str] = []
        self._at: tuple[int, int] | None = None
        self._held = PLAIN

    def put(self, x: int, y: int, strip: Strip) -> None:
        """Write a strip with its first cell at column x of line y."""
        if self._at != (x, y):
            self._written.append(f"\x1b[{y + 1};{x + 1}H")
        for text, style, control in strip:
            if style is not None and style.link:
                self._take(PLAIN)
                self._written.append(Strip.render_style(style, text, self._system))
                continue
            if not control:
                codes = PLAIN if style is None else codes_of(style, self._system)
                self._take(self._held if text.isspace() and alike(codes, self._held) else codes)
            self._written.append(text)
        self._at = (x + strip.cell_length, y)

    def _take(self, codes: Codes) -> None:
        """Say what differs from the codes held."""
        if codes == self._held:
            return
        (attributes, ink, ground), (old, old_ink, old_ground) = codes, self._held
        if attributes != old:
            said = ["0", attributes, *(code for code, plain in zip(codes[1:], PLAIN[1:], strict=True) if code != plain)]
        else:
            said = [ink if ink != old_ink else "", ground if ground != old_ground else ""]
        self._written.append(f"\x1b[{';'.join(filter(None, said))}m")
        self._held = codes

    def text(self) -> str:
        """All that was written; the terminal is left with its own colours."""
        self._take(PLAIN)
        return "".join(self._written)


def alike(one: Codes, other: Codes) -> bool:
    """Whether a blank looks the same in both: on one ground, and no line or swapped colours that would show in it."""
    return one[0] == other[0] == "" and one[2] == other[2]


@lru_cache(maxsize=1024)
def codes_of(style: Style, system: ColorSystem) -> Codes:
    """A style's codes in a terminal's colours."""
    ink, ground = (_colour(colour, system, foreground) for colour, foreground in ((style.color, True), (style.bgcolor, False)))
    return Strip.render_ansi(style.without_color, system), ink or PLAIN[1], ground or PLAIN[2]


def _colour(colour: Color | None, system: ColorSystem, foreground: bool) -> str:
    return "" if colour is None else ";".join(colour.downgrade(system).get_ansi_codes(foreground))
