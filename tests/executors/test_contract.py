"""What every executor of workers must do, one class for all: processes of this machine and actors of a Ray cluster."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec

import psutil
import pytest

from engine.executors.interface import EpochDone, Heartbeat, Note, PackDone
from engine.executors.local import LocalExecutor
from engine.executors.workers.executor import WorkerExecutor, local_workers
from engine.executors.workers.pool import Task
from engine.training.data.splits import training_part
from tests.executors.workers.test_executor import plain, prepared

Hire = Callable[[Task, int], WorkerExecutor]

LONG = 300
"""Epochs that take a pack a second or more: a worker that is killed at its first epoch's end has not ended it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    """A Ray of this machine alone, also where the environment names a cluster."""
    if find_spec("ray") is None:  # not imported here: what it reads then is set by `Cluster`
        pytest.skip("the extra ray is not installed")
    from engine.executors.ray_cluster.cluster import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "127.0.0.1:1")
        made = Cluster()
    with closing(made):
        yield made


@pytest.fixture(params=["processes", "ray"])
def hire(request: pytest.FixtureRequest) -> Hire:
    if request.param == "processes":
        return local_workers
    cluster = request.getfixturevalue("cluster")
    from engine.executors.ray_cluster.executor import ray_workers

    return lambda task, count: ray_workers(cluster, task, training_part("digits", task.data), count)


def alone(task: Task) -> LocalExecutor:
    return LocalExecutor(task.protocol, training_part("digits", task.data), task.shape, task.mode, task.seed, None)


def test_records_are_those_of_one_process(tmp_path, hire):
    task, jobs = prepared(tmp_path)
    events = list(hire(task, 2).run(jobs))
    assert plain(events) == plain(alone(task).run(jobs))
    done = [e.pack for e in events if isinstance(e, PackDone)]
    assert sorted(done) == list(range(len(jobs)))
    epochs = [e for e in events if isinstance(e, EpochDone)]
    assert {(e.pack, e.epoch) for e in epochs} == {(n, e + 1) for n in range(len(jobs)) for e in range(task.protocol.epochs)}
    assert all(e.worker.startswith("worker ") for e in epochs)


def test_a_job_may_wait_for_another_s_result(tmp_path, hire):
    task, jobs = prepared(tmp_path, count=12)
    done: list[int] = []

    def source():
        yield jobs[0]
        while not done:
            yield None
        yield from jobs[1:]

    for event in hire(task, 2).run(source()):
        if isinstance(event, PackDone):
            done.append(event.pack)
    assert done[0] == 0
    assert sorted(done) == list(range(len(jobs)))


def test_paused_resized_and_resumed_the_records_are_the_same(tmp_path, hire):
    task, jobs = prepared(tmp_path)
    executor, events, standing = hire(task, 2), [], 0
    for event in executor.run(jobs):
        events.append(event)
        if isinstance(event, EpochDone) and len(events) and not standing:
            executor.pause()
            executor.resize(1)
            standing = 1
        elif standing and isinstance(event, Heartbeat) and event.busy == 0:
            standing += 1
            if standing == 4:
                executor.resume()
    assert standing >= 4
    assert plain(events) == plain(alone(task).run(jobs))


def test_a_graph_that_is_dropped_is_stopped_and_its_pack_goes_on(tmp_path, hire):
    task, jobs = prepared(tmp_path)
    expected, _ = plain(alone(task).run(jobs))
    victim = next(t.id for t in expected.values() if t.graph == jobs[0].graphs[0])
    executor = hire(task, 1)
    executor.drop([victim])
    found, _ = plain(executor.run(jobs))
    assert found.pop(victim).state == "stopped"
    expected.pop(victim)
    assert found == expected


def test_a_worker_that_is_killed_takes_nothing_along(tmp_path, hire):
    task, jobs = prepared(tmp_path, epochs=LONG)
    events, killed = [], False
    for event in hire(task, 2).run(jobs):
        events.append(event)
        if isinstance(event, EpochDone) and not killed:
            os.kill(_some_worker().pid, signal.SIGKILL)
            killed = True
    assert killed
    assert any(isinstance(e, Note) and "goes on in another" in e.message for e in events)
    assert plain(events) == plain(alone(task).run(jobs))


def test_closing_it_leaves_no_worker(tmp_path, hire):
    task, jobs = prepared(tmp_path)
    events = hire(task, 2).run(jobs)
    assert any(isinstance(e, EpochDone) for e in events)
    workers = list(_workers())
    assert workers
    events.close()
    psutil.wait_procs(workers, timeout=20)
    assert not [w for w in workers if w.is_running() and w.status() != psutil.STATUS_ZOMBIE]


def _workers() -> Iterator[psutil.Process]:
    for process in psutil.Process().children(recursive=True):
        line = " ".join(process.cmdline())
        if "spawn_main" in line or line.startswith("ray::Seat"):
            yield process


def _some_worker() -> psutil.Process:
    """The one that has used most time: it trains."""
    return max(_workers(), key=lambda process: process.cpu_times().user)


# Ray alone


def test_a_ray_of_this_machine_listens_to_nobody_else(cluster):
    places = [
        connection.laddr.ip
        for process in psutil.Process().children(recursive=True)
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert places
    assert {ip.removeprefix("::ffff:") for ip in places} == {"127.0.0.1"}


@pytest.fixture
def nodes() -> Iterator[object]:
    """A cluster of two nodes, of one CPU each, on this machine."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    ray.shutdown()  # the other tests' Ray of one node
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def test_a_node_that_is_lost_takes_nothing_along_and_a_new_one_gets_work(tmp_path, nodes):
    from engine.executors.ray_cluster.cluster import Cluster
    from engine.executors.ray_cluster.executor import ray_workers

    task, jobs = prepared(tmp_path, count=24, epochs=LONG)
    expected = plain(alone(task).run(jobs))
    events, lost, joined = [], False, 0.0
    with closing(Cluster(nodes.address)) as cluster:
        part = training_part("digits", tmp_path)
        for event in ray_workers(cluster, task, part, 9).run(jobs):
            events.append(event)
            both = {e.worker for e in events if isinstance(e, EpochDone)}
            if len(both) == 2 and not lost:
                nodes.remove_node(next(iter(nodes.worker_nodes)), allow_graceful=False)
                lost = True
            elif lost and not joined and any(isinstance(e, Note) for e in events):
                nodes.add_node(num_cpus=1)
                joined = time.monotonic()
    assert lost
    assert joined
    assert plain(events) == expected


def node_here():
    import ray

    return ray.get_runtime_context().get_node_id()


def test_kinds_of_devices_are_found_on_their_nodes(nodes):
    from engine.executors.ray_cluster.cluster import Cluster

    with closing(Cluster(nodes.address)) as cluster:
        alike = cluster.kinds(lambda: "one kind")
        assert len(alike) == 1
        found = cluster.kinds(node_here)
        assert len(found) == 2
        assert all(kind == node == cluster.call(node_here, node=node) for kind, node in found.items())


def test_an_error_in_an_actor_is_told_before_it_ends(tmp_path, cluster):
    """It would otherwise look like a worker that died, three times over."""
    from dataclasses import replace

    from engine.errors import EngineError
    from engine.executors.ray_cluster.executor import ray_workers

    task, jobs = prepared(tmp_path)
    empty = training_part("digits", tmp_path)
    few = replace(empty, images=empty.images[:10], labels=empty.labels[:10])
    with pytest.raises(EngineError, match="images"):
        list(ray_workers(cluster, task, few, 1).run(jobs))
