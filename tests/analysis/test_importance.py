"""Shares of variance against scipy's one-way analysis, and winners counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.analysis.conditions import CONDITIONS, split
from engine.analysis.importance import importance, wilson, winners
from engine.analysis.sample import sample
from engine.errors import AnalysisError
from engine.space.graph import Graph
from tests.analysis.made import PROTOCOL, graph, simulated, trial


def test_a_share_is_epsilon_squared_of_the_ranks() -> None:
    table = sample(simulated(300, 0, lambda g: 1.0 * g.models.count("mlp12")), PROTOCOL, name="A")
    codes = split(table, CONDITIONS["aux-models"]).codes
    ranks = stats.rankdata(table.errors)
    f = stats.f_oneway(*(ranks[codes == c] for c in np.unique(codes))).statistic
    k, n = len(np.unique(codes)), 300
    share = next(s for s in importance(table) if s.variable == "m[aux]")
    assert share.value == pytest.approx((f - 1) * (k - 1) / (f * (k - 1) + n - k))
    assert share.low < share.value < share.high


def test_what_matters_comes_first_and_what_does_not_is_near_zero() -> None:
    shares = importance(sample(simulated(800, 1, lambda g: 3.0 * (g.gate(0, 1) == "cutoff")), PROTOCOL, name="A"))
    assert shares[0].variable == "L[y,1]"
    assert shares[0].low > 0.3
    assert all(abs(s.value) < 0.05 for s in shares[1:])
    assert "m[1]" not in {s.variable for s in shares}


def test_a_pair_that_only_matters_together_is_found() -> None:
    def both(drawn: Graph) -> float:
        return 3.0 * ((drawn.gate(0, 1) == "through") == (drawn.models[1:] == ("mlp96", "mlp96")))

    pairs = [s for s in importance(sample(simulated(1500, 2, both), PROTOCOL, name="A")) if " x " in s.variable]
    assert pairs[0].variable == "m[aux] x L[y,1]"
    assert pairs[0].value > 0.2


def test_what_a_few_graphs_cannot_tell_is_not_told() -> None:
    """Eight graphs speak of no choice of two values or more; 20 of those with four values or less, and of no pair."""

    def effect(drawn: Graph) -> float:
        return 1.0 * drawn.models.count("mlp12")

    with pytest.raises(AnalysisError, match="A: 8 graphs are too few to say what matters"):
        importance(sample(simulated(8, 5, effect), PROTOCOL, name="A"))
    with np.errstate(all="raise"):
        shares = importance(sample(simulated(20, 5, effect), PROTOCOL, name="A"))
    assert {s.variable for s in shares} == {"m[aux]", "L[y,1]"}


def test_the_interval_holds_the_share_of_a_large_sample() -> None:
    def effect(drawn: Graph) -> float:
        return 1.0 * drawn.models.count("mlp12")

    large = importance(sample(simulated(3000, 3, effect), PROTOCOL, name="A"))[0]
    held = 0
    for seed in range(12):
        found = importance(sample(simulated(200, 100 + seed, effect), PROTOCOL, name="A"), seed)
        share = next(s for s in found if s.variable == large.variable)
        held += share.low <= large.value <= share.high
    assert held >= 9


def test_winners_are_counted_among_the_best() -> None:
    good, bad = graph(y1="linear"), graph()
    trials = [trial(i, 5.0 + i / 10 if i < 4 else 9.0 + i / 10, good if i < 4 else bad) for i in range(40)]
    table = sample(trials, PROTOCOL, name="A")
    found = {(e.top, e.value): e for e in winners(table, [split(table, CONDITIONS["label-target"])], ["L[y,1]"])}
    assert {key: e.share for key, e in found.items() if key[1] == "linear"} == {
        (0.01, "linear"): 1.0, (0.05, "linear"): 1.0, (0.1, "linear"): 1.0}
    assert found[0.1, "linear"].n == 4
    assert found[0.1, "linear"].overall == 0.1
    assert found[0.01, "through"].share == 0.0


def test_wilson_is_scipys() -> None:
    interval = stats.binomtest(7, 25).proportion_ci(0.95, "wilson")
    assert wilson(7 / 25, 25, stats.norm.ppf(0.975)) == pytest.approx((interval.low, interval.high))
