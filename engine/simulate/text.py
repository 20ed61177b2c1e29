"""Regrets as text: at equal cost, and at each strategy's end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.report.tables import Table as Grid
from engine.report.tables import as_text
from engine.simulate.regret import Regrets
from engine.simulate.table import Table

MOST = 8
"""Costs shown: the last ones."""


def text(table: Table, found: Sequence[Regrets]) -> str:
    """Mean true regret by cost, then what each search spent and how far its selection flattered it."""
    floor = table.errors.mean(axis=1).min()
    told = [f"lowest mean validation error of any graph {floor:.2f} %, median graph {np.median(table.errors.mean(axis=1)):.2f} %"]
    return "\n\n".join([*told, as_text(curves(found)), as_text(ends(found))])


def curves(found: Sequence[Regrets]) -> Grid:
    """True regret by cost."""
    plain = [r.plain() for r in found]
    costs = [point["graph_epochs"] for point in plain[0]["curve"]][-MOST:]
    rows = [(p["strategy"], *(_cell(point) for point in p["curve"][-MOST:])) for p in plain]
    caption = ("True regret (points of error, mean over searches ± its standard error) after so many graph-epochs: error of the "
               "graph found, over the repeats its search did not see, minus the lowest mean error of any graph")
    return Grid("regret", caption, ("strategy", *(f"{c:,}" for c in costs)), tuple(rows))


def _cell(point: dict) -> str:
    return "-" if point["true"] is None else f"{point['true']:.2f} ± {point['true_error']:.2f}"


def ends(found: Sequence[Regrets]) -> Grid:
    """Whole searches."""
    rows = tuple(
        (r.name, f"{r.spent.mean():,.0f}", f"{r.trained.mean():,.0f}", _ended(r), _signed(r.mean_optimism)) for r in found
    )
    columns = ("strategy", "graph-epochs", "trainings", "regret at its end: mean, 10 % to 90 %", "optimism")
    caption = "Whole searches; optimism is the error over unseen repeats minus the error the graph was chosen by"
    return Grid("ends", caption, columns, rows)


def _signed(points: float) -> str:
    return "-" if np.isnan(points) else f"{points:+.2f}"


def _ended(found: Regrets) -> str:
    last = found.true[:, -1]
    last = last[np.isfinite(last)]
    return "-" if not len(last) else f"{last.mean():.2f}, {np.quantile(last, 0.1):.2f} to {np.quantile(last, 0.9):.2f}"
