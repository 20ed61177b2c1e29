"""Worker processes: the same records as in one process, and deaths outlived."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace

import msgspec
import psutil
import pytest

from engine.errors import TrainingError
from engine.executors.interface import Checkpointed, EpochDone, Heartbeat, Note, PackDone, PackJob
from engine.executors.local import LocalExecutor
from engine.executors.workers.executor import local_workers
from engine.executors.workers.pool import Task
from engine.executors.workers.worker_state import Patience
from engine.packing.packs import fill, shape_for
from engine.space.files.load import load
from engine.space.protocol import resolve
from engine.store.files.checkpoints import Checkpoints, Keeping
from engine.strategies.fixed import random
from engine.training.calibration.calibrate import balanced
from engine.training.calibration.mode import Mode
from engine.training.data.splits import training_part

pytestmark = pytest.mark.timeout(480)  # a worker loads torch for seconds, on a busy machine for many

FIELDS = {"data": "digits", "train": 64, "validation": 32, "epochs": 6, "batch": 32}


def prepared(tmp_path, texts=None, count=8, epochs=6):
    from engine.space.graph import Graph

    graphs = [Graph.parse(t) for t in texts] if texts else [d.graph for d in random(load("digits/X"), count, 3).preview()]
    graphs = [g.effective().graph for g in graphs]
    shape = shape_for(graphs, 4, 3)
    jobs = [PackJob(n, tuple(str(graphs[i]) for i in places), 0) for n, places in enumerate(fill(graphs, shape))]
    task = Task(resolve(FIELDS | {"epochs": epochs}), tmp_path, shape, Mode(pack=4, threads=1), 5, tmp_path / "teachers")
    return task, jobs


def plain(events):
    """Records without what may differ: seconds, worker, pack."""
    done = [e for e in events if isinstance(e, PackDone)]
    records = {t.id: msgspec.structs.replace(t, wall=0.0, worker="", pack=0) for e in done for t in e.trainings}
    curves = {c.id: c for e in done for c in e.curves}
    return records, curves


@pytest.mark.slow
def test_workers_give_the_records_of_one_process_also_when_one_is_killed(tmp_path):
    task, jobs = prepared(tmp_path)
    alone = LocalExecutor(task.protocol, training_part("digits", tmp_path), task.shape, task.mode, task.seed, None)
    expected = plain(alone.run(jobs))
    assert len(expected[0]) == 8

    events, killed = [], False
    for event in local_workers(task, 2).run(jobs):
        events.append(event)
        if isinstance(event, EpochDone) and not killed:
            victim = next(p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline()))
            os.kill(victim.pid, signal.SIGKILL)
            killed = True
    assert killed
    assert plain(events) == expected
    assert not [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]


SHARED = [(513, 64, 2, 52), (8, 64, 2, 4), (1, 64, 2, 1), (129, 64, 1, 43)]


@pytest.mark.parametrize(("graphs", "most", "workers", "size"), SHARED)
def test_packs_are_shared_evenly(graphs, most, workers, size):
    assert balanced(graphs, most, workers) == size <= most
    packs = math.ceil(graphs / size)
    assert packs % workers == 0 or packs == graphs


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_paused_and_resized_the_records_are_the_same(tmp_path, workers):
    """While it is paused nothing but heartbeats comes, and nothing computes; 0 workers: in this process."""
    task, jobs = prepared(tmp_path)
    alone = LocalExecutor(task.protocol, training_part("digits", tmp_path), task.shape, task.mode, task.seed, None)
    expected = plain(alone.run(jobs))
    executor = local_workers(task, workers) if workers else alone
    events, beats = [], 0
    for event in executor.run(jobs):
        events.append(event)
        if isinstance(event, EpochDone) and not beats:
            executor.pause()
            executor.resize(1)
            beats = 1
        elif beats and isinstance(event, Heartbeat) and event.busy == 0:
            beats += 1
            if beats == 5:
                executor.resume()
                assert executor.resize(3) is (workers > 0)
    standing = next(n for n, e in enumerate(events) if isinstance(e, Heartbeat) and e.busy == 0)
    assert all(isinstance(e, Heartbeat) for e in events[standing:standing + 4])
    assert beats >= 5
    assert plain(events) == expected


@pytest.mark.slow
def test_a_worker_stopped_by_a_signal_ends_with_its_executor(tmp_path):
    task, jobs = prepared(tmp_path)
    events = local_workers(task, 1).run(jobs)
    assert any(isinstance(e, EpochDone) for e in events)
    [worker] = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
    worker.suspend()
    events.close()
    assert not psutil.pid_exists(worker.pid)


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_and_its_pack_goes_on_from_its_checkpoint(tmp_path):
    """Stopped by a signal it gives no sign of life, and would give none ever."""
    task, jobs = prepared(tmp_path)
    alone = LocalExecutor(task.protocol, training_part("digits", tmp_path), task.shape, task.mode, task.seed, None)
    expected = plain(alone.run(jobs))
    task = replace(task, keeping=Keeping(Checkpoints(tmp_path / "kept"), 0.0))
    events, victim = [], None
    for event in local_workers(task, 1, patience=Patience(least=3.0, times=5.0)).run(jobs):
        events.append(event)
        if isinstance(event, Checkpointed) and event.epoch == 2 and victim is None:
            [victim] = [p for p in psutil.Process().children() if "spawn_main" in " ".join(p.cmdline())]
            victim.suspend()
    assert victim is not None
    [note] = [e.message for e in events if isinstance(e, Note)]
    assert note.startswith("worker 0 hung (no sign of life for ")
    hung = events.index(next(e for e in events if isinstance(e, Note)))
    [again] = [e for e in events[hung:] if isinstance(e, EpochDone)][:1]
    assert again.epoch >= 3, "its first two epochs are not trained again"
    assert plain(events) == expected
    assert not psutil.pid_exists(victim.pid)


@pytest.mark.slow
def test_workers_that_cannot_begin_end_the_search_in_one_line(tmp_path, monkeypatch):
    """They find another module in the place of one they need."""
    task, jobs = prepared(tmp_path)
    broken = tmp_path / "site" / "accelerate"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit(7)\n")
    monkeypatch.syspath_prepend(broken.parent)
    with pytest.raises(TrainingError, match=r"3 workers in a row ended before their first word; the last died \(exit code 7\)"):
        list(local_workers(task, 1).run(jobs))


def test_patience_grows_with_the_silences_that_were_none():
    patience = Patience(first=600, least=60, times=20)
    assert [patience.limit(longest) for longest in (None, 0.0, 1.0, 10.0)] == [600, 60, 60, 200]
