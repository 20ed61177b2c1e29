"""What two curves say, in a sentence a person can act on: dominates, crosses, a mixture, alike, or not settled.

AUC alone cannot tell these apart (paper section 3.1): two curves of one area may cross, and a space where very good
and very bad graphs overlap looks mediocre by it. It is reported beside the verdict and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine.analysis.conditions import Split
from engine.analysis.difference import Difference, QuantileGap, difference, quantile_gaps
from engine.analysis.edf import Edf, of_sample, quantile, resolution
from engine.analysis.sample import Mask

DELTA = 0.05
"""Share of graphs by which the better curve may lie lower somewhere without losing the name: 5 in 100."""

PLATEAU_WIDTH = 0.25
PLATEAU_SHARE = 0.05
PLATEAU_SIDE = 0.10
PLATEAU_DENSITY = 4
"""A plateau takes a quarter of the curve's 2nd to 98th percentile and at most 5 % of its graphs.

The 10 % next to it on either side lie at least 4 times as dense: a long tail alone is no plateau (of 300 samples of 60
from an exponential, 45 have an empty quarter with 10 % beyond it, none has a dense tenth there).
"""

MOST = 20
"""Beyond this multiple of the trials at hand the number that would settle a question is only said to be larger."""

FEW_IMAGES = 3
"""Validation images between two medians below which a sentence names the resolution."""

Kind = Literal["dominates", "crosses", "mixture", "alike", "not settled"]


@dataclass(frozen=True, slots=True)
class Plateau:
    """A part of a curve that hardly rises: good graphs below it, bad ones above."""

    low: float
    high: float
    """Error rates (%) it lies between."""
    below: float
    """Share of the graphs below it."""


@dataclass(frozen=True, eq=False)
class Verdict:
    """One comparison of curve a with curve b."""

    kind: Kind
    leader: str | None
    """Label of the better curve (`dominates`) or of the mixture (`mixture`)."""
    sentence: str
    difference: Difference
    quantiles: tuple[QuantileGap, ...]
    crossings: tuple[float, ...] = ()
    """Error rates (%) at which the lead changes for sure."""
    plateaus: tuple[tuple[str, Plateau], ...] = ()
    """Label of the curve and its plateau."""
    more: int | None = None
    """About how many more trials, drawn like these, would settle it; None if it is settled or out of reach."""

    @property
    def area(self) -> float:
        return self.difference.area


def verdict(a: Edf, b: Edf, coverage: float = 0.95, delta: float = DELTA) -> Verdict:
    """Compare curve a with curve b; see `engine.analysis.difference.difference` for what is refused.

    The sentence names the resolution where the medians are less than three images apart.
    """
    found = _verdict(a, b, coverage, delta)
    return replace(found, sentence=found.sentence + _resolved(found))


def _resolved(found: Verdict) -> str:
    """`; medians 0.42 points apart (an image of 476: 0.21 points)`; empty for a gap of three images or more."""
    a, b = found.difference.a, found.difference.b
    if a.images is None or a.images != b.images:
        return ""
    image, gap = resolution(a.images), abs(next(q.gap for q in found.quantiles if q.share == 0.5))
    images = round(gap / image, 6)
    if images >= FEW_IMAGES:
        return ""
    apart = f"{gap:.2f} points apart" if images else "equal"
    mean = f", in a mean of {a.averaged} repeats {resolution(a.images, a.averaged):.2g}" if a.averaged > 1 else ""
    return f"; medians {apart} (an image of {a.images:,}: {image:.2g} points{mean})"


def _verdict(a: Edf, b: Edf, coverage: float, delta: float) -> Verdict:
    gap = difference(a, b, coverage)
    quantiles = quantile_gaps(a, b, coverage)
    found = ((e.label, plateau(e)) for e in (a, b))
    plateaus = tuple((label, p) for label, p in found if p is not None)
    ahead, behind = gap.lower > 0, gap.upper < 0
    if not ahead.any() and not behind.any() and (gap.lower >= -delta).all() and (gap.upper <= delta).all():
        return Verdict("alike", None, _alike(gap, delta), gap, quantiles, (), plateaus)
    for leader, other, low, sure, sign in ((a, b, gap.lower, ahead, 1), (b, a, -gap.upper, behind, -1)):
        if sure.any() and (low >= -delta).all():
            sentence = _dominates(leader, other, gap, sign, delta)
            return Verdict("dominates", leader.label, sentence, gap, quantiles, (), plateaus)
    if hidden := _hidden(a, b, gap, plateaus):
        label, part = hidden
        return Verdict("mixture", label, _mixture(label, part, a, b), gap, quantiles, _crossings(gap), plateaus)
    if ahead.any() and behind.any():
        return Verdict("crosses", None, _crosses(a, b, gap), gap, quantiles, _crossings(gap), plateaus)
    more = _more(gap, delta)
    return Verdict("not settled", None, _not_settled(a, b, gap, more), gap, quantiles, (), plateaus, more)


def against_rest(split: Split, coverage: float = 0.95) -> tuple[Verdict | None, ...]:
    """Each value of a condition against all other graphs; None where either side has fewer than 2 graphs.

    With v values the coverage of each is raised to 1 - (1 - coverage) / v, so that all sentences hold at once.
    """
    each = 1 - (1 - coverage) / max(1, len(split.values))
    return tuple(_against(split, split.mask(i), v.label, each) for i, v in enumerate(split.values))


def _against(split: Split, mask: Mask, label: str, coverage: float) -> Verdict | None:
    inside, outside = of_sample(split.sample, mask, label), of_sample(split.sample, ~mask, "the rest")
    return verdict(inside, outside, coverage) if min(inside.graphs, outside.graphs) >= 2 else None


def plateau(curve: Edf) -> Plateau | None:
    """The widest plateau of a curve, None if it has none or too few graphs (20) to tell."""
    if curve.n < 20:
        return None
    inner, side = int(PLATEAU_SHARE * curve.n) + 1, int(np.ceil(PLATEAU_SIDE * curve.n))
    starts = np.arange(side, curve.n - inner - side)
    edges = [curve.errors[starts + shift] for shift in (-side, 0, inner, inner + side)]
    before, width, after = (right - left for left, right in pairwise(edges))
    flat = PLATEAU_SHARE / PLATEAU_SIDE * PLATEAU_DENSITY * np.maximum(before, after) <= width
    widest = int(np.argmax(np.where(flat, width, 0.0)))
    span = quantile(curve.errors, 0.98) - quantile(curve.errors, 0.02)
    if not flat[widest] or width[widest] <= PLATEAU_WIDTH * span:
        return None
    start = int(starts[widest])
    return Plateau(float(curve.errors[start]), float(curve.errors[start + inner]), (start + 1) / curve.n)


def _hidden(a: Edf, b: Edf, gap: Difference, plateaus: tuple[tuple[str, Plateau], ...]) -> tuple[str, Plateau] | None:
    """A curve with a plateau that is not surely behind at the plateau's foot: its good part may be worth keeping."""
    for label, part in plateaus:
        sign = 1 if label == a.label else -1
        foot = min(int(np.searchsorted(gap.errors, part.low)), len(gap.errors) - 1)
        best = (gap.upper if sign > 0 else -gap.lower)[: foot + 1]
        if (best >= 0).all():
            return label, part
    return None


def _sides(gap: Difference) -> npt.NDArray[np.int64]:
    """Who surely leads at each error rate: 1 for a, -1 for b, 0 for nobody, shape [g]."""
    return np.where(gap.lower > 0, 1, np.where(gap.upper < 0, -1, 0))


def _crossings(gap: Difference) -> tuple[float, ...]:
    """Where the lead changes: between sure leads of opposite side, the last change of sign of the difference."""
    side = _sides(gap)
    sure = np.flatnonzero(side)
    found = []
    for left, right in pairwise(sure):
        if side[left] != side[right]:
            within = np.arange(left, right)
            flips = within[np.sign(gap.value[within]) != side[right]]
            found.append(float(gap.errors[flips[-1] + 1]))
    return tuple(found)


def _more(gap: Difference, delta: float) -> int | None:
    """Trials still wanted if the differences seen are the true ones: widths shrink with the root of the number."""
    lower_half, upper_half = gap.value - gap.lower, gap.upper - gap.value
    lead = _first_sure(gap)
    if lead:  # ahead for sure: until it is nowhere behind by more than delta, or surely behind somewhere
        ahead, half = (gap.value, lower_half) if lead > 0 else (-gap.value, upper_half)
        room = np.where(ahead > -delta, ahead + delta, -ahead)
        times = float((half / np.maximum(room, 1e-9)).max())
    elif np.abs(gap.value).max() > delta:  # until the widest lead is sure
        half = np.where(gap.value >= 0, lower_half, upper_half)
        times = 1 / float((np.abs(gap.value) / half).max())
    else:  # until all is within delta
        room = np.maximum(delta - np.abs(gap.value), 1e-9)
        times = float((np.maximum(lower_half, upper_half) / room).max())
    extra = max(times**2 - 1, 0.1)
    return None if extra > MOST else _rounded(extra * (gap.a.n + gap.b.n))


def _rounded(number: float) -> int:
    """Two digits, upwards: more would pretend to know."""
    step = 10 ** max(0, int(np.floor(np.log10(max(number, 1)))) - 1)
    return int(np.ceil(number / step)) * step


def _names(a: Edf, b: Edf) -> str:
    return f"{a.label} (n = {a.n}) and {b.label} (n = {b.n})"


def _within(gap: Difference) -> str:
    return f"between {gap.errors[0]:.1f} and {gap.errors[-1]:.1f} % error"


def _alike(gap: Difference, delta: float) -> str:
    return f"{_names(gap.a, gap.b)} are alike {_within(gap)}: nowhere more than {100 * delta:.0f} in 100 graphs apart"


def _dominates(leader: Edf, other: Edf, gap: Difference, sign: int, delta: float) -> str:
    value, low, high = (gap.value, gap.lower, gap.upper) if sign > 0 else (-gap.value, -gap.upper, -gap.lower)
    top = int(np.argmax(low))
    return (
        f"{leader.label} (n = {leader.n}) dominates {other.label} (n = {other.n}) {_within(gap)}: "
        f"at {gap.errors[top]:.1f} % {_share(value[top])} more of its graphs lie below "
        f"({100 * gap.coverage:.3g} % band {_share(low[top])} to {_share(high[top])}), "
        f"nowhere more than {100 * delta:.0f} % fewer"
    )


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _crosses(a: Edf, b: Edf, gap: Difference) -> str:
    places = _crossings(gap)
    below = a.label if _first_sure(gap) > 0 else b.label
    above = b.label if below == a.label else a.label
    at = ", ".join(f"{e:.1f} %" for e in places)
    if len(places) > 1:
        return f"{_names(a, b)} cross {len(places)} times (at {at}); {below} leads first"
    return f"{_names(a, b)} cross at {at}: {below} leads below, {above} above"


def _first_sure(gap: Difference) -> int:
    """Who leads for sure at the lowest error rate where anyone does: 1 for a, -1 for b, 0 for nobody."""
    side = _sides(gap)
    sure = side[side != 0]
    return int(sure[0]) if len(sure) else 0


def _mixture(label: str, part: Plateau, a: Edf, b: Edf) -> str:
    mixed, other = (a, b) if label == a.label else (b, a)
    return (
        f"{mixed.label} (n = {mixed.n}) is a mixture: {_share(part.below)} of its graphs lie at or below "
        f"{part.low:.1f} % error, the rest above {part.high:.1f} %; its good part is not behind "
        f"{other.label} (n = {other.n})"
    )


def _not_settled(a: Edf, b: Edf, gap: Difference, more: int | None) -> str:
    top = int(np.argmax(np.abs(gap.value)))
    leader, sign = (a, 1) if gap.value[top] >= 0 else (b, -1)
    low, high = sorted((sign * gap.lower[top], sign * gap.upper[top]))
    lead = "surely ahead in part, perhaps behind elsewhere" if _first_sure(gap) else "ahead by what chance explains"
    wanted = f"about {more} more trials like these would settle it" if more else f"{MOST} times the trials would not do"
    return (
        f"not settled: of {_names(a, b)}, {leader.label} is {lead} ({_share(sign * gap.value[top])} at "
        f"{gap.errors[top]:.1f} %, {100 * gap.coverage:.3g} % band {_signed(low)} to {_signed(high)}); {wanted}"
    )


def _signed(value: float) -> str:
    return f"{100 * value:+.0f} %"
