"""plotext's quirks, in one place (plotext 5.3.2).

plotext keeps one figure a process and has no public way to another; its figure class stands in a private module.
textual-plotext takes it from there too, so a rename would be noticed. `plotsize` is cut to the real terminal's size
unless `_limit_size` says no, the frame is drawn with box characters only, and colours come out as escape sequences
even in its `clear` theme.
"""

from __future__ import annotations

import re
from typing import Any

_BOX = str.maketrans("┌┐└┘┤├┬┴─│", "++++++++-|")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def figure(width: int, height: int) -> Any:
    """A plotext figure of our own, `width` x `height` characters, frame and labels included."""
    from plotext._figure import _figure_class

    own = _figure_class()
    own._limit_size(False, False)
    own.plotsize(width, height)
    own.theme("clear")
    return own


def text(figure: Any, *, colour: bool, plain: bool = False) -> str:
    """The figure's lines without trailing blanks; `plain` turns the frame into ASCII characters."""
    drawn: str = figure.build()
    if not colour:
        drawn = _ESCAPE.sub("", drawn)
    if plain:
        drawn = drawn.translate(_BOX)
    return "\n".join(line.rstrip() for line in drawn.rstrip("\n").split("\n"))
