"""EDFs as lines of (text, role) by plotext; what stands beside the plot is drawn by the screens.

Textual-free: widgets turn roles into the theme's styles.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.edf import Edf
from engine.report import canvas
from engine.report.terminal import COLOURS, LETTERS, limits, thin

Run = tuple[str, str]
"""A piece of a line and its role in the palette ('' for the plain text colour)."""
Line = tuple[Run, ...]

_PIECE = re.compile(r"\x1b\[([0-9;]*)m")
_NUMBERS = {"blue+": "12", "orange": "3", "green": "2", "magenta": "5", "cyan": "6", "red": "1"}
"""plotext 5.3.2 writes `38;5;N` for the names of `engine.report.terminal.COLOURS`."""
_ROLES = {f"38;5;{_NUMBERS[name]}": f"curve{i}" for i, (name, _) in enumerate(COLOURS)}


@dataclass(frozen=True, eq=False)
class Figure:
    """What to draw: curves with the place (colour and letter) each of them keeps."""

    curves: tuple[tuple[int, Edf], ...]
    low: float
    high: float
    lettered: bool = True
    """Letters on the curves, so that colour is never the only sign."""


def figure(edfs: Sequence[Edf]) -> Figure | None:
    """The figure of some EDFs over the range that shows them; None if none of them has a graph."""
    full = tuple((i, e) for i, e in enumerate(edfs) if e.n)
    if not full:
        return None
    low, high, _ = limits([e for _, e in full])
    return Figure(full, low, high, len(full) > 1)


def draw(what: Figure, width: int, height: int, plain: bool = False) -> tuple[Line, ...]:
    """`height` lines of `width` characters. `plain` draws with ASCII only."""
    plot = canvas.figure(width, height)
    columns = np.linspace(what.low, what.high, max(2, (width - 6) * (1 if plain else 2)))
    for place, edf in what.curves:
        colour, _ = COLOURS[place % len(COLOURS)]
        errors, shares = thin(edf, columns)
        plot.plot(errors.tolist(), shares.tolist(), marker="." if plain else "braille", color=colour)
        if what.lettered:
            heights = (np.arange(4) + (place % 6 + 0.5) / 6) / 4
            at = np.minimum(np.searchsorted(shares, heights), len(errors) - 1)
            plot.scatter(errors[at].tolist(), shares[at].tolist(), marker=LETTERS[place % len(LETTERS)], color=colour)
    plot.xlim(what.low, what.high)
    plot.ylim(0, 1)
    plot.yticks([0, 0.25, 0.5, 0.75, 1])
    drawn = canvas.text(plot, colour=True, plain=plain).split("\n")
    return tuple(_runs(line) for line in drawn)


def _runs(line: str) -> Line:
    """A line with escape sequences as runs; the frame and the ticks are dim."""
    pieces = _PIECE.split(line)
    runs = [(pieces[0], "dim")] if pieces[0] else []
    for code, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if text:
            runs.append((text, _ROLES.get(code, "dim")))
    return tuple(runs)
