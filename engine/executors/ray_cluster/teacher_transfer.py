"""Weights of pre-trained networks as bytes, on their way from the node that has them to the others.

They travel as the files they are kept in: whoever gets them has what a search that trained them there would have.
"""

from __future__ import annotations

from pathlib import Path

from engine.executors.workers.pool import Task
from engine.store.teacher_files import key_of, path_of
from engine.training.teachers.bank import TeacherCache
from engine.training.teachers.pretraining import file_of


def _files(task: Task, repeat: int) -> dict[Path, bool]:
    """The file of each pre-trained network that the packs of a repeat need, and whether a person brought it."""
    cache, found = TeacherCache(task.teachers), dict[Path, bool]()
    for model, node in task.shape.teachers:
        if (key := key_of(task.protocol.teachers, model, node)) is not None:
            found[path_of(task.teachers, key)] = True
        else:
            found[file_of(cache, model, node, task.shape.nodes, task.mode, task.protocol, task.seed, repeat)] = False
    return found


def are_there(task: Task, repeat: int) -> bool:
    return all(path.is_file() for path in _files(task, repeat))


def blobs(task: Task, repeat: int) -> dict[str, bytes]:
    """Contents by name of the files that are there: a network that could not be trained has none. Raises StoreError for one
    that does not match its checksum; what was brought is compared with the protocol's where it is loaded."""
    cache = TeacherCache(task.teachers)
    there = {path: brought for path, brought in _files(task, repeat).items() if path.is_file()}
    return {path.name: path.read_bytes() if brought else cache.read(path) for path, brought in there.items()}


def put(task: Task, found: dict[str, bytes]) -> None:
    """Keep what this node lacks. Raises StoreError if the disk refuses."""
    cache = TeacherCache(task.teachers)
    for name, blob in found.items():
        if not (path := task.teachers / name).is_file():
            cache.keep(path, blob)
