"""EDFs against equation 1 worked by hand, and against numpy's own quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.edf import Edf, by_pass, comparable, of_sample, of_trials, quantile
from engine.analysis.sample import sample
from engine.errors import AnalysisError
from engine.space.protocol import Protocol
from engine.store.records import State
from tests.analysis.made import PROTOCOL, graph, trial

ERRORS = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=40)


def edf(*errors: float) -> Edf:
    return Edf("made", np.sort(np.array(errors)))


def test_the_inequality_is_strict_and_ties_step_together() -> None:
    curve = edf(3.0, 1.0, 3.0, 5.0)
    assert curve.at([0.0, 1.0, 1.5, 3.0, 3.1, 5.0, 5.1]).tolist() == [0, 0, 0.25, 0.25, 0.75, 0.75, 1]


def test_steps_hold_the_value_to_the_left_of_each_error_and_end_at_one() -> None:
    errors, shares = edf(3.0, 1.0, 3.0, 5.0).steps()
    assert errors.tolist() == [1, 3, 5, 5]
    assert shares.tolist() == [0, 0.25, 0.75, 1]


@given(ERRORS, st.floats(-1, 21))
def test_every_value_is_equation_one(errors: list[float], at: float) -> None:
    assert edf(*errors).at(at) == sum(e < at for e in errors) / len(errors)


@given(ERRORS, st.floats(0, 1))
def test_quantiles_are_numpys_inverted_cdf(errors: list[float], share: float) -> None:
    ours, theirs = quantile(np.sort(np.array(errors)), share), np.quantile(errors, share, method="inverted_cdf")
    if abs(share * len(errors) - round(share * len(errors))) > 1e-6:
        assert ours == theirs
    else:
        assert (np.array(errors) <= ours).mean() >= share - 1e-6


def test_a_tenth_of_thirty_is_the_third_value() -> None:
    assert quantile(np.arange(1.0, 31.0), 0.1) == 3.0


def test_graphs_that_share_a_training_count_each() -> None:
    twin = graph(y2="correct")
    assert twin.effective() == graph().effective()
    curve = of_trials([trial(0, 10.0), trial(1, 10.0, twin), trial(2, 20.0, graph(e21="linear"))], PROTOCOL, "A")
    assert curve.n == 3
    assert curve.at(15.0) == pytest.approx(2 / 3)


def test_left_out_trials_are_counted_by_reason_and_in_no_curve() -> None:
    trials = [
        trial(0, 30.0), trial(1, 80.0), trial(2, 79.9),
        trial(3, None, state=State.UNTAUGHT), trial(4, None, state=State.INVALID), trial(5, None, state=State.FAILED),
        trial(6, 12.0, state=State.STOPPED), trial(7, None, state=State.DIVERGED),
    ]
    curve = of_trials(trials, PROTOCOL, "A")
    assert curve.errors.tolist() == pytest.approx([30.0, 79.9])
    assert curve.left_out.counts() == {
        "untaught": 1, "chance": 1, "invalid": 1, "diverged": 1, "stopped": 1, "failed": 1,
    }
    assert str(curve.left_out).startswith("1 untaught, 1 chance")


def test_the_chance_rule_follows_the_data_and_the_space_file() -> None:
    at_three = [trial(0, 97.0)]
    assert of_trials(at_three, Protocol(data="cifar100"), "A").n == 1
    assert of_trials(at_three, Protocol(data="digits"), "A").n == 0
    assert of_trials(at_three, Protocol(data="digits", chance=1.0), "A").n == 1
    rules = {classes: Protocol().chance_rule(classes) for classes in (2, 3, 4, 5, 10, 100)}
    assert rules == {2: 62.5, 3: 50, 4: 43.75, 5: 40, 10: 20, 100: 2}, "twice chance would leave out every graph of two classes"


def test_an_empty_curve_has_no_quantiles() -> None:
    curve = edf()
    assert np.isnan(curve.median)
    assert np.isnan(curve.at([1.0])).all()
    assert curve.legend() == "made  n = 0"


def test_the_legend_tells_inherited_from_fresh() -> None:
    trials = [trial(0, 10.0, inherited="runs/A"), trial(1, 12.0), trial(2, 14.0)]
    curve = of_sample(sample(trials, PROTOCOL, name="B"))
    assert (curve.n, curve.fresh, curve.inherited) == (3, 2, 1)
    assert curve.legend() == "B  n = 3 (1 inherited)  median 12.00 %  best 10.00 %"


def test_passes_are_kept_apart_unless_a_mean_is_asked_for() -> None:
    runs = [trial(i, 10.0 + i + r, graph(y2=g), repeat=r) for r in (0, 1) for i, g in enumerate(("through", "linear"))]
    both = sample(runs, PROTOCOL, name="X")
    assert (of_sample(both).n, of_sample(both).graphs, of_sample(both).passes) == (4, 2, 2)
    assert [e.errors.tolist() for e in by_pass(both)] == [pytest.approx([10, 11]), pytest.approx([11, 12])]
    mean = both.over_repeats()
    assert of_sample(mean).errors.tolist() == pytest.approx([10.5, 11.5])
    assert "means of 2" in of_sample(mean).legend()


def test_a_mean_against_single_runs_is_refused() -> None:
    runs = sample([trial(0, 10.0), trial(1, 11.0, repeat=1)], PROTOCOL, name="X")
    with pytest.raises(AnalysisError, match="X shows means of 2 repeats and X of 1: averaging thins the tails"):
        comparable([runs.over_repeats(), runs])


def test_a_mean_over_unequal_repeats_is_refused() -> None:
    runs = [trial(0, 10.0), trial(1, 11.0, repeat=1), trial(2, 12.0, graph(y2="linear"))]
    with pytest.raises(AnalysisError, match="between 1 and 2 repeats"):
        sample(runs, PROTOCOL, name="X").over_repeats()


def test_different_protocols_are_refused_with_the_fields() -> None:
    short = sample([trial(0, 10.0)], PROTOCOL, name="C")
    long = sample([trial(0, 10.0)], Protocol(data="digits", train=512, validation=988, epochs=60), name="X")
    with pytest.raises(AnalysisError, match=r"C and X follow different protocols: epochs 30 / 60; --force-mixed"):
        comparable([short, long])


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        ([], "A: no trial to analyse, it holds no trial yet"),
        ([trial(0, 95.0), trial(1, None)], r"A: no trial to analyse, all 2 are left out \(1 chance, 1 failed\)"),
    ],
)
def test_nothing_to_analyse_is_said(trials: list, message: str) -> None:
    with pytest.raises(AnalysisError, match=message):
        sample(trials, PROTOCOL, name="A")
