"""Time left: by calibration at first, then by what was measured since the first epoch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.search.eta import Pace


def test_nothing_is_promised_before_anything_is_known():
    pace = Pace()
    assert pace.rate(5.0, 0) is None
    assert pace.left(100, None) is None


def test_calibration_is_believed_until_something_was_measured():
    pace = Pace(expected=4.0)
    assert pace.left(100, pace.rate(0.0, 0)) == 25.0
    pace.rate(20.0, 2)
    assert pace.left(98, pace.rate(20.5, 3)) == 24.5
    assert pace.left(90, pace.rate(24.0, 10)) == pytest.approx(90 / 2)


@given(
    st.floats(0, 500), st.floats(0.1, 100), st.integers(100, 10_000), st.integers(2, 40), st.floats(0.25, 1, exclude_max=True)
)
def test_a_steady_search_ends_when_it_says(loading, speed, total, first, share):
    """However long loading took: at the quarter mark and after, the promise is exact."""
    pace = Pace()
    pace.rate(0.0, 0)
    pace.rate(loading, 0)
    pace.rate(loading + first / speed, first)
    trained = max(first + 2 * speed, share * total)
    now = loading + trained / speed
    rate = pace.rate(now, trained)
    assert rate == pytest.approx(speed, rel=1e-6)
    assert pace.left(total - trained, rate) == pytest.approx((total - trained) / speed, rel=1e-6)
