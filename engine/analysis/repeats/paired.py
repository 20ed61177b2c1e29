"""Two graphs over repeats: each repeat gave both the same batches and seeds, so their differences carry less noise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from engine.errors import AnalysisError
from engine.store.records import Trial


@dataclass(frozen=True, slots=True)
class Paired:
    """Error of graph a minus error of graph b, repeat by repeat (%): below zero where a is better."""

    differences: tuple[float, ...]
    """In the order of repeats."""
    mean: float
    low: float
    """95 % t interval of the mean; infinite with a single repeat."""
    high: float
    noise_removed: float | None
    """Share of an unpaired difference's variance that pairing takes away; None with one repeat or no noise."""

    @property
    def wins(self) -> int:
        """Repeats in which a is strictly better."""
        return sum(d < 0 for d in self.differences)

    def words(self, a: str, b: str) -> str:
        """`a beats b by 0.42 (0.31 to 0.53), 5 of 5 repeats`."""
        ahead, behind, sign = (a, b, -1) if self.mean <= 0 else (b, a, 1)
        low, high = sorted((sign * self.low, sign * self.high))
        wins = sum(sign * d > 0 for d in self.differences)
        sure = "beats" if low > 0 else "is not surely better than"
        return (f"{ahead} {sure} {behind}: {sign * self.mean:+.2f} ({low:+.2f} to {high:+.2f}) points of error, "
                f"{wins} of {len(self.differences)} repeats")


def paired(trials: Iterable[Trial], a: str, b: str) -> Paired:
    """Compare the graphs with keys `a` and `b` over the repeats both have. Raises AnalysisError if there is none."""
    errors: dict[str, dict[int, float]] = {a: {}, b: {}}
    for trial in trials:
        if trial.key in errors and trial.error is not None:
            errors[trial.key][trial.repeat] = trial.error
    both = sorted(errors[a].keys() & errors[b].keys())
    if not both:
        raise AnalysisError(f"graphs {a} and {b} have no repeat in common",
                            f"they have {len(errors[a])} and {len(errors[b])} results")
    left, right = (np.array([errors[key][r] for r in both]) for key in (a, b))
    gaps = left - right
    mean = float(gaps.mean())
    if len(gaps) == 1:
        return Paired((mean,), mean, -np.inf, np.inf, None)
    from scipy.special import stdtrit

    half = float(stdtrit(len(gaps) - 1, 0.975) * gaps.std(ddof=1) / np.sqrt(len(gaps)))
    apart = float(left.var(ddof=1) + right.var(ddof=1))
    removed = 1 - float(gaps.var(ddof=1)) / apart if apart > 0 else None
    return Paired(tuple(map(float, gaps)), mean, mean - half, mean + half, removed)
