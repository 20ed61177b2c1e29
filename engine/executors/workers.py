"""Packs in worker processes: one a GPU, or on a CPU one a core with a thread each.

Two processes of one thread beat one process of two threads on small networks (no barrier inside every operation), and
the more so on a machine shared with others. A worker that dies takes nothing along: its pack is given to another, at
most `RETRIES` times, then in halves, until the guilty graph is alone and recorded as failed.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from engine.errors import EngineError
from engine.executors.protocol import EpochDone, Executor, ExecutorEvent, Heartbeat, PackDone, PackJob
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.store.trials import Curve, State, Training
from engine.training.mode import Mode
from engine.training.outcome import training_id
from engine.training.pack import PackShape

RETRIES = 2
"""Times a pack is tried again after its worker died, before it is split."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs to know once; every field can be pickled."""

    protocol: Protocol
    data: Path
    shape: PackShape
    mode: Mode
    seed: int
    teachers: Path


@dataclass(slots=True)
class Piece:
    """A pack or a part of one, and how often it was tried."""

    job: PackJob
    tries: int = 0


@dataclass(slots=True)
class Worker:
    place: int
    """From 0; a free one is taken again. It decides the GPU."""
    name: str
    process: BaseProcess
    pipe: Connection
    piece: Piece | None = None
    stands: bool = False
    """True once it has said that it follows a pause."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a worker is told while it trains: a method of its executor."""

    method: str


BEAT = 1.0
"""Seconds without an event after which a heartbeat is told."""


class WorkerExecutor:
    """Hands packs to `count` worker processes and gathers what they send."""

    def __init__(self, task: Task, count: int, gpus: int = 0) -> None:
        """`gpus` > 0 gives worker i the GPU i modulo `gpus`, set before it loads torch."""
        self.task, self.count, self.gpus = task, count, gpus
        self._context = get_context("spawn")  # fork would inherit the run's lock and torch's threads
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
                heard = wait([w.pipe for w in busy], timeout=BEAT)
                for worker in busy:
                    if worker.pipe in heard:
                        yield from self._hear(worker, again)
                if not heard:
                    yield self._beat()
                self._fill(source, again)
        finally:
            self._dismiss(self._workers)

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
                worker.pipe.send(command)

    def _beat(self) -> Heartbeat:
        return Heartbeat(sum(1 for w in self._workers if w.piece and not w.stands))

    def _fill(self, source: Iterator[PackJob | None], again: deque[Piece]) -> None:
        """Work for everybody: the dead are replaced, those too many leave, and as many are hired as there is work for."""
        if self._paused:
            return
        self._dismiss([w for w in self._workers if w.piece is None][: max(0, len(self._workers) - self.count)])
        for place, worker in enumerate(self._workers):
            if worker.piece is None and (piece := self._next(source, again)):
                if not worker.process.is_alive():
                    self._dismiss([worker])
                    worker = self._start(worker.place)
                    self._workers.insert(place, worker)
                self._give(worker, piece)
        while len(self._workers) < self.count and (piece := self._next(source, again)):
            taken = {w.place for w in self._workers}
            self._workers.append(self._start(next(n for n in count() if n not in taken)))
            self._give(self._workers[-1], piece)

    def _dismiss(self, workers: Sequence[Worker]) -> None:
        """End these workers, also one that somebody has stopped (SIGSTOP) and that would never see a polite signal."""
        for worker in workers:
            worker.process.kill()
        for worker in list(workers):
            worker.process.join()
            worker.pipe.close()
            self._workers.remove(worker)

    def _start(self, number: int) -> Worker:
        ours, theirs = self._context.Pipe()
        gpu = str(number % self.gpus) if self.gpus else None
        process = self._context.Process(target=_work, args=(theirs, self.task, f"worker {number}", gpu), daemon=True)
        process.start()
        theirs.close()
        return Worker(number, f"worker {number}", process, ours)

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
            worker.pipe.send(piece.job)

    def _hear(self, worker: Worker, again: deque[Piece]) -> Iterator[ExecutorEvent]:
        """One message of a worker, or its death."""
        assert worker.piece is not None
        try:
            said = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join(5)
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
            yield replace(said, worker=worker.name)
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
        code = worker.process.exitcode
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return Training(
            id=training_id(graph.key, job.repeat), graph=str(graph), repeat=job.repeat, seed=self.task.seed,
            state=State.FAILED, epochs=0, accuracy=(None,) * graph.nodes, pack=job.number, worker=worker.name,
            reason=f"its worker died each time it was trained ({how})",
        )  # fmt: skip


def _work(pipe: Connection, task: Task, name: str, gpu: str | None) -> None:
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
            for event in executor.run(_jobs(pipe, executor)):
                pipe.send(event)
                while pipe.poll():
                    _obey(pipe.recv(), executor)
        except EngineError as error:
            pipe.send(error)


def _jobs(pipe: Connection, executor: Executor) -> Iterator[PackJob]:
    while True:
        said = pipe.recv()
        if isinstance(said, PackJob):
            yield said
        else:
            _obey(said, executor)


def _obey(command: Command, executor: Executor) -> None:
    getattr(executor, command.method)()
