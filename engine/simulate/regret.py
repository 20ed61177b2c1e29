"""What a simulated search found for what it spent, and the regret of many of them at equal cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.simulate.table import Table

Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Path:
    """One simulated search: when it found something better, and what it cost in all."""

    repeat: int
    """The repeat of the table whose trainings it saw."""
    costs: list[int] = field(default_factory=list)
    """Graph-epochs spent when each find was made, ascending."""
    finds: list[int] = field(default_factory=list)
    """Form of each find: the best validation error so far."""
    spent: int = 0
    """Graph-epochs of the whole search."""
    drawn: int = 0
    trained: int = 0
    """Different trainings that were begun."""
    best: float = np.inf
    """Lowest validation error (%) seen."""

    def see(self, form: int, error: float) -> None:
        """A graph has come to its last epoch, at the cost spent so far. Ties stay with the earlier find."""
        if error < self.best:
            self.best = error
            self.costs.append(self.spent)
            self.finds.append(form)


@dataclass(frozen=True, eq=False)
class Regrets:
    """The searches of one strategy at some costs, S searches, C costs: NaN before the first find."""

    name: str
    costs: npt.NDArray[np.int64]
    """Graph-epochs, shape [C]."""
    seen: Floats
    """Validation error (%) of the best seen, minus the lowest there is in that repeat, shape [S, C]."""
    true: Floats
    """Error (%) of the same graph over the other repeats, minus the lowest mean of any graph, shape [S, C]: never chosen
    by, so free of the luck of selection."""
    optimism: Floats
    """Error over the other repeats minus the error seen, of each search's last find, shape [S]."""
    spent: Floats
    """Graph-epochs of each whole search, shape [S]."""
    trained: Floats

    @property
    def mean_optimism(self) -> float:
        """Mean over the searches that found something; NaN if none did."""
        told = self.optimism[~np.isnan(self.optimism)]
        return float(told.mean()) if len(told) else float("nan")

    def plain(self) -> dict[str, Any]:
        """For `--json`: means over searches, with the standard error of the true one."""
        told = {"strategy": self.name, "searches": len(self.seen), "spent": float(self.spent.mean()),
                "trained": float(self.trained.mean()), "optimism": _number(self.mean_optimism)}
        curve = [
            {"graph_epochs": int(cost), "searches": int(n), "seen": _number(s), "true": _number(t), "true_error": _number(e),
             "true_low": _number(low), "true_high": _number(high)}
            for cost, n, s, t, e, low, high in zip(
                self.costs, np.isfinite(self.true).sum(axis=0), _mean(self.seen), _mean(self.true), _error(self.true),
                *_quantiles(self.true), strict=True)
        ]  # fmt: skip
        return told | {"curve": curve}


def regrets(name: str, table: Table, paths: Sequence[Path], costs: Sequence[int]) -> Regrets:
    """Sum searches up at these costs."""
    lowest = table.errors.min(axis=0)
    floor = float(table.errors.mean(axis=1).min())
    seen, true = (np.full((len(paths), len(costs)), np.nan) for _ in range(2))
    optimism = np.full(len(paths), np.nan)
    for row, path in enumerate(paths):
        if not path.finds:
            continue
        places = np.searchsorted(path.costs, costs, side="right") - 1
        forms = np.asarray(path.finds)[places]
        found = places >= 0
        seen[row, found] = (table.errors[forms, path.repeat] - lowest[path.repeat])[found]
        with np.errstate(invalid="ignore"):  # every graph diverged in some repeat: there is no floor to hold it against
            true[row, found] = (table.elsewhere(forms, path.repeat) - floor)[found]
        optimism[row] = table.elsewhere(path.finds[-1], path.repeat) - path.best
    spent, trained = (np.array([getattr(p, what) for p in paths], np.float64) for what in ("spent", "trained"))
    return Regrets(name, np.asarray(costs), seen, true, optimism, spent, trained)


def marks(longest: float) -> list[int]:
    """Costs at which searches are compared: 1, 2, 5, 10, ... up to the mean cost of the longest strategy, which is the last."""
    round_ones = (m * 10**power for power in range(1, 12) for m in (1, 2, 5))
    return [*(m for m in round_ones if m < longest), int(longest)]


def _mean(values: Floats) -> Floats:
    """Over searches that have found something; NaN unless half of them have."""
    enough = np.isfinite(values).mean(axis=0) >= 0.5
    total = np.nansum(values, axis=0) / np.maximum(1, np.isfinite(values).sum(axis=0))
    return np.where(enough, total, np.nan)


def _error(values: Floats) -> Floats:
    """Standard error of `_mean`; NaN where that is NaN, or infinite because a find diverges elsewhere."""
    n = np.maximum(2, np.isfinite(values).sum(axis=0))
    mean = _mean(values)
    mean[np.isinf(mean)] = np.nan
    spread = np.nansum((values - mean) ** 2, axis=0) / (n - 1)
    return np.where(np.isfinite(mean), np.sqrt(spread / n), np.nan)


def _quantiles(values: Floats) -> tuple[Floats, Floats]:
    """The tenth and the ninetieth percentile of searches; one without a find counts as infinitely bad."""
    filled = np.sort(np.where(np.isfinite(values), values, np.inf), axis=0)
    rows = len(filled) - 1
    return filled[int(0.1 * rows)], filled[int(np.ceil(0.9 * rows))]


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
