"""Graphs that do harm to the worker process they are trained in: found, recorded with their reason, and nobody else hurt."""

from __future__ import annotations

import pytest

from engine.executors.interface import Note, PackLimit
from engine.executors.local import LocalExecutor
from engine.executors.workers.executor import local_workers
from engine.executors.workers.worker_state import Patience
from engine.store.records import State
from engine.training.data.splits import training_part
from tests.executors.guilty import MODELS, install
from tests.executors.workers.test_executor import plain, prepared

pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]

GOOD = [f"1:mlp4 2:mlp5 | y>1 through, 2>1 through, y>2 through, 1>2 {gate}" for gate in ("through", "linear", "correct")]

EACH_TIME = "each time it was trained"
ENDS = {
    "raising": (State.FAILED, "ValueError: a mistake of its own"),
    "spoiling": (State.DIVERGED, "loss not finite in epoch 3"),
    "hungry": (State.FAILED, "can't allocate memory"),
    "deadly": (State.FAILED, f"its worker died (signal SIGKILL) {EACH_TIME}"),
    "stopping": (State.FAILED, "its worker hung (no sign of life for "),
}


@pytest.mark.parametrize("model", MODELS)
def test_one_guilty_graph_is_recorded_and_the_others_are_as_without_it(tmp_path, monkeypatch, model):
    install(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")  # spawned workers get the parent's path
    guilty = f"1:mlp4 2:{model} | y>1 through, 2>1 through, y>2 through"
    task, [job] = prepared(tmp_path, [*GOOD[:1], guilty, *GOOD[1:]])
    events = list(local_workers(task, 2, patience=Patience(least=6.0)).run([job]))
    records, _ = plain(events)
    [found] = [t for t in records.values() if model in t.graph]
    state, reason = ENDS[model]
    assert found.state is state
    assert reason in (found.reason or "")
    assert ("guilty.py" in (found.traceback or "")) == (model in {"raising", "hungry"})
    notes = [e.message for e in events if isinstance(e, Note)]
    assert bool(notes) == (model in {"deadly", "stopping"}), notes
    assert any(isinstance(e, PackLimit) for e in events) == (model == "hungry")
    others = {id: record for id, record in records.items() if record is not found}
    assert len(others) == 3
    alone = LocalExecutor(task.protocol, training_part("digits", tmp_path), task.shape, task.mode, task.seed, None)
    assert others == plain(alone.run([type(job)(0, tuple(g for g in job.graphs if model not in g), 0)]))[0]
