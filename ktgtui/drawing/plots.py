"""Figures as lines of (text, role) by plotext; what stands beside a plot is drawn by the pages.

Textual-free: widgets turn roles into the theme's styles. A figure is what to draw; `paint` draws it at a size.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.analysis.bands import Band
from engine.analysis.edf import Edf
from engine.analysis.sample import Floats
from engine.report.figures import plotext_canvas
from engine.report.figures.terminal_plot import COLOURS, LETTERS, limits, thin
from engine.store.records import Curve

Run = tuple[str, str]
"""A piece of a line and its role in the palette ('' for the plain text colour)."""
Line = tuple[Run, ...]

MARGIN = 6
"""Characters left of the plotting area (tick labels and frame) and right of it (frame)."""

_PIECE = re.compile(r"\x1b\[([0-9;]*)m")
_NUMBERS = {"blue+": "12", "orange": "3", "green": "2", "magenta": "5", "cyan": "6", "red": "1"}
"""plotext 5.3.2 writes `38;5;N` for the names of `engine.report.figures.terminal_plot.COLOURS`."""
_ROLES = {f"38;5;{_NUMBERS[name]}": f"curve{i}" for i, (name, _) in enumerate(COLOURS)}


@dataclass(frozen=True, eq=False)
class EdfFigure:
    """EDFs, each with the place (colour and letter) it keeps whatever else is shown."""

    curves: tuple[tuple[int, Edf], ...]
    low: float
    high: float
    """Error rates (%) between which it is drawn."""
    bands: tuple[tuple[int, Band], ...] = ()
    lettered: bool = True
    """Letters on the curves, so that colour is never the only sign."""
    _painted: dict[tuple[int, int, bool], tuple[Line, ...]] = field(default_factory=dict, repr=False)
    """What was drawn, by size: plotext takes 30 ms and more, so pages are painted before they are turned to."""

    def columns(self, width: int, plain: bool) -> Floats:
        """Error rates of the pixel columns, shape [c]."""
        return np.linspace(self.low, self.high, max(2, (width - MARGIN) * (1 if plain else 2)))

    def paint(self, width: int, height: int, plain: bool) -> tuple[Line, ...]:
        """`height` lines of `width` characters; `plain` draws with ASCII only."""
        known = self._painted.get((width, height, plain))
        if known is None:
            known = self._painted[width, height, plain] = self._paint(width, height, plain)
        return known

    def _paint(self, width: int, height: int, plain: bool) -> tuple[Line, ...]:
        plot = plotext_canvas.figure(width, height)
        columns = self.columns(width, plain)
        for place, band in self.bands:
            _dots(plot, place, band, columns)
        for place, edf in self.curves:
            _curve(plot, place, edf, columns, plain, self.lettered)
        plot.xlim(self.low, self.high)
        plot.ylim(0, 1)
        plot.yticks([0, 0.25, 0.5, 0.75, 1])
        return _lines(plot, plain)


def edf_figure(edfs: Sequence[Edf]) -> EdfFigure | None:
    """The figure of some EDFs over the range that shows them; None if none of them has a graph."""
    full = tuple((i, e) for i, e in enumerate(edfs) if e.n)
    if not full:
        return None
    low, high, _ = limits([e for _, e in full])
    return EdfFigure(full, low, high, lettered=len(full) > 1)


def _curve(plot: Any, place: int, edf: Edf, columns: Floats, plain: bool, lettered: bool) -> None:
    colour, _ = COLOURS[place % len(COLOURS)]
    errors, shares = thin(edf, columns)
    if not len(errors):
        return
    plot.plot(errors.tolist(), shares.tolist(), marker="." if plain else "braille", color=colour)
    if lettered:
        heights = (np.arange(4) + (place % 6 + 0.5) / 6) / 4
        at = np.minimum(np.searchsorted(shares, heights), len(errors) - 1)
        plot.scatter(errors[at].tolist(), shares[at].tolist(), marker=LETTERS[place % len(LETTERS)], color=colour)


def _dots(plot: Any, place: int, band: Band, columns: Floats) -> None:
    """A band's limits as dotted lines: every fourth pixel column, so that they are not taken for curves."""
    colour, _ = COLOURS[place % len(COLOURS)]
    for limit in band.at(columns[::4]):
        inside = (limit > 0) & (limit < 1)
        plot.scatter(columns[::4][inside].tolist(), limit[inside].tolist(), marker="·", color=colour)


PANEL = (24, 6)
"""Columns and lines below which a panel says nothing."""


@dataclass(frozen=True, eq=False)
class Panels:
    """Small multiples over one range: a title and a figure each, None where nothing is to be drawn."""

    panels: tuple[tuple[str, EdfFigure | None], ...]

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Columns and lines of a panel: as square as it can be, all of them on screen if they fit at all."""
        least_wide, least_high = PANEL
        across = max(1, min(len(self.panels), width // least_wide))
        for columns in range(1, across + 1):
            lines = height // -(-len(self.panels) // columns)
            if lines >= least_high and width // columns <= 5 * lines:
                return width // columns, lines
        return width // across, max(least_high, height // -(-len(self.panels) // across))

    def paint(self, width: int, height: int, plain: bool) -> tuple[Line, ...]:
        wide, high = self.grid(width, height)
        across = width // wide
        lines: list[Line] = []
        for start in range(0, len(self.panels), across):
            if len(lines) + high > height:
                break
            drawn = [_panel(title, figure, wide, high, plain) for title, figure in self.panels[start : start + across]]
            lines += [tuple(run for panel in drawn for run in panel[y]) for y in range(high)]
        return tuple(lines)


def _panel(title: str, figure: EdfFigure | None, width: int, height: int, plain: bool) -> tuple[Line, ...]:
    """`height` lines of exactly `width` characters."""
    body = figure.paint(width - 1, height - 1, plain) if figure else (((" nothing drawn here", "dim"),),)
    lines = [((f" {title}"[: width - 1], "head"),), *body]
    return tuple(_filled(line, width) for line in [*lines, *[()] * height][:height])


def _filled(line: Line, width: int) -> Line:
    return (*line, (" " * max(0, width - sum(len(text) for text, _ in line)), ""))


@dataclass(frozen=True, eq=False)
class CurveFigure:
    """Learning curves: validation accuracy (%) of each node by epoch."""

    curve: Curve

    def paint(self, width: int, height: int, plain: bool) -> tuple[Line, ...]:
        plot = plotext_canvas.figure(width, height)
        rows = self.curve.accuracy
        for node in range(len(rows[0]) if rows else 0):
            points = [(e, row[node]) for e, row in enumerate(rows, 1) if row[node] is not None]
            if points:
                xs, ys = zip(*points, strict=True)
                colour, _ = COLOURS[node % len(COLOURS)]
                plot.plot(list(xs), list(ys), marker="." if plain else "braille", color=colour)
                plot.scatter([xs[-1]], [ys[-1]], marker=str(node + 1), color=colour)
        return _lines(plot, plain)


def _lines(plot: Any, plain: bool) -> tuple[Line, ...]:
    return tuple(_runs(line) for line in plotext_canvas.text(plot, colour=True, plain=plain).split("\n"))


def _runs(line: str) -> Line:
    """A line with escape sequences as runs; the frame and the ticks are dim."""
    pieces = _PIECE.split(line)
    runs = [(pieces[0], "dim")] if pieces[0] else []
    for code, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if text:
            runs.append((text, _ROLES.get(code, "dim")))
    return tuple(runs)
