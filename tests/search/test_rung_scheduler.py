"""Searches that judge at rungs, over made learning curves: against the rule read plainly, and resumed from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import StoreError
from engine.packing.packs import shape_for
from engine.search.loop import Search
from engine.search.resume import by_its_rule
from engine.search.scheduler import demand
from engine.space.files import resolved
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.space.reference_graphs import references
from engine.store.check import check
from engine.store.files.rung_decisions import Judgement
from engine.store.records import RunInfo, State, Training, Trial, training_id
from engine.store.run import Run
from engine.strategies.asha import Asha
from engine.strategies.halving import Halving, replay
from tests.executors.curves import CurveExecutor, accuracy, ended

A = load("digits/A").with_protocol({"epochs": 20})
PROMOTE = Halving(rule="promote")


def search_on(
    run: Run, strategy: Asha, executor: CurveExecutor, pack: int = 8, limit: int | None = None, space: Space = A
) -> Search:
    shape = shape_for(demand(strategy.preview(), references(space)), pack, space.nodes)
    return Search(space, strategy, run, executor, shape, limit)


def created(folder: Path, strategy: Asha, space: Space = A) -> Run:
    info = RunInfo(name="made", space=resolved.dump(space), strategy=strategy.settings(), seed=0, mode={}, total=strategy.total)
    return Run.create(folder, info)


Records = tuple[list[Trial], dict[str, Training], list[Judgement]]


def records(run: Run) -> Records:
    """Without what depends on the packs and on the order in which they ended."""
    trainings = {i: msgspec.structs.replace(t, pack=0) for i, t in sorted(run.trainings().items())}
    return run.trials(), trainings, sorted(run.judgements(), key=lambda j: (j.epoch, j.cohort))


def searched(folder: Path, strategy: Asha, executor: CurveExecutor, pack: int = 8, space: Space = A) -> Records:
    with created(folder, strategy, space) as run:
        list(search_on(run, strategy, executor, pack, space=space).events())
        assert run.paused() == {}
        return records(run)


def plainly(graphs: Sequence[Graph], cohort: int, marks: Sequence[int], sick: float, step: float) -> dict[int, int | None]:
    """The paper's rule in loops: the epoch each entry is stopped at, None if it is not; by the first number of its twins."""
    first: dict[str, int] = {}
    for number, graph in enumerate(graphs):
        if (key := graph.effective().key) is not None:
            first.setdefault(key, number)

    def value(number: int, epoch: int) -> float:
        graph = graphs[number].effective().graph
        assert graph is not None
        if not graph.is_taught:
            return 10.0
        state, diverged = ended(graph, 0, sick)
        if state is State.FAILED or (diverged is not None and epoch >= diverged):
            return float("-inf")
        return accuracy(graph, 0, epoch, step=step)

    stopped: dict[int, int | None] = dict.fromkeys(first.values())
    seen: dict[int, list[tuple[float, int]]] = {mark: [] for mark in marks}
    for start in range(0, len(graphs), cohort):
        alive = [n for n in stopped if start <= n < start + cohort]
        for mark in marks:
            seen[mark] = sorted([*seen[mark], *((-value(n, mark), n) for n in alive)])
            good = seen[mark][: max(1, len(seen[mark]) // 2)]
            stopped |= {n: mark for n in alive if (-value(n, mark), n) not in good or value(n, mark) == float("-inf")}
            alive = [n for n in alive if stopped[n] is None]
    return stopped


@pytest.mark.parametrize(("cohort", "count", "sick", "step"), [(1, 1, 0.0, 0.01), (16, 3, 0.1, 0.01), (7, 2, 0.1, 5.0)])
def test_graphs_are_stopped_where_the_rule_says(tmp_path: Path, cohort: int, count: int, sick: float, step: float) -> None:
    strategy = Asha(A, 120, 3, cohort=cohort)
    trials, trainings, judgements = searched(tmp_path / "run", strategy, CurveExecutor(20, count, 1, sick, step))
    fate = plainly(strategy.graphs, cohort, strategy.rungs, sick, step)
    first: dict[str, int] = {}
    for trial, graph in zip(trials, strategy.graphs, strict=True):
        effective = graph.effective().graph
        assert trial.key == graph.key
        if effective is None or not effective.is_taught:
            assert trial.state is (State.INVALID if effective is None else State.UNTAUGHT)
            continue
        epoch = fate[first.setdefault(effective.key, trial.number)]
        training = trainings[training_id(effective.key, 0)]
        state, diverged = ended(effective, 0, sick)
        if state is State.FAILED or (diverged is not None and (epoch is None or epoch >= diverged)):
            assert trial.state is training.state is state
        elif epoch is None:
            assert trial.state is training.state is State.DONE
            assert training.epochs == 20
        else:
            assert trial.state is State.STOPPED
            assert trial.error is None, "never in an EDF"
            assert trial.accuracy[0] == accuracy(effective, 0, epoch, step=step)
            if effective not in references(A):
                assert (training.state, training.epochs) == (State.STOPPED, epoch)
                assert f"at epoch {epoch}" in (training.reason or "")
    assert {t.state for t in trials} >= {State.DONE, State.STOPPED, State.INVALID}
    assert replay(judgements, strategy.settings()) == judgements
    assert {n for j in judgements if j.epoch == 1 for n, _ in j.entries} == {*fate}


def test_untaught_graphs_enter_at_chance_and_twins_once(tmp_path: Path) -> None:
    strategy = Asha(A, 200, 5)
    _, _, judgements = searched(tmp_path / "run", strategy, CurveExecutor(20))
    entered = {number: value for j in judgements if j.epoch == 1 for number, value in j.entries}
    effective = [g.effective().graph for g in strategy.graphs]
    untaught = [n for n in entered if not (effective[n] or strategy.graphs[n]).is_taught]
    assert untaught
    assert {entered[n] for n in untaught} == {10.0}
    assert len(entered) == len({g for g in effective if g is not None}) < 200


def test_references_are_trained_to_the_end_and_drawn_ones_are_judged_all_the_same(tmp_path: Path) -> None:
    x = load("digits/X").with_protocol({"epochs": 20})
    strategy = Asha(x, 513, 0, cohort=64)
    trials, trainings, _ = searched(tmp_path / "run", strategy, CurveExecutor(20, 2), 32, x)
    (reference,) = references(x)
    assert (trainings[f"{reference.key}.0"].state, trainings[f"{reference.key}.0"].epochs) == (State.DONE, 20)
    (drawn,) = [t for t in trials if t.training == f"{reference.key}.0"]
    fate = plainly(strategy.graphs, 64, strategy.rungs, 0.0, 0.01)[drawn.number]
    assert fate is not None, "chosen so that the rungs stop it"
    assert drawn.state is State.STOPPED
    assert drawn.accuracy[0] == accuracy(reference, 0, fate)


@pytest.mark.parametrize("rule", [Halving(), Halving(3, 2), Halving(ties="optuna"), PROMOTE])
def test_decisions_do_not_depend_on_which_pack_ends_first(tmp_path: Path, rule: Halving) -> None:
    found = []
    for order, (count, pack) in enumerate([(1, 64), (3, 5), (4, 9)]):
        executor = CurveExecutor(20, count, order, sick=0.05)
        found.append(searched(tmp_path / f"{order}", Asha(A, 70, 7, rule), executor, pack))
    assert found[0] == found[1] == found[2]


def test_time_is_saved_by_the_epochs_that_are_not_trained(tmp_path: Path) -> None:
    strategy, executor = Asha(A, 300, 1), CurveExecutor(20)
    trials, trainings, _ = searched(tmp_path / "run", strategy, executor, 32)
    assert executor.cost == sum(t.epochs for t in trainings.values()), "no epoch is trained twice"
    assert executor.cost < 0.25 * 20 * len(trainings)
    full = sum(job.until is None for job in executor.jobs)
    assert sum(t.state is State.DONE for t in trials) < 0.1 * len(trials)
    assert full <= 2


def test_the_promotion_rule_promotes_from_checkpoints(tmp_path: Path) -> None:
    strategy, executor = Asha(A, 200, 2, PROMOTE), CurveExecutor(20, 2)
    trials, _, judgements = searched(tmp_path / "run", strategy, executor)
    waited = [n for j in judgements for n in j.kept if n not in {number for number, _ in j.entries}]
    assert waited, "somebody was promoted in a later cohort than its own"
    assert {State.DONE, State.STOPPED} <= {t.state for t in trials}
    assert replay(judgements, strategy.settings()) == judgements


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 40), seed=st.integers(0, 20), pack=st.integers(1, 9), count=st.integers(1, 3),
    rule=st.sampled_from([Halving(), PROMOTE]), cohort=st.integers(1, 20), data=st.data(),
)  # fmt: skip
def test_stopped_anywhere_it_resumes_to_the_same_records_and_decisions(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, pack: int, count: int, rule: Halving, cohort: int,
    data: st.DataObject,
) -> None:  # fmt: skip
    root = tmp_path_factory.mktemp("resume")

    def strategy() -> Asha:
        return Asha(A, n, seed, rule, cohort)

    whole = searched(root / "whole", strategy(), CurveExecutor(20, 1, 0, 0.1), pack)
    with created(root / "run", strategy()) as run:
        for place in range(3):
            events = search_on(run, strategy(), CurveExecutor(20, count, place, 0.1), pack).events()
            list(islice(events, data.draw(st.integers(0, 60), label="events")))
            events.close()  # type: ignore[attr-defined]
        if len(run.trials()) < n:
            list(search_on(run, strategy(), CurveExecutor(20, count, 9, 0.1), pack).events())
            assert run.paused() == {}
        trials, trainings, judgements = records(run)
        assert (trials, judgements) == (whole[0], whole[2])
        assert trainings.items() <= whole[1].items(), "once all trials are there, references are not waited for"


def test_another_decision_than_the_recorded_one_is_refused(tmp_path: Path) -> None:
    with created(tmp_path / "run", Asha(A, 60, 0)) as run:
        list(search_on(run, Asha(A, 60, 0), CurveExecutor(20), limit=10).events())
        assert run.judgements()
        with pytest.raises(StoreError, match="cohort 0 at epoch 1 was judged otherwise when it was recorded"):
            list(search_on(run, Asha(A, 60, 0, Halving(3)), CurveExecutor(20)).events())


def test_a_run_begun_by_an_earlier_rule_goes_on_by_it(tmp_path: Path) -> None:
    """Version 0.1.0 counted graphs without a number with Optuna's ties too, and its run.json says nothing of them."""

    def strategy(earlier: bool = False) -> Asha:
        return Asha(A, 80, 3, Halving(ties="optuna", counts_numberless=earlier), 4)

    def executor() -> CurveExecutor:
        return CurveExecutor(20, 2, 1, 0.1)

    whole = searched(tmp_path / "whole", strategy(earlier=True), executor())
    assert whole[2] != searched(tmp_path / "new", strategy(), executor())[2], "chosen so that the rules differ"
    with created(tmp_path / "run", strategy(earlier=True)) as run:
        list(search_on(run, strategy(earlier=True), executor(), limit=40).events())
        assert any(value is None for made in run.judgements() for _, value in made.entries)
        assert len(run.trials()) < 80
        with pytest.raises(StoreError, match="was judged otherwise when it was recorded"):
            list(search_on(run, strategy(), executor()).events())
        asked = strategy()
        by_its_rule(asked, run.info)
        assert asked.settings() == run.info.strategy
        list(search_on(run, asked, executor()).events())
        trials, _, judgements = records(run)
        assert (trials, judgements) == (whole[0], whole[2])
        assert replay(judgements, run.info.strategy) == judgements
    assert check(tmp_path / "run").is_whole


def test_lost_curves_are_trained_again_where_that_is_possible_and_missed_where_not(tmp_path: Path) -> None:
    strategy = Asha(A, 60, 0)
    with created(tmp_path / "run", strategy) as run:
        list(islice(search_on(run, strategy, CurveExecutor(20)).events(), 6))
        assert run.paused()
        assert not run.trainings()
    (tmp_path / "run/curves.log").unlink()
    with Run.open(tmp_path / "run") as run:
        list(search_on(run, Asha(A, 60, 0), CurveExecutor(20), limit=20).events())
        assert run.trainings()
    (tmp_path / "run/curves.log").unlink()
    with Run.open(tmp_path / "run") as run, pytest.raises(StoreError, match="has lost the learning curve"):
        list(search_on(run, Asha(A, 60, 0), CurveExecutor(20)).events())


@pytest.mark.parametrize("rule", [Halving(), pytest.param(PROMOTE, marks=pytest.mark.slow)])
def test_fifteen_hundred_graphs_as_in_the_paper(tmp_path: Path, rule: Halving) -> None:
    a = load("A").with_protocol({"data": "digits", "train": 64, "validation": 32, "epochs": 100})
    strategy, executor = Asha(a, 1500, 0, rule), CurveExecutor(100, 2)
    trials, trainings, judgements = searched(tmp_path / "run", strategy, executor, 64, a)
    assert len(trials) == 1500
    assert strategy.rungs == (1, 2, 4, 8, 16, 32, 64)
    assert executor.cost == sum(t.epochs for t in trainings.values())
    assert replay(judgements, strategy.settings()) == judgements
    best = max(t.accuracy[0] or 0 for t in trials if t.state is State.DONE)
    everywhere = [accuracy(g, 0, 100) for d in strategy.graphs if (g := d.effective().graph) and g.is_taught]
    assert best >= sorted(everywhere)[-15], "one of the best one in a hundred survives"
    assert check(tmp_path / "run").is_whole
