"""Packs in worker processes: one a GPU, or on a CPU one a core with a thread each.

Two processes of one thread beat one process of two threads on small networks (no barrier inside every operation), and
the more so on a machine shared with others. A worker that dies takes nothing along: its pack is given to another, at
most `RETRIES` times, then in halves, until the guilty graph is alone and recorded as failed.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from engine.errors import EngineError
from engine.executors.crew import Crew, Link, Pipe, ProcessCrew, Task
from engine.executors.protocol import EpochDone, Executor, ExecutorEvent, Heartbeat, PackDone, PackJob
from engine.space.graph import Graph
from engine.store.trials import Curve, State, Training
from engine.training.outcome import training_id

RETRIES = 2
"""Times a pack is tried again after its worker died, before it is split."""


@dataclass(slots=True)
class Piece:
    """A pack or a part of one, and how often it was tried."""

    job: PackJob
    tries: int = 0


@dataclass(slots=True)
class Worker:
    place: int
    """From 0; a free one is taken again. It decides the GPU."""
    link: Link
    piece: Piece | None = None
    stands: bool = False
    """True once it has said that it follows a pause."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a worker is told while it trains: a method of its executor."""

    method: str


BEAT = 1.0
"""Seconds without an event after which a heartbeat is told."""


def local_workers(task: Task, count: int, gpus: int = 0) -> WorkerExecutor:
    """`count` processes of this machine, worker i on the GPU i modulo `gpus` if there are any."""
    return WorkerExecutor(ProcessCrew(work, task, gpus), count, task.seed)


class WorkerExecutor:
    """Hands packs to `count` workers of a crew and gathers what they send."""

    def __init__(self, crew: Crew[Any], count: int, seed: int) -> None:
        """`seed` is the search's, for the records of graphs whose workers died."""
        self.crew, self.count, self.seed = crew, count, seed
        self._workers: list[Worker] = []
        self._paused = False
        self._parts: dict[int, dict[str, tuple[Training, Curve | None]]] = {}
        self._whole: dict[int, PackJob] = {}

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        """Events as they come. Closing the iterator ends all workers."""
        source = iter(jobs)
        again: deque[Piece] = deque()
        try:
            self._fill(source, again)
            while self._paused or any(w.piece for w in self._workers):
                busy = [w for w in self._workers if w.piece]
                heard = self.crew.wait([w.link for w in busy], BEAT)
                for worker in busy:
                    if worker.link in heard:
                        yield from self._hear(worker, again)
                if not heard:
                    yield self._beat()
                self._fill(source, again)
        finally:
            self._dismiss(self._workers)
            self.crew.close()

    def pause(self) -> None:
        self._paused = True
        self._tell(Command("pause"))

    def resume(self) -> None:
        self._paused = False
        self._tell(Command("resume"))

    def resize(self, workers: int) -> bool:
        self.count = workers
        return True

    def _tell(self, command: Command) -> None:
        for worker in self._workers:
            with suppress(BrokenPipeError):  # its death is noticed where it is heard
                worker.link.send(command)

    def _beat(self) -> Heartbeat:
        return Heartbeat(sum(1 for w in self._workers if w.piece and not w.stands))

    def _fill(self, source: Iterator[PackJob | None], again: deque[Piece]) -> None:
        """Work for everybody: the dead are replaced, those too many leave, and as many are hired as there is work for."""
        if self._paused:
            return
        self._dismiss([w for w in self._workers if w.piece is None][: max(0, len(self._workers) - self.count)])
        for place, worker in enumerate(self._workers):
            if worker.piece is None and (piece := self._next(source, again)):
                if not worker.link.is_alive:
                    self._dismiss([worker])
                    worker = self._start(worker.place)
                    self._workers.insert(place, worker)
                self._give(worker, piece)
        while len(self._workers) < self.count and (piece := self._next(source, again)):
            taken = {w.place for w in self._workers}
            self._workers.append(self._start(next(n for n in count() if n not in taken)))
            self._give(self._workers[-1], piece)

    def _dismiss(self, workers: Iterable[Worker]) -> None:
        gone = list(workers)
        self.crew.dismiss([worker.link for worker in gone])
        self._workers = [worker for worker in self._workers if worker not in gone]

    def _start(self, place: int) -> Worker:
        return Worker(place, self.crew.hire(place))

    def _next(self, source: Iterator[PackJob | None], again: deque[Piece]) -> Piece | None:
        if again:
            return again.popleft()
        job = next(source, None)
        if job is None:
            return None
        self._whole[job.number], self._parts[job.number] = job, {}
        return Piece(job)

    def _give(self, worker: Worker, piece: Piece) -> None:
        worker.piece = piece
        with suppress(BrokenPipeError):  # it died meanwhile: the pipe's end says so when it is read
            worker.link.send(piece.job)

    def _hear(self, worker: Worker, again: deque[Piece]) -> Iterator[ExecutorEvent]:
        """One message of a worker, or its death."""
        assert worker.piece is not None
        try:
            said = worker.link.hear()
        except EOFError:
            piece, worker.piece = worker.piece, None
            yield from self._lost(piece, worker, again)
            return
        if isinstance(said, EngineError):
            raise said
        worker.stands = isinstance(said, Heartbeat) and not said.busy
        if isinstance(said, Heartbeat):
            yield self._beat()
            return
        if isinstance(said, EpochDone):
            yield replace(said, worker=worker.link.name)
            return
        worker.piece = None
        yield from self._gather(said)

    def _gather(self, part: PackDone) -> Iterator[PackDone]:
        """Keep a part; a pack is done when all its graphs are."""
        curves = {c.id: c for c in part.curves}
        parts, job = self._parts[part.pack], self._whole[part.pack]
        parts.update((t.graph, (t, curves.get(t.id))) for t in part.trainings)
        if len(parts) == len(job.graphs):
            pairs = [parts[text] for text in job.graphs]
            del self._parts[part.pack], self._whole[part.pack]
            yield PackDone(part.pack, tuple(t for t, _ in pairs), tuple(c for _, c in pairs if c is not None))

    def _lost(self, piece: Piece, worker: Worker, again: deque[Piece]) -> Iterator[PackDone]:
        graphs = piece.job.graphs
        if piece.tries < RETRIES:
            again.append(Piece(piece.job, piece.tries + 1))
        elif len(graphs) > 1:
            half = len(graphs) // 2
            again.extend(Piece(replace(piece.job, graphs=part), RETRIES) for part in (graphs[:half], graphs[half:]))
        else:
            yield from self._gather(PackDone(piece.job.number, (self._failed(piece.job, worker),), ()))

    def _failed(self, job: PackJob, worker: Worker) -> Training:
        graph = Graph.parse(job.graphs[0])
        return Training(
            id=training_id(graph.key, job.repeat), graph=str(graph), repeat=job.repeat, seed=self.seed,
            state=State.FAILED, epochs=0, accuracy=(None,) * graph.nodes, pack=job.number, worker=worker.link.name,
            reason=f"its worker died each time it was trained ({worker.link.ended()})",
        )  # fmt: skip


def work(pipe: Pipe, task: Task, name: str, gpu: str | None) -> None:
    """A worker's life: jobs in, events out, until the pipe ends (also when the parent was killed)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the terminal and schedulers send them to all: the parent answers
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    from engine.executors.local import LocalExecutor
    from engine.training.data import training_part
    from engine.training.teachers import TeacherCache

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            part = training_part(task.protocol.data, task.data)
            executor = LocalExecutor(task.protocol, part, task.shape, task.mode, task.seed, TeacherCache(task.teachers))
            waiting: deque[PackJob] = deque()
            for event in executor.run(_jobs(pipe, executor, waiting)):
                pipe.send(event)
                while pipe.poll():
                    _take(pipe.recv(), executor, waiting)
        except EngineError as error:
            pipe.send(error)


def _jobs(pipe: Pipe, executor: Executor, waiting: deque[PackJob]) -> Iterator[PackJob]:
    while True:
        while not waiting:
            _take(pipe.recv(), executor, waiting)
        yield waiting.popleft()


def _take(said: PackJob | Command, executor: Executor, waiting: deque[PackJob]) -> None:
    """Obey a command at once; a job waits its turn (it may come before the last event's `poll`)."""
    if isinstance(said, Command):
        getattr(executor, said.method)()
    else:
        waiting.append(said)
