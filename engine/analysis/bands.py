"""How sure an EDF is: bands that hold the space's true curve.

The default band is simultaneous and equally precise everywhere (`engine.analysis.band_levels`); Dvoretzky-Kiefer-Wolfowitz
with Massart's constant is the conservative one (its half-width, 0.096 at n = 200, says nothing about the best graphs);
the pointwise band holds at one error rate named beforehand. All are for graphs drawn uniformly from a space. Where errors
tie, a band need hold at fewer error rates than it was made for and is wider than it must be: it then says "at least".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from engine.analysis import band_levels
from engine.analysis.edf import Edf
from engine.analysis.sample import Floats
from engine.errors import AnalysisError, nearest

Kind = Literal["equal-precision", "dkw", "pointwise"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_WORDS = {
    "equal-precision": "simultaneous {}, equal precision",
    "dkw": "simultaneous {}, DKW-Massart",
    "pointwise": "pointwise {}",
}


@dataclass(frozen=True, eq=False)
class Band:
    """Lower and upper limits of F, constant between break points and continuous from the left like F itself."""

    kind: str
    coverage: float
    """Probability that the whole curve lies within (`pointwise`: each point of it; `passes`: not a probability, 0)."""
    n: int
    """Independent graphs it rests on."""
    fraction: float
    """Share of the space drawn: the width shrinks by sqrt(1 - fraction)."""
    breaks: Floats
    """Ascending error rates (%), shape [m]."""
    lower: Floats
    """Limit after k break points, shape [m + 1]."""
    upper: Floats

    def at(self, error: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Lower and upper limit at error rates (%) of any shape."""
        below = np.searchsorted(self.breaks, np.asarray(error, dtype=np.float64), side="left")
        return self.lower[below], self.upper[below]

    def words(self) -> str:
        """`simultaneous 95 % band, equal precision, n = 240`, `band of at least 95 %` where errors tie: to be said in figures."""
        if self.kind == "passes":
            return f"range of {self.n} passes (training noise; no sampling error, the whole space was trained)"
        if self.fraction >= 1:
            return f"the whole space was trained (n = {self.n}): no sampling width, one pass shows no training noise"
        ties = len(np.unique(self.breaks)) < len(self.breaks)
        percent = f"{100 * self.coverage:g} %"
        name = _WORDS[self.kind].format(f"band of at least {percent}" if ties else f"{percent} band")
        share = f", {100 * self.fraction:.0f} % of the space drawn" if self.fraction >= 0.01 else ""
        return f"{name}, n = {self.n}{share}"


def band(edf: Edf, coverage: float = 0.95, kind: Kind = "equal-precision") -> Band:
    """The band of one EDF. Rests on the number of independent graphs: passes over the same graphs add none.

    Raises AnalysisError for an empty EDF, an unknown kind or a coverage outside (0, 1).
    """
    if kind not in KINDS:
        raise AnalysisError(f"unknown band {kind!r}", nearest(kind, KINDS))
    if not 0 < coverage < 1:
        raise AnalysisError(f"coverage must lie between 0 and 1, got {coverage!r}")
    if not edf.graphs:
        raise AnalysisError(f"{edf.label}: no band without a graph")
    lower, upper = _standard(edf.graphs, coverage, kind)
    below = np.arange(edf.n + 1)
    share = below / edf.n
    # Between two whole graphs (pooled passes) the wider neighbour counts.
    at_lower, at_upper = lower[below // edf.passes], upper[np.minimum(-(-below // edf.passes), edf.graphs)]
    shrink = np.sqrt(1.0 - edf.fraction)
    return Band(kind, coverage, edf.graphs, edf.fraction, edf.errors,
                share - shrink * (share - at_lower), share + shrink * (at_upper - share))


@lru_cache(maxsize=256)
def _standard(n: int, coverage: float, kind: Kind) -> tuple[Floats, Floats]:
    """Limits after 0 .. n of n graphs, shape [n + 1] each, for an endless space."""
    if kind == "dkw":
        share, half = np.arange(n + 1) / n, np.sqrt(np.log(2 / (1 - coverage)) / (2 * n))
        return np.maximum(share - half, 0.0), np.minimum(share + half, 1.0)
    level = 1 - coverage if kind == "pointwise" else band_levels.local_level(n, coverage)
    lower, upper = band_levels.limits(n, level)
    return np.append(0.0, lower), np.append(upper, 1.0)


def passes(curves: Sequence[Edf]) -> Band:
    """The range that separate passes over the same graphs span: training noise, for a space that was trained whole."""
    breaks = np.unique(np.concatenate([c.errors for c in curves]))
    after = np.stack([np.searchsorted(c.errors, breaks, side="right") / c.n for c in curves])
    lower, upper = np.append(0.0, after.min(axis=0)), np.append(0.0, after.max(axis=0))
    return Band("passes", 0.0, len(curves), 1.0, breaks, lower, upper)
