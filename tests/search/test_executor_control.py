"""What people want of a search while it runs, with an executor whose trainings are known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.control.requests import Answer, Request
from engine.control.server import Desk, End
from engine.errors import Stopped
from engine.search.loop import Search
from engine.store.files.status import read_status
from engine.store.records import State, Training, Trial
from engine.store.run import Run
from engine.strategies.asha import Asha
from engine.strategies.fixed import Fixed, random
from tests.executors.curves import CurveExecutor
from tests.executors.made import MadeExecutor
from tests.search import test_rung_scheduler as rungs
from tests.search.test_loop import TWINS, A, created, fixed, same, search_on, searched


def steered(run: Run, strategy: Fixed, pack: int = 4) -> Search:
    """A search whose executor takes up to two workers, and is exchanged for one of more."""
    search = search_on(run, strategy, pack)
    search.executor = MadeExecutor(most=2)
    search.hire = lambda workers: MadeExecutor(workers, most=max(2, workers))
    return search


def asked(desk: Desk, **fields: object) -> list[Answer]:
    answers: list[Answer] = []
    desk.answer(Request(**fields), answers.append)  # type: ignore[arg-type]
    return answers


def recorded(run: Run) -> tuple[list[Trial], dict[str, Training]]:
    return same(run.trials(), run.trainings())


def test_a_paused_search_records_nothing_and_says_so(tmp_path: Path) -> None:
    strategy = random(A, 40, 1)
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy)
        events = search.events()
        list(islice(events, 6))
        assert asked(search.desk, verb="pause")[0].done
        assert search.desk.shown_phase() == "pausing"
        next(events)
        count = len(run.trials())
        list(islice(events, 20))
        assert (search.desk.shown_phase(), len(run.trials())) == ("paused", count)
        assert asked(search.desk, verb="status")[0].message == "paused"
        assert asked(search.desk, verb="pause")[0].message == "paused already"
        assert asked(search.desk, verb="resume")[0].done
        assert not asked(search.desk, verb="resume")[0].done
        list(events)
        assert len(run.trials()) == 40
        assert recorded(run) == same(*searched(tmp_path / "undisturbed", random(A, 40, 1)))


@pytest.mark.parametrize(("finish", "end"), [(False, End.NOW), (True, End.FINISH)])
def test_stop_ends_now_or_after_the_running_pack(tmp_path: Path, finish: bool, end: End) -> None:
    """The pack that runs has told its first epoch when the word comes."""
    strategy = random(A, 40, 1)
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy)
        executor = search.executor
        assert isinstance(executor, MadeExecutor)
        events = search.events()
        while len(executor.jobs) < 2:
            next(events)
        before = len(run.trainings())
        assert asked(search.desk, verb="stop", finish=finish, who="ada@here")[0].done
        assert search.desk.end is end
        with pytest.raises(Stopped, match="stopped by ada@here") as stopped:
            list(events)
        assert stopped.value.code == 130
        assert len(executor.jobs) == 2
        assert len(run.trainings()) == before + (len(executor.jobs[1].graphs) if finish else 0)
        found = read_status(run.folder)
        assert found is not None
        assert found.phase == "stopped"
        list(steered(run, random(A, 40, 1)).events())
        assert recorded(run) == same(*searched(tmp_path / "undisturbed", random(A, 40, 1)))


def test_a_search_that_must_end_soon_keeps_its_running_pack_and_begins_none(tmp_path: Path) -> None:
    strategy = random(A, 40, 1)
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy)
        executor = search.executor
        assert isinstance(executor, MadeExecutor)
        events = search.events()
        while len(executor.jobs) < 2:
            next(events)
        before = len(run.trainings())
        search.desk.stop(End.KEEP, "SIGTERM", 143)
        with pytest.raises(Stopped, match="stopped by SIGTERM") as stopped:
            list(events)
        assert stopped.value.code == 143
        assert (executor.keeps, len(executor.jobs), len(run.trainings())) == (True, 2, before)
        assert '"event":"checkpoint","pack":1,"epoch":' in (run.folder / "log.jsonl").read_text()


def test_a_search_told_to_finish_when_nothing_is_left_has_finished(tmp_path: Path) -> None:
    strategy = fixed(TWINS)
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy, pack=32)
        assert isinstance(search.executor, MadeExecutor)
        events = search.events()
        while not search.executor.jobs:
            next(events)
        search.desk.stop(End.FINISH)
        list(events)
        assert search.desk.shown_phase() == "finished"


def test_workers_are_set_by_the_executor_or_by_another(tmp_path: Path) -> None:
    strategy = random(A, 60, 1)
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy)
        first, hired = search.executor, []
        assert isinstance(first, MadeExecutor)

        def hire(workers: int) -> MadeExecutor:
            hired.append(MadeExecutor(workers, most=workers))
            return hired[-1]

        search.hire = hire
        events = search.events()
        list(islice(events, 4))
        asked(search.desk, verb="set", workers=2)
        list(islice(events, 2))
        assert (first.workers, hired) == (2, [])
        asked(search.desk, verb="set", workers=5)
        list(events)
        assert [e.workers for e in hired] == [5]
        numbers = [job.number for e in (first, *hired) for job in e.jobs]
        assert numbers == sorted(set(numbers)), "no pack is lost or given out twice"
        assert recorded(run) == same(*searched(tmp_path / "undisturbed", random(A, 60, 1)))


@pytest.mark.parametrize("workers", [None, 0, -1, 5000])
def test_a_number_of_workers_that_cannot_be_is_refused(workers: int | None) -> None:
    [answer] = asked(Desk(), verb="set", workers=workers)
    assert not answer.done
    assert answer.message == f"workers: must be from 1 to 1024, got {workers}"


def test_a_killed_trial_is_recorded_at_once_with_all_that_share_its_training(tmp_path: Path) -> None:
    strategy = fixed([*TWINS, *A.sample(20, 4)], repeats=2)
    key = TWINS[1].canonical().key
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy)
        events = search.events()
        answers: list[Answer] = []
        while not search.desk.training:
            next(events)
        search.desk.answer(Request(verb="kill-trial", key=f"{key}.1", who="ada@here"), answers.append)
        while not answers:
            next(events)
        assert answers[0].message == "trial 23, 24, 25 is recorded as stopped"
        assert [t.number for t in run.trials() if t.state is State.STOPPED] == [23, 24, 25]
        list(events)
        trials, trainings = run.trials(), run.trainings()
        assert isinstance(search.executor, MadeExecutor)
        assert search.executor.dropped == {trials[23].training}
        assert [t.number for t in trials] == list(range(46))
        stopped = [t for t in trainings.values() if t.state is State.STOPPED]
        assert [(t.reason, t.repeat, t.epochs) for t in stopped] == [("stopped by ada@here", 1, 0)]
        assert all(t.state is not State.STOPPED for t in trials if t.repeat == 0)


@pytest.mark.parametrize(("name", "said"), [
    ("zz", "zz: no trial of this search has a key that begins so"),
    ("", "no trial of this search has a key"),
    ("{first}", "is recorded already (invalid)"),
    ("{any}", "graphs begin so; write more of the key"),
])  # fmt: skip
def test_a_name_that_means_no_unfinished_trial_is_refused(tmp_path: Path, name: str, said: str) -> None:
    strategy = random(A, 60, 3)
    with created(tmp_path / "run", strategy) as run:
        search = steered(run, strategy)
        events = search.events()
        while not search.desk.training:
            next(events)
        light = next(t for t in run.trials() if t.state is State.INVALID)
        trained = [d.graph.key[0] for d in strategy.preview() if d.graph.is_valid and d.graph.is_taught]
        common = max(trained, key=trained.count)
        answers = asked(search.desk, verb="kill-trial", key=name.format(first=light.key, any=common))
        next(events)
        assert not answers[0].done
        assert said in answers[0].message
        assert not [t for t in run.trials() if t.state is State.STOPPED]


def test_a_trial_cannot_be_killed_before_there_are_any() -> None:
    [answer] = asked(Desk(), verb="kill-trial", key="ab")
    assert (answer.done, answer.message) == (False, "it is loading: trials can be stopped while it trains")


WISH = st.tuples(
    st.integers(0, 6), st.sampled_from(["pause", "resume", "workers", "kill", "stop", "finish", "restart"]), st.integers(1, 4)
)
"""Events that pass first, what is wished, and of how much or whom."""


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.integers(1, 25), seed=st.integers(0, 50), repeats=st.integers(1, 2), pack=st.integers(1, 9),
    wishes=st.lists(WISH, max_size=12),
)  # fmt: skip
def test_whatever_is_wished_the_records_are_those_of_an_undisturbed_run_but_for_killed_trials(
    tmp_path_factory: pytest.TempPathFactory, n: int, seed: int, repeats: int, pack: int, wishes: list[tuple[int, str, int]]
) -> None:
    root = tmp_path_factory.mktemp("steered")

    def strategy() -> Fixed:
        return random(A, n, seed, repeats)

    trials, trainings = same(*searched(root / "undisturbed", strategy(), pack))
    left = iter(wishes)
    with created(root / "run", strategy()) as run:
        for _ in range(len(wishes) + 1):  # each start but the last takes a wish at least
            if len(run.trials()) < n * repeats:
                _disturbed(steered(run, strategy(), pack), left, sorted(trainings))
        found, learned = recorded(run)
    stopped = {id for id, t in learned.items() if t.state is State.STOPPED}
    assert {id: t for id, t in learned.items() if id not in stopped} == {
        id: t for id, t in trainings.items() if id not in stopped
    }
    assert [t.number for t in found] == [t.number for t in trials]
    for one, other in zip(found, trials, strict=True):
        if one.training in stopped:
            hidden = (None,) * len(one.accuracy)
            assert one == msgspec.structs.replace(other, state=State.STOPPED, accuracy=hidden)
        else:
            assert one == other


def _disturbed(search: Search, wishes: Iterator[tuple[int, str, int]], names: list[str]) -> None:
    """Run a search while somebody wishes this and that; when nothing more is wished it goes on."""
    events, verbs = search.events(), {"finish": "stop", "workers": "set", "kill": "kill-trial"}
    try:
        for passing, wish, amount in wishes:
            list(islice(events, passing))
            if wish == "restart":
                return
            key = names[(passing * 4 + amount) % len(names)] if names else "none"
            asked(search.desk, verb=verbs.get(wish, wish), finish=wish == "finish", workers=amount, key=key, who="ada")
        search.desk.resume()
        list(events)
    except Stopped:
        pass
    finally:
        events.close()  # type: ignore[attr-defined]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 50), cohort=st.sampled_from([1, 8, 64]), count=st.integers(1, 3),
    kills=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 199), st.booleans()), max_size=6),
)  # fmt: skip
def test_a_trial_killed_between_rungs_stays_killed_and_what_was_judged_stays_judged(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cohort: int, count: int, kills: list[tuple[int, int, bool]]
) -> None:
    """Each kill comes after some events, names a graph, and may be followed by a restart, which judges everything anew."""
    def start(run: Run) -> tuple[Search, Iterator[object]]:
        search = rungs.search_on(run, strategy(), CurveExecutor(20, count, seed))
        return search, search.events()

    def strategy() -> Asha:
        return Asha(rungs.A, 60, seed, cohort=cohort)

    graphs, answers = strategy().graphs, []
    with rungs.created(tmp_path_factory.mktemp("rungs") / "run", strategy()) as run:
        search, events = start(run)
        for passing, place, restart in kills:
            list(islice(events, passing))
            answers.append(asked(search.desk, verb="kill-trial", key=graphs[place % 60].key, who="ada"))
            list(islice(events, 1))
            if restart:
                events.close()  # type: ignore[attr-defined]
                search, events = start(run)
        list(events)
        trials, trainings = run.trials(), run.trainings()
        assert run.paused() == {}
    done = sum(answer.done for given_ in answers for answer in given_)
    killed = {id for id, t in trainings.items() if t.reason == "stopped by ada"}
    assert len(killed) == done
    assert [t.number for t in trials] == list(range(60))
    assert {t.state for t in trials if t.training in killed} <= {State.STOPPED}
