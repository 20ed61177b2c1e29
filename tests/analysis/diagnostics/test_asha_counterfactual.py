"""Counterfactual ASHA against a plain reading of the rule, and against Optuna's own pruner where it is installed."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest

from engine.analysis.diagnostics.asha_counterfactual import replay
from engine.errors import AnalysisError
from engine.store.records import State
from engine.strategies.halving import Halving
from tests.analysis.made import GATES, graph, trial

_ALL = [graph(y1=a, e21=b, e31=c, e23=d) for a in ("through", "linear") for b in GATES for c in GATES for d in GATES]
DRAWN = list({g.effective().key: g.canonical() for g in _ALL}.values())


def made(n: int, epochs: int, seed: int, step: float = 0.0) -> tuple[list, dict]:
    rng = np.random.default_rng(seed)
    trials, curves = [], {}
    for i, drawn in enumerate(DRAWN[:n]):
        accuracy = np.clip(rng.normal(60, 10) + rng.normal(0, 8 / np.sqrt(np.arange(1, epochs + 1))), 0, 100)
        accuracy = np.round(accuracy / step) * step if step else accuracy
        made_of = trial(i, 100 - float(accuracy[-1]), drawn)
        trials.append(made_of)
        curves[made_of.training] = accuracy.tolist()
    return trials, curves


def plainly(trials: list, curves: dict, marks: list[int]) -> dict[int, int]:
    """The paper's sentence with FIELD's tie rule, in loops: where each trial stops."""
    seen: dict[int, list] = {m: [] for m in marks}
    stopped = {}
    for t in trials:
        for mark in marks:
            seen[mark].append((-curves[t.training][mark - 1], t.number))
            rank = sorted(seen[mark]).index((-curves[t.training][mark - 1], t.number)) + 1
            if rank > max(1, len(seen[mark]) // 2):
                stopped[t.number] = mark
                break
    return stopped


@pytest.mark.parametrize("step", [0.0, 5.0])
def test_the_replay_is_the_rule(step: float) -> None:
    trials, curves = made(28, 12, 0, step)
    found = replay(trials, curves, 10.0)
    assert [r.epoch for r in found.rungs] == [1, 2, 4, 8]
    assert dict(found.stopped) == plainly(trials, curves, [1, 2, 4, 8])
    assert found.rungs[0].entered == 28
    assert found.rungs[1].entered == found.rungs[0].kept
    assert found.full == 28 * 12
    assert found.epochs == sum(found.stopped.get(t.number, 12) for t in trials)


def test_what_is_lost_is_the_gap_to_the_best_survivor() -> None:
    trials, curves = made(28, 12, 1)
    found = replay(trials, curves, 10.0)
    results = sorted((t.error, t.number) for t in trials)
    alive = [(e, n) for e, n in results if n not in found.stopped]
    assert (found.best, found.best_kept) == (results[0][1], alive[0][1])
    assert found.lost == alive[0][0] - results[0][0]


@pytest.mark.parametrize(("step", "sick"), [(0.0, False), (5.0, False), (0.0, True), (5.0, True)])
def test_optunas_ties_are_optunas(step: float, sick: bool) -> None:
    """Over all rungs; where some are `sick`, every third has no number from one of the first epochs on."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials, curves = made(28, 12, 2, step)
    for t in trials[::3] if sick else ():
        curves[t.training][t.number % 5 :] = [None] * (12 - t.number % 5)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2, min_early_stopping_rate=0)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    stopped = {}
    for t in trials:
        asked = study.ask()
        for epoch, value in enumerate(curves[t.training], 1):
            asked.report(nan if value is None else value, epoch)
            if epoch < 12 and asked.should_prune():
                stopped[t.number] = epoch
                break
        study.tell(asked, state=optuna.trial.TrialState.PRUNED if t.number in stopped else None,
                   values=None if t.number in stopped else curves[t.training][-1])
    assert dict(replay(trials, curves, 10.0, halving=Halving(ties="optuna")).stopped) == stopped


def test_a_cohort_is_judged_together() -> None:
    trials, curves = made(16, 4, 3)
    found = replay(trials, curves, 10.0, cohort=16)
    assert [r.kept for r in found.rungs] == [8, 4]


def test_nan_stops_and_the_first_is_kept() -> None:
    trials, curves = made(3, 4, 4)
    curves[trials[1].training] = [None, 99.0, 99.0, 99.0]
    found = replay(trials[:2], curves, 10.0)
    assert dict(found.stopped) == {1: 1}


def test_untaught_graphs_enter_at_chance_and_cost_nothing() -> None:
    trials, curves = made(3, 4, 5)
    low = trial(7, None, DRAWN[9], state=State.UNTAUGHT)
    found = replay([*trials, low], curves, 10.0)
    assert found.rungs[0].entered == 4
    assert found.stopped[7] == 1
    assert found.full == 12


def test_graphs_that_train_identically_enter_once() -> None:
    trials, curves = made(4, 4, 6)
    twin = trial(9, trials[0].error, DRAWN[0])
    assert replay([*trials, twin], curves, 10.0) == replay(trials, curves, 10.0)


def test_no_curves_are_refused() -> None:
    with pytest.raises(AnalysisError, match="no learning curve to replay"):
        replay([trial(0, 10.0)], {}, 10.0)
