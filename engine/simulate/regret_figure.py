"""Regret against cost as a picture, and the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.report.figures.style import COLUMN, DASHES, PALETTE, figure, place
from engine.report.tables import Table as Grid
from engine.simulate.regret import Regrets

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def regret_figure(found: Sequence[Regrets]) -> Figure:
    """Mean true regret (points of error) against graph-epochs (logarithmic), with its standard error; a curve a strategy."""
    made = figure(COLUMN, 2.5)
    axes = place(made, 0.5, 0.1, COLUMN - 0.6, 1.95)
    for i, regrets in enumerate(found):
        points = [p for p in regrets.plain()["curve"] if p["true"] is not None]
        costs, means = ([p[name] for p in points] for name in ("graph_epochs", "true"))
        low, high = ([p["true"] + sign * p["true_error"] for p in points] for sign in (-1, 1))
        colour = PALETTE[i % len(PALETTE)]
        label = f"{regrets.name}, {len(regrets.true)} searches"
        axes.plot(costs, means, color=colour, linestyle=DASHES[i % len(DASHES)], label=label)
        axes.fill_between(costs, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_xlabel("graph-epochs trained")
    axes.set_ylabel("true regret (points of error)")
    axes.legend(loc="upper right")
    return made


def numbers(found: Sequence[Regrets]) -> Grid:
    """Every point of every curve, for CSV."""
    names = ("graph_epochs", "searches", "seen", "true", "true_error", "true_low", "true_high")
    points = ((regrets.name, point) for regrets in found for point in regrets.plain()["curve"])
    rows = ((strategy, *("" if point[n] is None else str(point[n]) for n in names)) for strategy, point in points)
    return Grid("regret", "Regret by cost", ("strategy", *names), tuple(rows))
