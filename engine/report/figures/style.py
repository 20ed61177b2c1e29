"""How figures look and how they become files: one palette, publication sizes, the same bytes each time.

matplotlib is imported where a figure is made and is never configured globally: no pyplot, no rcParams left changed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Okabe and Ito's colours, told apart with any colour vision and seen on white and on black."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)), (0, (8, 2)), (0, (3, 1, 1, 1, 1, 1)))
"""A line style a curve as well, for paper without colours."""
TARGET, FROZEN, PLAIN = "#D55E00", "#56B4E9", "#7F7F7F"
"""Colours of the target node (red in the paper), of a frozen node and of the others."""

INK, PAPER = "#010203", "#fefdfc"
"""Text and axes, and what lies behind text: black and white in files; the page turns them into its own colours."""
WIDE, COLUMN = 7.0, 3.4
"""Inches: a page's and a column's width."""
DOTS = 200
"""PNG resolution an inch."""
_SETTINGS: dict[Any, Any] = {
    "font.size": 8, "font.family": "DejaVu Sans", "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK,
    "xtick.color": INK, "ytick.color": INK, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "legend.fontsize": 7, "lines.linewidth": 1.3,
    "pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "ktgtui", "figure.facecolor": "none", "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
"""What would change from day to day or version to version is left out."""


@contextmanager
def styled() -> Iterator[None]:
    """matplotlib's settings while a figure is made and saved; restored afterwards."""
    import matplotlib

    with matplotlib.rc_context(_SETTINGS):
        yield


def figure(width: float, height: float) -> Figure:
    """A figure of its own (inches), on an Agg canvas; call within `styled`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    made = Figure(figsize=(width, height))
    FigureCanvasAgg(made)
    return made


def place(made: Figure, left: float, top: float, width: float, height: float) -> Any:
    """Axes at a place given in inches from the figure's upper left corner.

    Not matplotlib's constrained layout: it takes a third of a report's time, and settles a little differently at each
    saving, which would make a file depend on the formats asked for before it.
    """
    across, down = made.get_size_inches()
    return made.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def rendered(made: Figure, form: str) -> bytes:
    """The figure as `svg`, `pdf` or `png`; the same bytes for the same figure. Paper is white, the page's SVG clear."""
    out = io.BytesIO()
    made.savefig(out, format=form, dpi=DOTS, metadata=_METADATA[form], facecolor="none" if form == "svg" else "white")
    return out.getvalue()


def inline(svg: bytes, name: str) -> str:
    """An SVG to stand in a page: no prolog, the page's colours for ink and paper, ids that no other figure has."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    return text.replace(INK, "currentColor").replace(PAPER, "var(--paper)")
