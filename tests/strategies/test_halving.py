"""The rules of successive halving against their sentences read plainly, and against Optuna's own pruner."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SpaceError
from engine.store.files.rung_decisions import Judgement
from engine.strategies.halving import Halving, Rungs, replay

Values = list[float | None]

values = st.lists(st.one_of(st.none(), st.sampled_from([10.0, 20.0, 20.5, 30.0, 90.0])), min_size=1, max_size=24)


RULES = (
    Halving(), Halving(3), Halving(ties="optuna"), Halving(ties="optuna", counts_numberless=True), Halving(rule="promote"),
)  # fmt: skip


def judged(results: Values, halving: Halving | None = None, cohort: int = 1) -> list[Judgement]:
    """Trials 0, 1, ... come to one rung, `cohort` at a time."""
    rungs, starts = Rungs(halving or Halving()), range(0, len(results), cohort)
    return [
        rungs.judge(1, place, [*enumerate(results)][start : start + cohort], last=start == starts[-1])
        for place, start in enumerate(starts)
    ]


def kept(results: Values, halving: Halving | None = None, cohort: int = 1) -> list[int]:
    return [number for judgement in judged(results, halving, cohort) for number in judgement.kept]


def rank(number: int, seen: Values) -> int:
    """1-based: best first, ties to the earlier trial, no number last."""
    order = sorted(range(len(seen)), key=lambda i: (seen[i] is None, -(seen[i] or 0), i))
    return order.index(number) + 1


@settings(deadline=None)
@given(values, st.integers(2, 4), st.integers(1, 7))
def test_the_papers_sentence(results: Values, factor: int, cohort: int) -> None:
    expected = []
    for start in range(0, len(results), cohort):
        seen = results[: start + cohort]
        for number in range(start, len(seen)):
            if seen[number] is not None and rank(number, seen) <= max(1, len(seen) // factor):
                expected.append(number)
    assert kept(results, Halving(factor), cohort) == expected


def by_optuna(results: Values, factor: int) -> list[int]:
    """Trials that Optuna's pruner lets on, each reporting its one value after all before it were judged."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=factor, min_early_stopping_rate=0)
    study, on = optuna.create_study(direction="maximize", pruner=pruner), []
    for number, value in enumerate(results):
        trial = study.ask()
        trial.report(nan if value is None else value, 1)
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, value)
            on.append(number)
    return on


@settings(deadline=None)
@given(values, st.integers(2, 4))
def test_optunas_ties_are_those_of_optunas_own_pruner(results: Values, factor: int) -> None:
    """Numberless trials too: Optuna prunes them without a place in the rung."""
    assert kept(results, Halving(factor, ties="optuna")) == by_optuna(results, factor)


@settings(deadline=None)
@given(values, st.integers(2, 4), st.integers(1, 7))
def test_a_cohort_is_judged_by_optunas_own_function_once_all_are_in(results: Values, factor: int, cohort: int) -> None:
    module = pytest.importorskip("optuna.pruners._successive_halving")
    from optuna.study import StudyDirection

    expected = []
    for start in range(0, len(results), cohort):
        seen = results[: start + cohort]
        competing = [value for value in seen if value is not None]
        for number in range(start, len(seen)):
            value = seen[number]
            if value is not None and module._is_trial_promotable_to_next_rung(
                value, [*competing], factor, StudyDirection.MAXIMIZE
            ):
                expected.append(number)
    assert kept(results, Halving(factor, ties="optuna"), cohort) == expected


def test_with_optunas_ties_the_numberless_take_no_place_and_are_not_counted() -> None:
    results: Values = [None, 10.0, nan, 20.0, 30.0]
    (made,) = judged(results, Halving(ties="optuna"), 5)
    assert made.entries == ((0, None), (1, 10.0), (2, None), (3, 20.0), (4, 30.0))
    assert made.kept == (4,)
    assert made.stopped == {
        0: "no number at epoch 1", 1: "place 3 of 3 at epoch 1, 1 go on", 2: "no number at epoch 1",
        3: "place 2 of 3 at epoch 1, 1 go on",
    }  # fmt: skip
    assert judged(results, Halving(), 5)[0].kept == (3, 4), "by rank they are the last of five"


def test_a_run_that_says_nothing_of_the_numberless_was_judged_with_them_as_the_worst() -> None:
    """Version 0.1.0 counted them with Optuna's ties too: what it recorded replays to itself, by its rule."""
    results: Values = [None, None, 10.0, 20.0]
    new, earlier = Halving(ties="optuna"), Halving(ties="optuna", counts_numberless=True)
    recorded = {"name": "asha", "eta": 2, "r": 1, "s": 0, "rule": "stop", "ties": "optuna", "cohorts": 1}
    assert (kept(results, new, 4), kept(results, earlier, 4)) == ([3], [2, 3])
    assert earlier.plain() == {name: recorded[name] for name in ("eta", "r", "s", "rule", "ties")}
    assert new.plain() == earlier.plain() | {"numberless": "left out"}
    assert (Halving.of(recorded), Halving.of(recorded | new.plain())) == (earlier, new)
    made = judged(results, earlier, 4)
    assert replay(made, recorded) == made
    assert made[0].stopped == {0: "no number at epoch 1", 1: "no number at epoch 1"}
    for rule in (Halving(), Halving(rule="promote")):
        assert "numberless" not in rule.plain()
        assert Halving.of(recorded | rule.plain()) == rule


@settings(deadline=None)
@given(values, st.integers(2, 4), st.integers(1, 7))
def test_promotion_as_published(results: Values, factor: int, cohort: int) -> None:
    """Li et al. 2020, `get_job`: whoever is in the top 1/eta of the rung and was not promoted, is."""
    judgements, promoted = judged(results, Halving(factor, rule="promote"), cohort), set()
    for made, start in zip(judgements, range(0, len(results), cohort), strict=True):
        seen = results[: start + cohort]
        top = {i for i in range(len(seen)) if rank(i, seen) <= len(seen) // factor and seen[i] is not None}
        assert set(made.kept) == top - promoted
        promoted |= top
    assert all(not made.stopped for made in judgements[:-1]), "the others wait"
    assert set(judgements[-1].stopped) == set(range(len(results))) - promoted, "until nobody else comes"


@settings(deadline=None)
@given(values, st.sampled_from(RULES), st.integers(1, 5))
def test_judgements_replay_to_themselves(results: Values, halving: Halving, cohort: int) -> None:
    made = judged(results, halving, cohort)
    recorded = {"name": "asha", **halving.plain(), "cohorts": len(made)}
    assert replay(made, recorded) == made


def test_a_single_one_goes_on_unless_it_has_no_number() -> None:
    assert kept([5.0]) == [0]
    assert kept([None]) == kept([nan]) == []
    assert kept([5.0], Halving(rule="promote")) == [], "as published: the top half of one is nobody"


def test_of_equal_values_half_go_on() -> None:
    assert kept([50.0] * 9, cohort=9) == [0, 1, 2, 3]
    assert len(kept([50.0] * 64, cohort=8)) == 4, "one cohort at a time: the first ones hold their places"
    assert kept([50.0] * 9, Halving(ties="optuna"), 9) == [*range(9)], "Optuna lets a crowd of equals through"


def test_a_tied_top_and_a_single_best_in_a_crowd_at_chance() -> None:
    assert kept([90.0, 90.0, 90.0, 10.0], cohort=4) == [0, 1]
    assert kept([10.0] * 7 + [11.0], cohort=8) == [0, 1, 2, 7]
    assert 7 in kept([10.0] * 7 + [11.0]), "a unique leader is never stopped"


@settings(deadline=None)
@given(st.lists(st.sampled_from([10.0, 10.5, 11.0]), max_size=30), st.integers(2, 4), st.integers(1, 9))
def test_a_unique_leader_is_never_stopped(results: Values, factor: int, cohort: int) -> None:
    assert len(results) in kept([*results, 50.0], Halving(factor), cohort)


def test_no_number_is_last_and_says_so() -> None:
    (made,) = judged([None, 10.0, nan, 20.0], cohort=4)
    assert made.entries == ((0, None), (1, 10.0), (2, None), (3, 20.0))
    assert made.kept == (1, 3)
    assert made.stopped == {0: "no number at epoch 1", 2: "no number at epoch 1"}
    assert judged([10.0, 20.0, 30.0], cohort=3)[0].stopped == {
        0: "place 3 of 3 at epoch 1, 1 go on", 1: "place 2 of 3 at epoch 1, 1 go on",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("halving", "last", "marks"),
    [
        (Halving(), 100, (1, 2, 4, 8, 16, 32, 64)),
        (Halving(), 64, (1, 2, 4, 8, 16, 32)),
        (Halving(4, 2), 100, (2, 8, 32)),
        (Halving(early=2), 30, (4, 8, 16)),
        (Halving(), 1, ()),
    ],
)
def test_rungs_are_below_the_last_epoch(halving: Halving, last: int, marks: tuple[int, ...]) -> None:
    assert halving.marks(last) == marks


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"factor": 1}, "--eta: must be at least 2, got 1"),
        ({"least": 0}, "--r: must be at least 1, got 0"),
        ({"early": -1}, "--s: must be at least 0, got -1"),
        ({"rule": "halve"}, "--rule: must be stop or promote, got 'halve'"),
        ({"ties": "none"}, "--ties: must be rank or optuna, got 'none'"),
        ({"rule": "promote", "ties": "optuna"}, "--ties optuna: goes with --rule stop"),
    ],
)
def test_settings_that_make_no_rule_are_refused(fields: dict, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        Halving(**fields)
