"""A worker's own life: jobs and commands in, events out, wherever it runs (a process here, an actor of a cluster)."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.executors.interface import PackJob
from engine.executors.workers.pool import Pipe, Ready, Task
from engine.space.graph import Graph

if TYPE_CHECKING:
    from engine.executors.local import LocalExecutor
    from engine.training.data.images import Images


class Command(Enum):
    """What a worker is told while it trains: methods of its executor without arguments."""

    PAUSE = "pause"
    RESUME = "resume"
    CHECKPOINT_NOW = "checkpoint now"


@dataclass(frozen=True, slots=True)
class Drop:
    """Do not finish the graphs with these training ids."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Limit:
    """Divide packs of more graphs than this."""

    graphs: int


Message = PackJob | Command | Drop | Limit
"""What goes to a worker after its `Task`."""


def work(pipe: Pipe, task: Task, name: str, gpu: str | None) -> None:
    """A worker process's life: jobs in, events out, until the pipe ends (also when the parent was killed)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the terminal and schedulers send them to all: the parent answers
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    from engine.training.data.splits import training_part

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(pipe, task, lambda: training_part(task.protocol.data, task.data))


def serve(pipe: Pipe, task: Task, data: Callable[[], Images]) -> None:
    """Train what comes through the pipe and say what happens. Raises what the pipe raises when it ends."""
    from engine.executors.local import LocalExecutor
    from engine.training.teachers.bank import TeacherCache

    try:
        cache, part = TeacherCache(task.teachers), data()
        keeping = task.keeping if task.keeping and task.keeping.is_here else None
        executor = LocalExecutor(task.protocol, part, task.shape, task.mode, task.seed, cache, keeping, task.limits)
        if executor.kind not in task.limits and task.sample:
            executor.limit(_measured(task, part))
        pipe.send(Ready(executor.kind, executor.most))
        waiting: deque[PackJob] = deque()
        for event in executor.run(_jobs(pipe, executor, waiting)):
            pipe.send(event)
            while pipe.poll():
                _take(pipe.recv(), executor, waiting)
    except EngineError as error:
        pipe.send(error)


def _measured(task: Task, part: Images) -> int:
    """Graphs a pack that suit this worker's device."""
    from engine.training.calibration.calibrate import size_here

    return size_here([Graph.parse(text) for text in task.sample], task.protocol, part, task.shape.nodes, task.mode)


def _jobs(pipe: Pipe, executor: LocalExecutor, waiting: deque[PackJob]) -> Iterator[PackJob]:
    while True:
        while not waiting:
            _take(pipe.recv(), executor, waiting)
        yield waiting.popleft()


def _take(message: Message, executor: LocalExecutor, waiting: deque[PackJob]) -> None:
    """Obey a command at once; a job waits its turn (it may come before the last event's `poll`)."""
    match message:
        case PackJob():
            waiting.append(message)
        case Command.PAUSE:
            executor.pause()
        case Command.RESUME:
            executor.resume()
        case Command.CHECKPOINT_NOW:
            executor.checkpoint_now()
        case Drop(ids):
            executor.drop(ids)
        case Limit(graphs):
            executor.limit(graphs)
