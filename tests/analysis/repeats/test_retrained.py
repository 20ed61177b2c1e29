"""Means, deviations and intervals over retrainings, against scipy's own."""

from __future__ import annotations

import pytest
from scipy import stats

from engine.analysis.repeats.retrained import figure, repeated
from engine.evaluate.text import table
from engine.store.records import State
from tests.store.files.test_evaluations import made


def test_the_interval_is_students() -> None:
    values = [90.0, 91.5, 90.75, 92.0, 89.0]
    found = figure(values)
    low, high = stats.t.interval(0.95, 4, loc=found.mean, scale=stats.sem(values))
    assert (found.mean, found.std) == pytest.approx((stats.tmean(values), stats.tstd(values)))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_single_value_has_no_deviation() -> None:
    assert str(figure([91.234])) == "91.23"
    assert figure([91.0]).low is None


def test_nodes_without_values_and_diverged_retrainings_are_in_no_figure() -> None:
    graph = "1:mlp16 2:mlp96 | y>1 through, y>2 through"
    held = [made(graph=graph, number=n, accuracy=(90.0 + n, None)) for n in (2, 1)]
    held.append(made(graph=graph, number=3, accuracy=(10.0, None), state=State.DIVERGED))
    (found,) = repeated(held)
    assert found.target.validation.values == (91.0, 92.0)
    assert found.nodes[1].validation is None
    assert found.diverged == 1
    assert found.target.test is None


def test_the_columns_of_the_table_hold_the_widest_interval() -> None:
    graph = "1:mlp16 2:mlp96 | y>1 through, y>2 through"
    (found,) = repeated([made(graph=graph, number=n, accuracy=(2.0 + 80 * n, 99.0), test=(5.0, 6.0)) for n in (0, 1)])
    title, *rows = table(found, test=True)
    assert "[-466.25, 550.25]  n=2  5.00" in rows[0]
    places = {line.index(told) for line, told in ((title, "test"), (rows[0], "5.00 ±"), (rows[1], "6.00 ±"))}
    assert len(places) == 1
    assert table(found, test=False)[0].split() == ["node", "validation"]
