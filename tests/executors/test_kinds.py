"""Devices of two kinds: each takes packs of its own size, and every record comes once."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

import msgspec
import pytest

from engine.executors.interface import EpochDone, PackDone, PackJob, PackLimit
from engine.executors.job_parts import Piece, cut, waiting
from engine.executors.local import LocalExecutor
from engine.executors.workers.executor import WorkerExecutor
from engine.executors.workers.pool import ProcessCrew
from engine.executors.workers.worker_main import work
from engine.packing.packs import fill, smaller
from engine.space.graph import Graph
from engine.training.calibration import cache, calibrate
from engine.training.data.splits import training_part
from tests.executors.workers.test_executor import plain, prepared

MEASURED = {"small": 1, "large": 9}
"""What calibration would find on the kinds that nobody knows beforehand."""


def work_on_two_kinds(pipe, task, name, gpu):
    """A worker process whose device is small at odd places and large at even ones."""
    kind = "small" if int(name.split()[-1]) % 2 else "large"
    cache.kind = lambda device: kind
    calibrate.size_here = lambda *question: MEASURED[kind]
    work(pipe, task, name, gpu)


def ran(task, jobs, workers=2):
    events = list(WorkerExecutor(ProcessCrew(work_on_two_kinds), workers, task).run(jobs))
    done = [e for e in events if isinstance(e, PackDone)]
    assert sorted(e.pack for e in done) == list(range(len(jobs)))
    assert Counter(t.id for e in done for t in e.trainings).most_common(1)[0][1] == 1, "each once"
    sizes = {kind: {e.graphs for e in events if isinstance(e, EpochDone) and e.worker.endswith(place)}
             for kind, place in (("large", "0"), ("small", "1"))}  # fmt: skip
    return events, sizes


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_each_kind_of_device_takes_packs_of_its_own_size(tmp_path):
    task, jobs = prepared(tmp_path, count=24, epochs=60)
    expected, curves = plain(LocalExecutor(
        task.protocol, training_part("digits", tmp_path), task.shape, task.mode, task.seed, None).run(jobs))  # fmt: skip
    events, sizes = ran(replace(task, limits={"large": 4, "small": 2}), jobs)
    assert max(sizes["large"]) == 4
    assert sizes["small"] <= {1, 2}
    records, found = plain(events)
    assert found == curves
    kinds = {t.device for t in records.values()}
    assert kinds == {"large", "small"}
    assert {id: anywhere(t) for id, t in records.items()} == {id: anywhere(t) for id, t in expected.items()}


def anywhere(training):
    return msgspec.structs.replace(training, device="")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_kind_that_nobody_knows_is_measured_and_told(tmp_path):
    task, jobs = prepared(tmp_path, count=16, epochs=60)
    task = replace(task, limits={"large": 4}, sample=jobs[0].graphs)
    events, sizes = ran(task, jobs)
    assert [(e.kind, e.graphs) for e in events if isinstance(e, PackLimit)] == [("small", 1)]
    assert sizes["small"] == {1}
    assert max(sizes["large"]) == 4
    first = next(n for n, e in enumerate(events) if isinstance(e, EpochDone) and e.worker.endswith("1"))
    assert next(n for n, e in enumerate(events) if isinstance(e, PackLimit)) < first, "before it trains"


def test_a_piece_is_cut_into_pieces_that_fit(tmp_path):
    task, jobs = prepared(tmp_path, count=24)
    texts = tuple(text for job in jobs for text in job.graphs)
    shape = replace(task.shape, graphs=24, slots={m: 6 * n for m, n in task.shape.slots.items()})
    piece = Piece(PackJob(7, texts, 1, first=2, until=5), tries=1)
    parts = list(cut(piece, shape, 5))
    assert Counter(t for part in parts for t in part.job.graphs) == Counter(texts)
    assert all(len(p.job.graphs) <= 5 and p.size == 5 and p.tries == 1 for p in parts)
    assert {(p.job.number, p.job.repeat, p.job.first, p.job.until) for p in parts} == {(7, 1, 2, 5)}
    least = smaller(shape, 5)
    for part in parts:
        graphs = [Graph.parse(t) for t in part.job.graphs]
        assert fill(graphs, least) == [list(range(len(graphs)))], "in one pack"
    assert list(cut(piece, shape, 24)) == [piece]


def test_pieces_cut_for_other_devices_wait_for_these():
    whole, small, smallest = (Piece(PackJob(n, ("g",), 0), size=size) for n, size in enumerate((None, 16, 4)))
    again = deque([small, smallest, whole])
    assert waiting(again, 64) is whole
    assert waiting(again, 64) is None
    assert waiting(again, 4) is smallest
    assert waiting(again, None) is None
    assert list(again) == [small]
