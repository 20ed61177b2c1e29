"""Differences of EDFs: brute force, an independent bootstrap, and error rates where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.analysis.difference import difference, quantile_gaps, resampled
from engine.analysis.edf import Edf, quantile
from engine.errors import AnalysisError


def edf(errors: np.ndarray, label: str = "a", **fields: float) -> Edf:
    return Edf(label, np.sort(errors), **fields)  # type: ignore[arg-type]


def test_values_are_shares_below_within_the_pooled_range() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(10, 1, 80), rng.normal(11, 2, 120)
    gap = difference(edf(a), edf(b))
    pooled = np.sort(np.concatenate([a, b]))
    assert gap.errors[0] == pooled[3]
    assert gap.errors[-1] == pooled[179]
    for error, value in zip(gap.errors, gap.value, strict=True):
        assert value == pytest.approx((a < error).mean() - (b < error).mean())
    assert (gap.lower <= gap.value).all()
    assert (gap.value <= gap.upper).all()


def test_swapping_the_curves_mirrors_the_band() -> None:
    rng = np.random.default_rng(1)
    a, b = edf(rng.normal(10, 1, 60)), edf(rng.normal(10, 1, 90), "b")
    there, back = difference(a, b), difference(b, a)
    assert there.lower == pytest.approx(-back.upper)
    assert there.area == pytest.approx(-back.area)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (50, 500), (200, 400)])
def test_equal_spaces_are_rarely_told_apart_and_true_differences_are_held(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    false, held, runs = 0, 0, 300
    for _ in range(runs):
        other = edf(rng.gamma(2, 3, m))
        null = difference(edf(rng.gamma(2, 3, n)), other)
        false += bool((null.lower > 0).any() or (null.upper < 0).any())
        gap = difference(edf(rng.gamma(2, 2, n)), other)
        truth = stats.gamma.cdf(gap.errors, 2, scale=2) - stats.gamma.cdf(gap.errors, 2, scale=3)
        held += bool(((gap.lower <= truth) & (truth <= gap.upper)).all())
    # 5 % nominal; 300 runs at 5 % stay below 29 with probability 0.9995
    assert false < 29
    assert held > runs - 29


def test_two_exhausted_spaces_differ_exactly() -> None:
    gap = difference(edf(np.arange(30.0), fraction=1.0), edf(np.arange(5.0, 40.0), "b", fraction=1.0))
    assert gap.lower.tolist() == gap.value.tolist() == gap.upper.tolist()


def test_the_short_bootstrap_is_the_long_one() -> None:
    rng = np.random.default_rng(2)
    curve = edf(rng.normal(10, 2, 60))
    long = [quantile(np.sort(rng.choice(curve.errors, 60)), 0.1) for _ in range(4000)]
    short = resampled(curve, 0.1, rng, 4000)
    assert stats.ks_2samp(long, short).pvalue > 0.001


def test_quantile_intervals_hold_the_true_difference() -> None:
    rng = np.random.default_rng(3)
    held = np.zeros(3)
    for run in range(200):
        gaps = quantile_gaps(edf(rng.normal(0, 1, 100)), edf(rng.normal(1, 1, 100)), 0.9, seed=run)
        held += [g.low <= -1 <= g.high for g in gaps]
    assert (held > 200 * 0.9 - 3.5 * np.sqrt(200 * 0.09)).all()
    assert [g.share for g in gaps] == [0.1, 0.5, 0.9]
    assert gaps[1].gap == gaps[1].a - gaps[1].b


def test_too_few_graphs_and_means_against_single_runs_are_refused() -> None:
    with pytest.raises(AnalysisError, match="a: 1 graphs are too few to compare; at least 2"):
        difference(edf(np.array([1.0])), edf(np.arange(9.0)))
    with pytest.raises(AnalysisError, match="a shows means of 5 repeats and b of 1; compare separate passes"):
        difference(edf(np.arange(9.0), averaged=5), edf(np.arange(9.0), "b"))
