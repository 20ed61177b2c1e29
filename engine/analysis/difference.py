"""The difference of two EDFs over a range fixed beforehand, with a band that holds everywhere in it at once.

The range runs from the pooled 2nd to the 90th percentile: a person compares good graphs, and the worst tenth says more
about accidents of training than about a space. The band is equally deep at every error rate: each curve's exact
binomial limits at a common local level, joined by Newcombe's square rule (1998), which keeps the skew of small counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.edf import Edf, quantile
from engine.analysis.sample import Floats
from engine.errors import AnalysisError

RANGE = (0.02, 0.90)
"""Pooled percentiles between which two curves are compared."""
GRID = 200
"""Error rates at which they are compared at most: 200 of 600 pooled graphs lose no sign change a person could see."""
DRAWS = 2000
"""Bootstrap draws of a quantile; a 95 % interval's ends are then good to about 2 % of its width."""
QUANTILES = (0.1, 0.5, 0.9)
LEAST = 2
"""Graphs below which there is no difference to speak of."""


@dataclass(frozen=True, eq=False)
class Difference:
    """F_a - F_b: above zero where a larger share of a's graphs lies below that error rate."""

    a: Edf
    b: Edf
    coverage: float
    errors: Floats
    """Error rates (%) compared at, ascending, shape [g]."""
    value: Floats
    """F_a - F_b, shape [g]."""
    lower: Floats
    """Simultaneous limits of the difference, shape [g]; equal to `value` between two exhausted spaces."""
    upper: Floats

    @property
    def area(self) -> float:
        """Difference of the areas under the curves, as a mean share over the range. No verdict alone (section 3.1)."""
        if len(self.errors) < 2:
            return float(self.value[0])
        return float(np.trapezoid(self.value, self.errors) / (self.errors[-1] - self.errors[0]))


def difference(a: Edf, b: Edf, coverage: float = 0.95) -> Difference:
    """Compare two EDFs of different graphs. Raises AnalysisError if one has fewer than 2 or repeats differ."""
    for curve in (a, b):
        if curve.graphs < LEAST:
            raise AnalysisError(f"{curve.label}: {curve.graphs} graphs are too few to compare", f"at least {LEAST}")
    if a.averaged != b.averaged:
        raise AnalysisError(f"{a.label} shows means of {a.averaged} repeats and {b.label} of {b.averaged}",
                            "compare separate passes")
    grid = _grid(a, b)
    level = _local_level(a, b, grid, coverage)
    (at_a, low_a, high_a), (at_b, low_b, high_b) = _limits(a, grid, level), _limits(b, grid, level)
    value = at_a - at_b
    return Difference(a, b, coverage, grid, value, value - np.hypot(at_a - low_a, high_b - at_b),
                      value + np.hypot(high_a - at_a, at_b - low_b))


def _grid(a: Edf, b: Edf) -> Floats:
    """Distinct pooled errors within the range, thinned evenly to `GRID` of them; each curve weighs as its n does."""
    pooled = np.sort(np.concatenate([a.errors, b.errors]))
    low, high = (quantile(pooled, q) for q in RANGE)
    inside = np.unique(pooled[(pooled >= low) & (pooled <= high)])
    if len(inside) > GRID:
        inside = inside[np.linspace(0, len(inside) - 1, GRID).round().astype(int)]
    return inside


def _limits(curve: Edf, grid: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """F at the grid and its exact (Clopper-Pearson) limits, each side left with probability level / 2."""
    from scipy.special import betaincinv

    n = curve.graphs
    share = curve.at(grid)
    below = share * n
    lower = np.where(below > 0, betaincinv(np.maximum(below, 1e-9), n - below + 1, level / 2), 0.0)
    upper = np.where(below < n, betaincinv(below + 1, np.maximum(n - below, 1e-9), 1 - level / 2), 1.0)
    shrink = np.sqrt(1 - curve.fraction)
    return share, share - shrink * (share - lower), share + shrink * (upper - share)


def _local_level(a: Edf, b: Edf, grid: Floats, coverage: float) -> float:
    """How rarely each point may be left so that all hold at once with probability `coverage`.

    The studentised difference behaves like an Ornstein-Uhlenbeck path; Miller & Siegmund (1982, eq. 8) give
    P(max |Z| > c) = phi(c) ((c - 1/c) T + 4/c), T the path's length: for one bridge between shares s < t the log of
    their odds ratio, here minus twice the log of the correlations between neighbouring error rates, summed.
    """
    from scipy.special import ndtr

    length = _path_length(a, b, grid)
    low, high = 1.0, 8.0
    while high - low > 1e-4:
        c = (low + high) / 2
        density = np.exp(-c * c / 2) / np.sqrt(2 * np.pi)
        if density * ((c - 1 / c) * length + 4 / c) > 1 - coverage:
            low = c
        else:
            high = c
    return min(1 - coverage, 2 * float(ndtr(-high)))


def _path_length(a: Edf, b: Edf, grid: Floats) -> float:
    """T of `_local_level`; shares are kept off 0 and 1 by one graph, where a path would be endless."""
    within = np.zeros(len(grid))
    between = np.zeros(len(grid) - 1)
    for curve in (a, b):
        share = (curve.at(grid) * curve.graphs + 1) / (curve.graphs + 2)
        within += share * (1 - share) / curve.graphs
        between += share[:-1] * (1 - share[1:]) / curve.graphs
    return float(-2 * np.log(between / np.sqrt(within[:-1] * within[1:])).sum())


@dataclass(frozen=True, slots=True)
class QuantileGap:
    """How much lower a's error is than b's at one quantile: below zero where a is better."""

    share: float
    a: float
    b: float
    low: float
    """Bootstrap interval of a - b (%)."""
    high: float

    @property
    def gap(self) -> float:
        return self.a - self.b


def quantile_gaps(a: Edf, b: Edf, coverage: float = 0.95, seed: int = 0) -> tuple[QuantileGap, ...]:
    """q10, q50 and q90 of both and the bootstrap interval of each difference (percentile method, pointwise)."""
    rng = np.random.default_rng(seed)
    tails = [(1 - coverage) / 2, (1 + coverage) / 2]
    gaps = []
    for share in QUANTILES:
        left, right = quantile(a.errors, share), quantile(b.errors, share)
        drawn = _shrunk(resampled(a, share, rng), left, a) - _shrunk(resampled(b, share, rng), right, b)
        low, high = np.quantile(drawn, tails)
        gaps.append(QuantileGap(share, left, right, float(low), float(high)))
    return tuple(gaps)


def resampled(curve: Edf, share: float, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """A quantile of `draws` bootstrap resamples, without resampling.

    The k-th smallest of n draws with replacement from n sorted values stands at place floor(n U), U ~ Beta(k, n-k+1).
    """
    k = min(max(int(np.ceil(share * curve.graphs - 1e-9)), 1), curve.graphs)
    places = (curve.n * rng.beta(k, curve.graphs - k + 1, draws)).astype(int)
    return curve.errors[np.minimum(places, curve.n - 1)]


def _shrunk(drawn: Floats, centre: float, curve: Edf) -> Floats:
    """Towards the estimate by the finite-population factor; an exhausted space has no sampling error."""
    return centre + (drawn - centre) * np.sqrt(1 - curve.fraction)
