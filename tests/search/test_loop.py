"""The search loop with an executor whose trainings are known beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise, permutations
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.packing.packs import shape_for
from engine.search.events import Event, Finished, Progress, TrialsDone
from engine.search.loop import Search
from engine.search.scheduler import demand
from engine.space.files import resolved
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.space.reference_graphs import MOST_REFERENCES, dml, references
from engine.store.files.status import read_status
from engine.store.reader import RunReader
from engine.store.records import RunInfo, State, Training, Trial
from engine.store.run import Run
from engine.strategies.fixed import Fixed, random
from tests.executors.made import MadeExecutor, accuracy, state, training

A = load("digits/A")
TWINS = [
    Graph.parse("1:mlp16 2:mlp16 3:mlp96 | y>1 through, 3>1 linear, y>3 through"),
    Graph.parse("1:mlp16 2:mlp16 3:mlp96 | y>1 through, 3>1 linear, y>2 linear, y>3 through"),
    Graph.parse("1:mlp16 2:mlp96 3:mlp96 | y>1 through, 3>1 linear, 1>2 linear, y>3 through"),
]
"""Three graphs that their targets cannot tell apart: the second auxiliary node is dead in each."""
INVALID = Graph.parse("1:mlp16 2:mlp16 3:mlp96 | y>2 through")
UNTAUGHT = Graph.parse("1:mlp16 2:mlp16 3:mlp96 | 2>1 through, 1>2 linear")


def fixed(graphs: Sequence[Graph], repeats: int = 1) -> Fixed:
    return Fixed([g.canonical() for g in graphs], repeats, {"name": "graphs"})


def run_info(space: Space, strategy: Fixed) -> RunInfo:
    return RunInfo(
        name="made", space=resolved.dump(space), strategy=strategy.settings(), seed=0, repeats=strategy.repeats,
        mode={}, total=strategy.total,
    )  # fmt: skip


def search_on(run: Run, strategy: Fixed, pack: int = 4, limit: int | None = None, space: Space = A) -> Search:
    graphs = demand(strategy.preview(), references(space))
    return Search(space, strategy, run, MadeExecutor(), shape_for(graphs, pack, space.nodes), limit)


def created(folder: Path, strategy: Fixed, space: Space = A) -> Run:
    return Run.create(folder, run_info(space, strategy))


def searched(folder: Path, strategy: Fixed, pack: int = 4, space: Space = A) -> tuple[list[Trial], dict[str, Training]]:
    with created(folder, strategy, space) as run:
        list(search_on(run, strategy, pack, space=space).events())
        return run.trials(), run.trainings()


def same(trials: Sequence[Trial], trainings: dict[str, Training]) -> tuple[list[Trial], dict[str, Training]]:
    """Records without what depends on the packs."""
    return list(trials), {i: msgspec.structs.replace(t, pack=0) for i, t in sorted(trainings.items())}


def test_every_draw_is_recorded_once_and_as_its_effective_graph_ended(tmp_path: Path) -> None:
    strategy = random(A, 150, 1, repeats=2)
    trials, trainings = searched(tmp_path / "run", strategy)
    assert [(t.number, Graph.parse(t.graph), t.repeat) for t in trials] == [
        (d.number, d.graph, d.repeat) for d in strategy.preview()
    ]
    for trial in trials:
        graph = Graph.parse(trial.graph)
        effective = graph.effective().graph
        assert trial.key == graph.key
        if effective is None or not effective.is_taught:
            assert trial.state is (State.INVALID if effective is None else State.UNTAUGHT)
            assert (trial.training, trial.accuracy, trial.error) == (None, (), None)
        else:
            assert trial.training is not None
            assert trainings[trial.training].graph == str(effective)
            assert trial.state is trainings[trial.training].state is state(effective, trial.repeat)
    assert {t.state for t in trials} == {State.DONE, State.FAILED, State.DIVERGED, State.INVALID, State.UNTAUGHT}


def test_the_time_left_counts_trainings_not_draws(tmp_path: Path) -> None:
    others = [g for g in (d.graph for d in random(A, 60, 1).preview()) if (e := g.effective().graph) and e.is_taught]
    strategy = fixed([*TWINS, INVALID, UNTAUGHT, *others])
    trainings = len({g.effective().key for g in [TWINS[0], *others]})
    timed = msgspec.structs.replace(run_info(A, strategy), mode={"seconds": 3.0, "workers": 2})
    with Run.create(tmp_path / "run", timed) as run:
        seen = [(event, event.eta) for event in search_on(run, strategy).events() if isinstance(event, Progress)]
    promised = [eta for event, eta in seen if event.done == 2]
    assert promised[0] == trainings * 3.0 / 2
    assert seen[-1][1] == 0.0


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_twins_share_one_training_whichever_came_first(tmp_path: Path, order: tuple[int, ...]) -> None:
    trials, trainings = searched(tmp_path / "run", fixed([TWINS[i] for i in order]))
    effective = TWINS[0].effective().graph
    assert effective is not None
    assert {t.training for t in trials} == {training(effective, 0).id}
    assert sum(t.graph == str(effective) for t in trainings.values()) == 1
    assert len({t.key for t in trials}) == 3, "each counts as the graph it is"


def test_a_repeat_trains_anew(tmp_path: Path) -> None:
    trials, trainings = searched(tmp_path / "run", fixed(TWINS[:1], repeats=3))
    assert [t.training for t in trials] == [f"{TWINS[0].effective().key}.{r}" for r in range(3)]
    assert len({trainings[t.training or ""].accuracy for t in trials}) == 3


def test_invalid_and_untaught_graphs_train_nothing(tmp_path: Path) -> None:
    strategy = fixed([INVALID, UNTAUGHT])
    with created(tmp_path / "run", strategy) as run:
        search = search_on(run, strategy)
        list(search.events())
        assert [t.state for t in run.trials()] == [State.INVALID, State.UNTAUGHT]
        assert run.trainings() == {}
        assert isinstance(search.executor, MadeExecutor)
        assert search.executor.jobs == []


def test_references_are_trained_first_and_are_no_trials(tmp_path: Path) -> None:
    strategy = fixed(TWINS[:1], repeats=2)
    trials, trainings = searched(tmp_path / "run", strategy, pack=2)
    pairs = [("mlp16", "mlp16"), ("mlp16", "mlp96"), ("mlp96", "mlp96")]
    expected = {f"{dml(('mlp16', *pair)).key}.{repeat}" for pair in pairs for repeat in (0, 1)}
    assert expected == trainings.keys() - {t.training for t in trials}
    assert len(trials) == strategy.total == 2
    for repeat in (0, 1):
        own = [t for t in trainings.values() if t.repeat == repeat]
        assert max(t.pack for t in own if t.id in expected) <= min(t.pack for t in own if t.id not in expected)


def test_a_space_of_many_models_goes_without_references() -> None:
    minami = load("minami2020")
    combinations = 1
    for names in minami.models:
        combinations *= len(names)
    assert (references(minami) == []) is (combinations > MOST_REFERENCES)
    assert len(references(A)) == 3


def test_accuracies_sit_at_the_drawn_graphs_own_nodes(tmp_path: Path) -> None:
    """All labellings of graphs with dead and swapped nodes: node n of the drawn graph has node n's network's result."""
    drawn = [g for g in A.sample(120, 2) if g.is_valid and g.is_taught]
    relabelled = [g.relabel(order) for g in drawn for order in g.relabellings()]
    strategy = Fixed(relabelled, 1, {"name": "graphs"})
    trials, _ = searched(tmp_path / "run", strategy)
    dead = 0
    for graph, trial in zip(relabelled, trials, strict=True):
        effective = graph.effective()
        assert effective.graph is not None
        assert len(trial.accuracy) == 3
        assert {n for n, a in enumerate(trial.accuracy, 1) if a is not None} <= set(graph.live_nodes())
        for place, node in enumerate(trial.nodes, 1):
            assert graph.models[node - 1] == effective.graph.models[place - 1]
            expected = None if trial.state is State.FAILED else accuracy(effective.graph, place, 0)
            assert trial.accuracy[node - 1] == expected
        dead += len(graph.live_nodes()) < 3
    assert dead > 10


def test_nothing_is_told_before_it_is_in_the_store(tmp_path: Path) -> None:
    folder, strategy = tmp_path / "run", random(A, 60, 3)
    told: list[Trial] = []
    with created(folder, strategy) as run, RunReader(folder) as reader:
        for event in search_on(run, strategy).events():
            reader.refresh()
            on_disk = {t.number: t for t in reader.trials}
            if isinstance(event, TrialsDone):
                told += event.trials
                assert all(on_disk[t.number] == t for t in event.trials)
                assert all(t.training in reader.trainings for t in event.trials if t.training)
            if isinstance(event, Progress):
                assert event.done == len(on_disk)
    assert sorted(t.number for t in told) == list(range(60))


def ends(events: Iterator[Event]) -> list[bool]:
    return [event.complete for event in events if isinstance(event, Finished)]


def test_the_best_and_the_end_are_told(tmp_path: Path) -> None:
    strategy = random(A, 60, 3)
    with created(tmp_path / "run", strategy) as run:
        events = list(search_on(run, strategy).events())
        errors = [t.error for t in run.trials() if t.error is not None]
    progress = [e for e in events if isinstance(e, Progress)]
    assert progress[0].done == 0
    assert progress[-1].done == progress[-1].total == 60
    assert progress[-1].best is not None
    assert progress[-1].best.error == min(errors)
    assert isinstance(events[-1], Finished)
    assert ends(iter(events)) == [True]


def test_the_status_says_how_it_ended(tmp_path: Path) -> None:
    folder, strategy = tmp_path / "run", random(A, 60, 3)
    with created(folder, strategy) as run:
        events = search_on(run, strategy).events()
        next(events)
        found = read_status(folder)
        assert found is not None
        assert (found.phase, found.done, found.total) == ("training", 0, 60)
        list(islice(events, 12))
        events.close()  # type: ignore[attr-defined]
        found = read_status(folder)
        assert found is not None
        assert (found.phase, found.done) == ("stopped", len(run.trials()))
        list(search_on(run, random(A, 60, 3)).events())
        found = read_status(folder)
        assert found is not None
        assert (found.phase, found.done, found.packs) == ("finished", 60, ())


def test_a_limit_leaves_the_rest_for_another_start(tmp_path: Path) -> None:
    whole = searched(tmp_path / "whole", random(A, 60, 5))
    with created(tmp_path / "run", random(A, 60, 5)) as run:
        counts = []
        for _ in range(60):
            if ends(search_on(run, random(A, 60, 5), limit=10).events()) == [True]:
                break
            counts.append(len(run.trials()))
        assert counts[0] >= 10
        assert all(b - a >= 10 for a, b in pairwise(counts))
        assert same(run.trials(), run.trainings()) == same(*whole)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(n=st.integers(1, 25), seed=st.integers(0, 50), repeats=st.integers(1, 2), pack=st.integers(1, 9), data=st.data())
def test_stopped_anywhere_it_resumes_to_the_same_records(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, repeats: int, pack: int, data: st.DataObject
) -> None:
    """Several stops, each after any number of events; the reference graphs' trainings are part of the records."""
    root = tmp_path_factory.mktemp("resume")

    def strategy() -> Fixed:
        return random(A, n, seed, repeats)

    whole = searched(root / "whole", strategy(), pack)
    with created(root / "run", strategy()) as run:
        for _ in range(3):
            events = search_on(run, strategy(), pack).events()
            list(islice(events, data.draw(st.integers(0, 40), label="events")))
            events.close()  # type: ignore[attr-defined]
        if len(run.trials()) < n * repeats:  # a run folder with all its trials is finished: no search is started
            list(search_on(run, strategy(), pack).events())
        assert same(run.trials(), run.trainings()) == same(*whole)


def test_interleaved_repeats_of_a_pack_follow_each_other_and_give_the_same_results(tmp_path: Path) -> None:
    graphs = [g.canonical() for g in A.sample(30, 4)]
    whole = Fixed(graphs, 3, {"name": "graphs"})
    mixed = Fixed(graphs, 3, {"name": "graphs"}, interleaved=True)
    found = []
    for name, strategy in (("whole", whole), ("mixed", mixed)):
        with created(tmp_path / name, strategy) as run:
            search = search_on(run, strategy)
            list(search.events())
            assert isinstance(search.executor, MadeExecutor)
            found.append((search.executor.jobs, {(t.key, t.repeat): t.accuracy for t in run.trials()}))
    (in_passes, one), (in_turns, other) = found
    assert [job.repeat for job in in_passes] == sorted(job.repeat for job in in_passes)
    assert [job.repeat for job in in_turns] == [0, 1, 2] * (len(in_turns) // 3)
    assert all(a.graphs == b.graphs == c.graphs for a, b, c in zip(*(in_turns[r::3] for r in range(3)), strict=True))
    assert one == other
