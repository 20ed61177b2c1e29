"""EDF figures: every curve with its n, colour and line style; a band if one is given, with its words."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from engine.analysis.bands import Band
from engine.analysis.conditions import Split
from engine.analysis.diagnostics.trajectory import Trajectory
from engine.analysis.edf import Edf
from engine.report.figures.style import COLUMN, DASHES, PALETTE, WIDE, figure, place
from engine.report.figures.terminal_plot import Mark, limits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 400
"""Corners a curve keeps in a file at most: one in 0.2 mm of a panel; 2,500 of them take five times as long to save."""

LINE = 0.13
"""Inches a legend's line takes."""
WRAP = 48
"""Characters of a legend's line in a column."""


def edf_figure(edfs: Sequence[Edf], *, marks: Sequence[Mark] = (), bands: Sequence[Band] = ()) -> Figure:
    """One panel, column width, its legend below."""
    lines = len(edfs) + sum(fill(_mark(m), WRAP).count("\n") + 1 for m in marks) + 2 * len(bands)
    made = figure(COLUMN, 2.65 + LINE * lines)
    _panel(place(made, 0.5, 0.1, COLUMN - 0.6, 2.0), edfs, marks, bands)
    return made


def panels_figure(splits: Sequence[Split], titles: Sequence[str]) -> Figure:
    """A panel a condition, three in a row, one error range for all, each with its legend below."""
    row = 2.35 + LINE * max(len(s.values) for s in splits)
    made = figure(WIDE, row * -(-len(splits) // 3))
    shared = limits([e for s in splits for e in s.edfs()])
    for i, (parted, title) in enumerate(zip(splits, titles, strict=True)):
        axes = place(made, 0.45 + i % 3 * WIDE / 3, 0.25 + i // 3 * row, WIDE / 3 - 0.55, 1.6)
        _panel(axes, parted.edfs(), (), (), shared[:2])
        axes.set_title(title, fontsize=6.5, loc="left")
    return made


def _panel(
    axes: Any, edfs: Sequence[Edf], marks: Sequence[Mark], bands: Sequence[Band],
    shown: tuple[float, float] | None = None,
) -> None:
    full = [(i, e) for i, e in enumerate(edfs) if e.n]
    low, high, beyond = limits([e for _, e in full], [m.error for m in marks])
    if shown:
        (low, high), beyond = shown, 0
    for i, band in enumerate(bands):
        breaks = [low, *band.breaks.tolist(), max(high, float(band.breaks[-1]))]
        lower, upper = ([limit[0], *limit.tolist()] for limit in (band.lower, band.upper))
        if (band.upper > band.lower).any():
            axes.fill_between(breaks, lower, upper, step="pre", color=PALETTE[i % len(PALETTE)], alpha=0.2, linewidth=0,
                              label=fill(band.words(), WRAP))
        else:  # its words say why there is none: no swatch for what is not drawn
            axes.plot([], [], " ", label=fill(band.words(), WRAP))
    for i, edf in full:
        errors, shares = edf.steps()
        every = max(1, len(errors) // POINTS)
        axes.plot([low, *errors[:-1:every], errors[-1], max(high, errors[-1])], [0.0, *shares[:-1:every], 1.0, 1.0],
                  drawstyle="steps-pre", color=PALETTE[i % len(PALETTE)], linestyle=DASHES[i % len(DASHES)], label=_label(edf))
    for i, mark in enumerate(marks):
        axes.axvline(mark.error, color="#7F7F7F", linestyle=DASHES[(i + 1) % len(DASHES)], linewidth=1,
                     label=fill(_mark(mark), WRAP))
    margin = 0.02 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("validation error (%)" + (f"; {beyond} graphs beyond {high:.1f}" if beyond else ""))
    axes.set_ylabel("share of graphs below")
    below = -0.42 / (axes.get_position().height * axes.figure.get_size_inches()[1])
    axes.legend(fontsize=6.5, loc="upper left", bbox_to_anchor=(0, below), handlelength=2.8, labelspacing=0.3, borderpad=0)


def _mark(mark: Mark) -> str:
    return f"{mark.label}, {mark.error:.2f} %"


def _label(edf: Edf) -> str:
    notes = [f"{edf.inherited} inherited"] if edf.inherited else []
    notes += [f"{edf.graphs} graphs x {edf.passes} passes"] if edf.passes > 1 else []
    return f"{edf.label}, n = {edf.n}" + (f" ({', '.join(notes)})" if notes else "")


FEW = 10
"""Trials after which the best so far says something; what lies far above it is cut, or a first graph that hardly learned
would press every later step into one line."""


def trajectory_figure(paths: Sequence[tuple[str, Trajectory]]) -> Figure:
    """Best validation error so far against graph-epochs (logarithmic), a curve a run; first errors may lie above the frame."""
    made = figure(COLUMN, 2.5)
    axes = place(made, 0.6, 0.1, COLUMN - 0.7, 1.95)
    for i, (name, path) in enumerate(paths):
        axes.plot(path.epochs.clip(min=1), path.best, drawstyle="steps-post", color=PALETTE[i % len(PALETTE)],
                  linestyle=DASHES[i % len(DASHES)], label=f"{name}, {len(path.graphs)} trials")
    if shown := _worth_showing([path for _, path in paths]):
        axes.set_ylim(*shown)
    axes.set_xscale("log")
    axes.set_xlabel("graph-epochs trained")
    axes.set_ylabel("best validation error so far (%)")
    axes.legend(loc="upper right")
    return made


def _worth_showing(paths: Sequence[Trajectory]) -> tuple[float, float] | None:
    """Errors from the lowest to as far again above the best after a few trials; None where matplotlib's own range will do."""
    found = [values for path in paths if len(values := path.best[path.best == path.best])]
    if not found:
        return None
    low, high = min(float(v[-1]) for v in found), max(float(v[min(FEW, len(v)) - 1]) for v in found)
    top = low + 2 * (high - low)
    if high == low or top >= max(float(v[0]) for v in found):
        return None
    return low - 0.05 * (top - low), top
