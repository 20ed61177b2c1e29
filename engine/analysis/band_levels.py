"""How deep each point of an equal-precision band must reach for the whole band to hold.

The i-th smallest of n uniform draws is Beta(i, n - i + 1). A band that gives every i the same local level eta (it is
left on either side with probability eta / 2) holds everywhere at once with a probability that is computed here exactly,
by following a Poisson process through the boundaries (Moscovich & Nadler 2017, conditioning on n points). Unlike
Kolmogorov's band it is as sharp for the best few graphs as in the middle.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.analysis.sample import Floats

NEGLIGIBLE = 1e-16
"""Poisson terms below this are dropped: 40,000 steps then lose less than 1e-11."""

SIZES = (1, 2, 3, 4, 6, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)
LEVELS: dict[float, tuple[float, ...]] = {
    0.9: (0.1, 0.0545336, 0.0388584, 0.0308858, 0.0227517, 0.0159911, 0.0105064, 0.0066254, 0.0049635, 0.00387692,
          0.00294261, 0.00246232, 0.00210356, 0.00175234, 0.00155015, 0.00138645, 0.00121316),
    0.95: (0.05, 0.0265332, 0.0186333, 0.0146656, 0.0106636, 0.00738498, 0.0047707, 0.00295778, 0.00219527, 0.00170285,
           0.00128425, 0.00107111, 0.000912927, 0.000758957, 0.000670738, 0.000599533, 0.00052437),
    0.99: (0.01, 0.00512999, 0.00352662, 0.00273259, 0.0019435, 0.00131064, 0.000820258, 0.00049225, 0.000358811,
           0.000274615, 0.000204574, 0.00016955, 0.000143869, 0.000119145, 0.000105103, 9.38357e-05, 8.20029e-05),
}
"""Local levels at `SIZES` for the usual coverages, made by `python benchmarks/analysis.py --levels`."""


@lru_cache(maxsize=1024)
def local_level(n: int, coverage: float) -> float:
    """eta such that the band of n points holds simultaneously with probability `coverage`.

    Read from a table (log-log between its sizes: within 0.5 % of exact) at the usual coverages, else solved for, which
    takes seconds beyond n = 2,000. Beyond the table it goes on falling as between the last two sizes: it falls ever slower, so
    the band is then a little too wide (about 0.1 % at 10^5), where solving would take minutes.
    """
    if coverage not in LEVELS:
        return solve(n, coverage)
    sizes, known = np.log(SIZES), np.log(LEVELS[coverage])
    beyond = max(0.0, np.log(n) - sizes[-1]) * (known[-1] - known[-2]) / (sizes[-1] - sizes[-2])
    return float(np.exp(np.interp(np.log(n), sizes, known) + beyond))


def solve(n: int, coverage: float, tolerance: float = 1e-6) -> float:
    """The local level by bisection on its logarithm; between Bonferroni's level and the pointwise one."""
    low, high = np.log((1 - coverage) / n), np.log(1 - coverage)
    while high - low > tolerance:
        middle = (low + high) / 2
        if band_coverage(n, float(np.exp(middle))) >= coverage:
            low = middle
        else:
            high = middle
    return float(np.exp(low))


def limits(n: int, level: float) -> tuple[Floats, Floats]:
    """Quantiles level / 2 and 1 - level / 2 of the n order statistics of uniform draws, shape [n] each."""
    from scipy.special import betaincinv

    rank = np.arange(1, n + 1, dtype=np.float64)
    lower: Floats = betaincinv(rank, n + 1 - rank, level / 2)
    return lower, 1 - lower[::-1]


def band_coverage(n: int, level: float) -> float:
    """P(every order statistic lies within its limits), exactly up to rounding."""
    lower, upper = limits(n, level)
    # The process may not have reached i points before lower[i-1], and must have reached i by upper[i-1].
    times = np.concatenate([lower, upper])
    most = np.concatenate([np.arange(n), np.full(n, n)])
    least = np.concatenate([np.zeros(n, np.int64), np.arange(1, n + 1)])
    order = np.argsort(times, kind="stable")
    chance, first, now = np.ones(1), 0, 0.0
    for step in order:
        chance = np.convolve(chance, _poisson(n * (times[step] - now)))
        now = float(times[step])
        keep_from, keep_to = max(first, int(least[step])), min(first + len(chance) - 1, int(most[step]))
        if keep_to < keep_from:
            return 0.0
        chance, first = chance[keep_from - first : keep_to - first + 1], keep_from
    rest = _poisson(n * (1.0 - now))
    ending = sum(float(c) * float(rest[n - first - j]) for j, c in enumerate(chance) if n - first - j < len(rest))
    return ending / float(_poisson(float(n))[n])


def _poisson(mean: float) -> npt.NDArray[np.float64]:
    """Probabilities of 0, 1, 2 ... points, cut where they become negligible."""
    from scipy.special import gammaln

    last = int(mean + 10 * np.sqrt(mean) + 20)
    counts = np.arange(last + 1)
    terms = np.exp(counts * np.log(mean) - mean - gammaln(counts + 1)) if mean > 0 else np.eye(1, last + 1)[0]
    kept = np.flatnonzero(terms > NEGLIGIBLE)
    return terms[: kept[-1] + 1] if len(kept) else terms[:1]
