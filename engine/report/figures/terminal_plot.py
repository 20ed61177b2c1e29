"""EDFs drawn with characters, for people at a terminal without pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.analysis.bands import Band
from engine.analysis.edf import Edf, quantile
from engine.analysis.sample import Floats
from engine.report.figures import plotext_canvas

COLOURS = (("blue+", 94), ("orange", 33), ("green", 32), ("magenta", 35), ("cyan", 36), ("red", 31))
"""plotext's name and the SGR code of the same colour, of the terminal's own sixteen, so that its theme decides.

Letters on the curves say the same without colour.
"""

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST_PLOT = 8
"""Lines below which the plot itself is not squeezed, whatever the legend needs."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A reference drawn as a vertical line: a baseline's error rate (%)."""

    label: str
    error: float


def edf_plot(
    edfs: Sequence[Edf], width: int, height: int, *, colour: bool, marks: Sequence[Mark] = (), plain: bool = False,
    bands: Sequence[Band] = (),
) -> str:
    """Curves, axes and a legend with every n, in `height` lines of `width` characters (a few more if they must).

    `plain` uses ASCII only; `bands` are drawn as two thin lines each and named. Each curve is thinned to what its pixel
    columns can show: the exact F at each column.
    """
    full = [(i, e) for i, e in enumerate(edfs) if e.n]
    legend = [_entry(i, e, len(edfs), colour) for i, e in enumerate(edfs)]
    legend += [f"  | {m.label}  {m.error:.2f} %" for m in marks]
    legend += [f"  . {b.words()}" for b in bands]
    if not full:
        return "\n".join(["no graph with a result yet", *legend])
    low, high, beyond = limits([e for _, e in full], [m.error for m in marks])
    if beyond:
        legend.append(f"    {beyond} graphs lie beyond {high:.1f} %")
    plot = plotext_canvas.figure(width, max(LEAST_PLOT, height - len(legend)))
    columns = np.linspace(low, high, max(2, (width - 6) * (1 if plain else 2)))
    for band in bands:
        for limit in band.at(columns):
            plot.scatter(columns[::4].tolist(), limit[::4].tolist(), marker="." if plain else "·", color="gray")
    for i, edf in full:
        _draw(plot, edf, columns, i, len(full), plain)
    for mark in marks:
        plot.vline(mark.error)
    plot.xlim(low, high)
    plot.ylim(0, 1)
    plot.yticks([0, 0.25, 0.5, 0.75, 1])
    plot.xlabel("validation error (%), share of graphs below it")
    return "\n".join([plotext_canvas.text(plot, colour=colour, plain=plain), *legend])


def limits(edfs: Sequence[Edf], marks: Sequence[float] = ()) -> tuple[float, float, int]:
    """Error range to draw and how many graphs lie beyond it.

    From the best graph to the worst; if the worst 5 % would take more than half of the width, they are cut off.
    """
    pooled = np.sort(np.concatenate([e.errors for e in edfs]))
    low = min(float(pooled[0]), *marks) if marks else float(pooled[0])
    high, bulk = float(pooled[-1]), quantile(pooled, 0.95)
    if high - bulk > (high - low) / 2 and bulk > low:
        high = bulk
    high = max([high, *marks])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return low, high, int((pooled > high).sum())


def thin(edf: Edf, columns: Floats) -> tuple[Floats, Floats]:
    """The curve at pixel columns: exact F there, without the flat ends (one column of F = 0 and of F = 1 stay)."""
    shares = edf.at(columns)
    start = max(0, int(np.searchsorted(shares, 0.0, side="right")) - 1)
    end = int(np.searchsorted(shares, 1.0, side="left")) + 1
    return columns[start:end], shares[start:end]


def _draw(plot: Any, edf: Edf, columns: Floats, place: int, curves: int, plain: bool) -> None:
    errors, shares = thin(edf, columns)
    colour, _ = COLOURS[place % len(COLOURS)]
    plot.plot(errors.tolist(), shares.tolist(), marker="." if plain else "braille", color=colour)
    if curves > 1:
        xs, ys = _letter_places(errors, shares, place, curves)
        plot.scatter(xs, ys, marker=LETTERS[place % len(LETTERS)], color=colour)


def _letter_places(columns: Floats, shares: Floats, place: int, curves: int) -> tuple[list[float], list[float]]:
    """Where a curve carries its letter: at five heights of its rise, each curve's a little higher."""
    heights = (np.arange(5) + (place + 0.5) / curves) / 5
    at = np.minimum(np.searchsorted(shares, heights), len(columns) - 1)
    return columns[at].tolist(), shares[at].tolist()


def _entry(place: int, edf: Edf, curves: int, colour: bool) -> str:
    letter = LETTERS[place % len(LETTERS)] if curves > 1 else "-"
    if colour:
        letter = f"\x1b[{COLOURS[place % len(COLOURS)][1]}m{letter}\x1b[0m"
    return f"  {letter} {edf.legend()}"
