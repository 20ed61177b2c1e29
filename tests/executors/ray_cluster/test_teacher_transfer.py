"""Weights of pre-trained networks travel as the files they are kept in; on a cluster one worker trains them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors.torch import load, save

from engine.errors import StoreError
from engine.executors.interface import PackDone, PackJob
from engine.executors.local import LocalExecutor
from engine.executors.ray_cluster import teacher_transfer
from engine.executors.workers.pool import Task
from engine.space.protocol import resolve
from engine.store.teacher_files import digest
from engine.training.data.splits import training_part
from engine.training.teachers.bank import TeacherCache
from tests.executors.workers.test_executor import FIELDS, plain, prepared

TEXTS = ["1:mlp4 2:mlp3 | y>1 through, 2>1 through", "1:mlp4 2:mlp3 3:mlp3 | y>1 through, 2>1 through, 3>1 linear"]


def taught(folder: Path, jobs: list[PackJob], task: Task) -> tuple[Task, list]:
    """The task with a folder of its own, and what training there comes to."""
    task = replace(task, teachers=folder)
    part = training_part("digits", task.data)
    executor = LocalExecutor(task.protocol, part, task.shape, task.mode, task.seed, TeacherCache(folder))
    return task, list(executor.run(jobs))


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Task, list[PackJob]]:
    task, jobs = prepared(tmp_path, TEXTS)
    assert task.shape.teachers == (("mlp3", 2), ("mlp3", 3))
    return task, jobs


def test_what_was_trained_in_one_folder_is_what_another_gets(tmp_path, asked, monkeypatch):
    task, jobs = asked
    here, events = taught(tmp_path / "here", jobs, task)
    assert teacher_transfer.are_there(here, 0)
    assert not teacher_transfer.are_there(here, 1)
    there = replace(task, teachers=tmp_path / "there")
    assert teacher_transfer.blobs(there, 0) == {}
    teacher_transfer.put(there, teacher_transfer.blobs(here, 0))
    assert teacher_transfer.blobs(there, 0) == teacher_transfer.blobs(here, 0)
    assert len(teacher_transfer.blobs(there, 0)) == 2

    def barred(*args):
        raise AssertionError("trained although it was put there")

    monkeypatch.setattr("engine.training.teachers.pretraining._train_pack", barred)
    assert plain(taught(there.teachers, jobs, task)[1]) == plain(events)


def test_a_damaged_file_does_not_travel(tmp_path, asked):
    here, _ = taught(tmp_path / "here", *reversed(asked))
    victim = next(here.teachers.glob("*.safetensors"))
    victim.write_bytes(b"x" + victim.read_bytes()[1:])
    with pytest.raises(StoreError, match=r"do not match their checksum; delete it"):
        teacher_transfer.blobs(here, 0)


def test_what_a_person_brought_travels_too(tmp_path, asked):
    task, _ = asked
    (tmp_path / "mlp3.safetensors").write_bytes(b"weights")
    protocol = resolve(FIELDS | {"teachers": {"mlp3": digest(tmp_path / "mlp3.safetensors")}})
    assert teacher_transfer.blobs(replace(task, protocol=protocol, teachers=tmp_path), 0) == {"mlp3.safetensors": b"weights"}


@pytest.fixture
def cluster() -> Iterator[object]:
    if find_spec("ray") is None:
        pytest.skip("the extra ray is not installed")
    from engine.executors.ray_cluster.cluster import Cluster

    with closing(Cluster()) as made:
        yield made


def marked(task: Task) -> dict[str, bytes]:
    """Other weights under the same names, as nobody would train them."""
    found = {name: save({n: t + 1 for n, t in load(blob).items()}) for name, blob in teacher_transfer.blobs(task, 0).items()}
    for path in task.teachers.iterdir():
        path.unlink()
    teacher_transfer.put(task, found)
    return found


def driven(cluster: object, task: Task, at: list[Task], jobs: list[PackJob]) -> list:
    """Trainings of a job by a worker at each task's folders, as `RayCrew` has it; `task` is the driver's."""
    from engine.executors.ray_cluster.executor import RayCrew

    crew = RayCrew(cluster, task, training_part("digits", task.data))
    links = [crew.hire(place, own) for place, own in enumerate(at)]
    for link in links:
        link.send(jobs[0])
    done = []
    while len(done) < len(links):
        for link in crew.wait([link for link in links if link not in [who for who, _ in done]], 1.0):
            said = link.hear()
            done += [(link, said)] if isinstance(said, PackDone) else []
    crew.dismiss(links)
    return [said for _, said in done]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("who", ["the first worker", "the driver"])
def test_other_nodes_fetch_what_one_has(tmp_path, asked, cluster, who):
    """Their folders are what makes nodes of two workers of this machine."""
    task, jobs = asked
    there, here = replace(task, teachers=tmp_path / "there"), taught(tmp_path / "here", jobs, task)[0]
    found = marked(here)
    if who == "the driver":
        driven(cluster, here, [there], jobs)
    else:
        driven(cluster, replace(task, teachers=tmp_path / "nowhere"), [here, there], jobs)
    assert teacher_transfer.blobs(there, 0) == found
