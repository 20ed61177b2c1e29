"""Bands: exact coverage against simulation and against an independent formula, and the cases worked by hand."""

from __future__ import annotations

from math import factorial

import numpy as np
import pytest
from scipy import stats

from engine.analysis import band_levels
from engine.analysis.bands import Kind, band, passes
from engine.analysis.edf import Edf
from engine.errors import AnalysisError


def edf(errors: np.ndarray, **fields: float) -> Edf:
    return Edf("made", np.sort(errors), **fields)  # type: ignore[arg-type]


def steck(lower: np.ndarray, upper: np.ndarray) -> float:
    """P(lower_i <= U_(i) <= upper_i) as n! times a determinant (Steck 1971): exact, by another road."""
    n = len(lower)
    entries = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if j - i + 1 >= 0:
                entries[i, j] = max(upper[i] - lower[j], 0.0) ** (j - i + 1) / factorial(j - i + 1)
    return factorial(n) * float(np.linalg.det(entries))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 12])
@pytest.mark.parametrize("level", [0.2, 0.05, 0.003])
def test_coverage_is_stecks_determinant(n: int, level: float) -> None:
    assert band_levels.band_coverage(n, level) == pytest.approx(steck(*band_levels.limits(n, level)), abs=1e-8)


def test_coverage_of_many_points_is_what_simulation_finds() -> None:
    lower, upper = band_levels.limits(150, 0.004)
    drawn = np.sort(np.random.default_rng(0).random((20_000, 150)), axis=1)
    found = ((drawn >= lower) & (drawn <= upper)).all(axis=1).mean()
    exact = band_levels.band_coverage(150, 0.004)
    assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000)


@pytest.mark.parametrize("coverage", list(band_levels.LEVELS))
@pytest.mark.parametrize("n", [1, 5, 37, 141, 800])
def test_the_table_keeps_its_coverage_between_its_sizes(coverage: float, n: int) -> None:
    assert band_levels.band_coverage(n, band_levels.local_level(n, coverage)) == pytest.approx(coverage, abs=0.002)


def test_an_unusual_coverage_is_solved_for() -> None:
    assert band_levels.band_coverage(30, band_levels.local_level(30, 0.8)) == pytest.approx(0.8, abs=1e-4)


@pytest.mark.parametrize("coverage", band_levels.LEVELS)
def test_beyond_the_table_levels_go_on_falling(coverage: float) -> None:
    at = [band_levels.local_level(n, coverage) for n in (20_000, 50_000, 50_001, 100_000, 1_000_000)]
    assert at == sorted(at, reverse=True)
    assert at[2] == pytest.approx(at[1], rel=1e-4)
    assert at[-1] > at[1] / 2


@pytest.mark.slow
def test_a_band_of_a_hundred_thousand_covers_a_little_more() -> None:
    assert 0.95 <= band_levels.band_coverage(100_000, band_levels.local_level(100_000, 0.95)) < 0.951


def test_limits_are_beta_quantiles() -> None:
    lower, upper = band_levels.limits(9, 0.1)
    ranks = np.arange(1, 10)
    assert lower == pytest.approx(stats.beta.ppf(0.05, ranks, 10 - ranks))
    assert upper == pytest.approx(stats.beta.ppf(0.95, ranks, 10 - ranks))


def test_pointwise_limits_are_clopper_and_pearsons() -> None:
    errors = np.arange(1.0, 41.0)
    lower, upper = band(edf(errors), 0.9, "pointwise").at([0.0, 12.5, 99.0])
    for k, low, high in zip((0, 12, 40), lower, upper, strict=True):
        interval = stats.binomtest(k, 40).proportion_ci(0.9, "exact")
        assert (low, high) == pytest.approx((interval.low, interval.high))


def test_dkw_has_massarts_half_width() -> None:
    lower, upper = band(edf(np.arange(200.0)), 0.95, "dkw").at([100.0])
    assert (upper - lower)[0] / 2 == pytest.approx(0.096, abs=5e-4)


def test_the_default_band_is_sharper_for_the_best_graphs_than_dkw() -> None:
    curve = edf(np.arange(200.0))
    assert band(curve).at(2.0)[1] < 0.07 < band(curve, kind="dkw").at(2.0)[1]


@pytest.mark.parametrize("kind", ["equal-precision", "dkw", "pointwise"])
def test_limits_enclose_the_curve_and_never_fall(kind: Kind) -> None:
    curve = edf(np.repeat(np.arange(25.0), 2))
    grid = np.linspace(-1, 26, 300)
    lower, upper = band(curve, kind=kind).at(grid)
    assert (lower <= curve.at(grid)).all()
    assert (upper >= curve.at(grid)).all()
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) >= 0).all()


def test_an_exhausted_space_has_no_sampling_width_and_half_of_one_less() -> None:
    errors = np.arange(50.0)
    wide, half, none = (band(edf(errors, fraction=f)).at(20.5) for f in (0.0, 0.5, 1.0))
    assert none[0] == none[1] == 21 / 50
    assert half[1] - half[0] == pytest.approx(np.sqrt(0.5) * (wide[1] - wide[0]))


def test_passes_over_the_same_graphs_do_not_make_the_band_narrower() -> None:
    errors = np.arange(30.0)
    once, thrice = band(edf(errors)), band(edf(np.repeat(errors, 3), passes=3))
    assert thrice.n == 30
    assert thrice.at(14.5) == pytest.approx(once.at(14.5))


def test_the_range_of_passes_is_their_least_and_most() -> None:
    spread = passes([edf(np.array([1.0, 2.0])), edf(np.array([1.0, 3.0]))])
    assert [tuple(map(float, spread.at(e))) for e in (1.0, 1.5, 2.5, 3.5)] == [(0, 0), (0.5, 0.5), (0.5, 1), (1, 1)]
    assert spread.words().startswith("range of 2 passes")


def test_words_name_the_band_its_coverage_and_n() -> None:
    assert band(edf(np.arange(40.0))).words() == "simultaneous 95 % band, equal precision, n = 40"
    assert band(edf(np.repeat(np.arange(20.0), 2))).words() == "simultaneous band of at least 95 %, equal precision, n = 40"
    assert "50 % of the space drawn" in band(edf(np.arange(40.0), fraction=0.5)).words()
    assert "the whole space was trained (n = 40)" in band(edf(np.arange(40.0), fraction=1.0)).words()


def test_bad_requests_are_refused() -> None:
    with pytest.raises(AnalysisError, match="unknown band 'dwk'; did you mean 'dkw'"):
        band(edf(np.arange(3.0)), kind="dwk")  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="coverage must lie between 0 and 1, got 95"):
        band(edf(np.arange(3.0)), 95)
    with pytest.raises(AnalysisError, match="no band without a graph"):
        band(edf(np.array([])))
