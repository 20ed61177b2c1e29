"""Which choices matter: the share of the spread that each explains, and what the best graphs chose.

Graphs are drawn uniformly, so choices are (nearly) independent and the functional analysis of variance needs no model:
a choice's first-order share is the variance between its values' means. It is corrected for the share that chance
alone would explain (epsilon squared, Kelley 1935). Errors are replaced by their ranks, since a few broken graphs
would otherwise be most of the variance; equal errors have the mean of the ranks they tie for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from engine.analysis.conditions import CONDITIONS, Split, split
from engine.analysis.sample import Floats, Sample
from engine.analysis.ties import Cut, cut, mid_ranks, part_of_best, require_spread
from engine.errors import AnalysisError

DRAWS = 200
"""Bootstrap draws; 95 % limits then rest on 5 draws on either side: enough to see which shares overlap."""
ENOUGH = 5
"""Graphs a value on average, from which a grouping is told: with 50 graphs in 25 groups, pairs that mean nothing have been
seen to explain a third of the spread, surely."""
TOPS = (0.01, 0.05, 0.10)
LEAST_SPREAD = 0.25
"""Sum of squares of ranks below which a resample has one rank only: two ranks make at least 1 - 1/n, rounding far less."""


@dataclass(frozen=True, slots=True)
class Share:
    """Part of the variance of the error's rank that a choice explains: 0 for none, 1 for all of it."""

    variable: str
    """`m[aux]`, or `m[aux] x L[y,1]` for what the pair explains beyond both."""
    value: float
    low: float
    """Percentile bootstrap interval, 95 %."""
    high: float


def importance(sample: Sample, seed: int = 0) -> tuple[Share, ...]:
    """Shares of every choice that varies and of every pair of choices, the largest first (choices before pairs).

    Only groupings with `ENOUGH` graphs a value are told. Raises AnalysisError if choices vary and none has, and if all errors
    are equal.
    """
    require_spread(sample, "spread that a choice could explain")
    chosen = (c for c in CONDITIONS.values() if c.name != "pretrained" and _exists(sample, c.name))
    splits = {c.variable: split(sample, c) for c in chosen}
    varying = {name: s for name, s in splits.items() if len(s.values) > 1}
    splits = {name: s for name, s in varying.items() if _enough(s.codes)}
    if varying and not splits:
        raise AnalysisError(f"{sample.name}: {len(sample)} graphs are too few to say what matters",
                            f"a choice is told from {ENOUGH} graphs a value")
    resamples = _Resamples.of(sample.errors, seed)
    single = {name: resamples.explained(s.codes) for name, s in splits.items()}
    joint = {(a, b): _joint(splits[a], splits[b]) for a, b in combinations(splits, 2)}
    pairs = {
        f"{a} x {b}": resamples.explained(codes) - single[a] - single[b]
        for (a, b), codes in joint.items() if _enough(codes)
    }
    return (*_sorted(single), *_sorted(pairs))


def _exists(sample: Sample, name: str) -> bool:
    return name != "aux-aux" or sample.nodes > 2


def _enough(codes: npt.NDArray[np.int64]) -> bool:
    return len(codes) >= ENOUGH * (int(codes.max()) + 1)


def _sorted(found: dict[str, Floats]) -> list[Share]:
    shares = [Share(name, float(v[0]), *map(float, np.quantile(v[1:], [0.025, 0.975]))) for name, v in found.items()]
    return sorted(shares, key=lambda s: -s.value)


def _joint(a: Split, b: Split) -> npt.NDArray[np.int64]:
    _, codes = np.unique(a.codes * len(b.values) + b.codes, return_inverse=True)
    return codes


@dataclass(frozen=True, eq=False)
class _Resamples:
    """The sample itself and its bootstrap resamples as weights [1 + DRAWS, n], with all that no grouping changes."""

    weights: Floats
    weighted: Floats
    """Weights times ranks."""
    spread: Floats
    """Total sum of squares of each resample."""
    distinct: Floats
    """Different rows in each: repeating rows would by itself explain more, so chance's share is counted with these."""

    @classmethod
    def of(cls, errors: Floats, seed: int) -> _Resamples:
        n = len(errors)
        ranks = mid_ranks(errors) - (n + 1) / 2
        drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), DRAWS)
        weights = np.concatenate([np.ones((1, n)), drawn])
        weighted = weights * ranks
        return cls(weights, weighted, weighted @ ranks - weighted.sum(axis=1) ** 2 / n, (weights > 0).sum(axis=1))

    def explained(self, codes: npt.NDArray[np.int64]) -> Floats:
        """Epsilon squared of a grouping, shape [1 + DRAWS]; 0 for a resample of equal errors."""
        groups = np.eye(int(codes.max()) + 1)[codes]
        number, sums = self.weights @ groups, self.weighted @ groups
        between = (sums**2 / np.maximum(number, 1)).sum(axis=1) - sums.sum(axis=1) ** 2 / number.sum(axis=1)
        free = (number > 0).sum(axis=1) - 1
        within = (self.spread - between) / np.maximum(self.distinct - free - 1, 1)
        explained = between - free * within
        share: Floats = np.divide(explained, self.spread, out=np.zeros_like(explained), where=self.spread > LEAST_SPREAD)
        return share


@dataclass(frozen=True, slots=True)
class Enrichment:
    """How often the best graphs have a value, against all graphs."""

    variable: str
    value: str
    top: float
    """Share of graphs taken as the best (0.05: the best 5 %)."""
    cut: Cut
    """Where the best end, and how many tie there."""
    share: float
    """Part of the best with this value; graphs tied at the cut count by share."""
    low: float
    """Wilson interval, 95 %."""
    high: float
    overall: float
    """Share of all graphs with this value."""

    @property
    def n(self) -> int:
        """Graphs among the best."""
        return self.cut.n


def winners(
    sample: Sample, splits: Sequence[Split], names: Sequence[str], tops: Sequence[float] = TOPS
) -> list[Enrichment]:
    """Share of each value of each split (named `names`) among the best graphs; at least one graph is a top share."""
    cuts = {top: (cut(sample.errors, top), part_of_best(sample.errors, top)) for top in tops}
    found = []
    for name, parted in zip(names, splits, strict=True):
        overall = parted.sizes() / len(sample)
        for top, (end, parts) in cuts.items():
            shares = np.bincount(parted.codes, parts, len(parted.values)) / end.n
            for value, share, base in zip(parted.values, shares, overall, strict=True):
                low, high = wilson(float(share), end.n)
                found.append(Enrichment(name, value.label, top, end, float(share), low, high, float(base)))
    return found


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval for a share of n."""
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
