"""Packs in worker processes: one a GPU, or on a CPU one a core with a thread each.

Two processes of one thread beat one process of two threads on small networks (no barrier inside every operation), and
the more so on a machine shared with others. A worker that dies or hangs takes nothing along: its pack is given to another,
which goes on from its last checkpoint, at most `RETRIES` times, then in halves, until the guilty graph is alone and
recorded as failed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import msgspec

from engine.errors import EngineError, TrainingError
from engine.executors.interface import (
    Checkpointed,
    EpochDone,
    ExecutorEvent,
    Heartbeat,
    Note,
    PackDone,
    PackJob,
    PackLimit,
    PackPaused,
    pack_end,
)
from engine.executors.job_parts import Piece, cut, waiting
from engine.executors.workers.pool import Crew, ProcessCrew, Ready, Task
from engine.executors.workers.worker_main import Command, Drop, Limit, work
from engine.executors.workers.worker_state import Patience, Worker
from engine.space.graph import Graph
from engine.store.records import Curve, State, Training, training_id

RETRIES = 2
"""Times a pack is tried again after its worker died, before it is split."""

STILLBORN = 3
"""Workers in a row that may end before their first word; then something is wrong with all of them."""

BEAT = 1.0
"""Seconds without an event after which a heartbeat is told."""


def local_workers(task: Task, count: int, gpus: int = 0, patience: Patience | None = None) -> WorkerExecutor:
    """`count` processes of this machine, worker i on the GPU i modulo `gpus` if there are any."""
    return WorkerExecutor(ProcessCrew(work, gpus), count, task, patience)


class WorkerExecutor:
    """Hands packs to `count` workers of a crew and gathers what they send."""

    def __init__(self, crew: Crew[Any], count: int, task: Task, patience: Patience | None = None) -> None:
        self.crew, self.count, self.task, self.patience = crew, count, task, patience or Patience()
        self._dropped: set[str] = set()
        self._limits = dict(task.limits)
        self._stillborn = 0
        self._workers: list[Worker] = []
        self._paused = False
        self._parts: dict[int, dict[str, tuple[Training, Curve | None]]] = {}
        self._whole: dict[int, PackJob] = {}

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        """Events as they come. Closing the iterator ends all workers."""
        source = iter(jobs)
        again: deque[Piece] = deque()
        try:
            # Held back until there is room: a cluster may have none for a while, and nobody to wait for.
            if (piece := self._next(source, again)) is not None:
                again.append(piece)
            self._fill(source, again)
            while self._paused or again or any(w.piece for w in self._workers):
                busy = [w for w in self._workers if w.piece]
                began = time.monotonic()
                heard = self.crew.wait([w.link for w in busy], BEAT)
                # Not more than was waited for: this process may itself have been stopped, or the machine asleep.
                waited = min(time.monotonic() - began, 2 * BEAT)
                for worker in busy:
                    worker.silent += waited
                    if worker.link in heard:
                        yield from self._hear(worker, again)
                    elif worker.silent > self.patience.limit(worker.longest):
                        yield from self._lost(worker, f"hung (no sign of life for {worker.silent:.0f} s)", again)
                        self._dismiss([worker])
                if not heard:
                    yield self._beat()
                self._fill(source, again)
        finally:
            self._dismiss(self._workers)
            self.crew.close()

    def pause(self) -> None:
        self._paused = True
        self._tell(Command.PAUSE)

    def resume(self) -> None:
        self._paused = False
        self._tell(Command.RESUME)

    def resize(self, workers: int) -> bool:
        self.count = workers
        return True

    def drop(self, ids: Collection[str]) -> None:
        self._dropped.update(ids)
        self._tell(Drop(frozenset(ids)))

    def checkpoint_now(self) -> None:
        self._tell(Command.CHECKPOINT_NOW)

    def _tell(self, command: Command | Drop) -> None:
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
            if worker.piece is None and (piece := self._next(source, again, worker.most)):
                if not worker.link.is_alive:
                    self._dismiss([worker])
                    worker = self._start(worker.place)
                    self._workers.insert(place, worker)
                self._give(worker, piece, again)
        while len(self._workers) < min(self.count, self.crew.room()) and (piece := self._next(source, again)):
            taken = {w.place for w in self._workers}
            self._workers.append(self._start(next(n for n in count() if n not in taken)))
            self._give(self._workers[-1], piece, again)

    def _dismiss(self, workers: Iterable[Worker]) -> None:
        gone = list(workers)
        self.crew.dismiss([worker.link for worker in gone])
        self._workers = [worker for worker in self._workers if worker not in gone]

    def _start(self, place: int) -> Worker:
        link = self.crew.hire(place, replace(self.task, limits=self._limits))
        if self._dropped:
            link.send(Drop(frozenset(self._dropped)))
        return Worker(place, link)

    def _next(self, source: Iterator[PackJob | None], again: deque[Piece], most: int | None = None) -> Piece | None:
        """What comes back first, then what is new; last what was cut for another kind of device."""
        if (piece := waiting(again, most)) is not None:
            return piece
        job = next(source, None)
        if job is None:
            return again.popleft() if again else None
        self._whole[job.number], self._parts[job.number] = job, {}
        return Piece(job)

    def _give(self, worker: Worker, piece: Piece, again: deque[Piece]) -> None:
        """A piece for a worker, as much of it as its device takes; sent as soon as it has said how much that is."""
        worker.piece, worker.silent = piece, 0.0
        if worker.most is None:
            return
        worker.piece, *rest = cut(piece, self.task.shape, worker.most)
        again.extendleft(reversed(rest))
        with suppress(BrokenPipeError):  # it died meanwhile: the pipe's end says so when it is read
            worker.link.send(worker.piece.job)

    def _meet(self, worker: Worker, said: Ready) -> Iterator[PackLimit]:
        """A worker tells its kind. Several of one kind may have measured it: what the first one found counts for all."""
        if said.kind not in self._limits and self.task.sample:
            self._limits[said.kind] = said.most
            yield PackLimit(said.most, "measured, for this kind of device is new to the search", said.kind)
        worker.kind, worker.most = said.kind, min(said.most, self._limits.get(said.kind, said.most))

    def _limit(self, kind: str, graphs: int) -> None:
        self._limits[kind] = graphs
        for worker in self._workers:
            if worker.kind == kind and worker.most is not None:
                worker.most = min(worker.most, graphs)
                with suppress(BrokenPipeError):
                    worker.link.send(Limit(graphs))

    def _hear(self, worker: Worker, again: deque[Piece]) -> Iterator[ExecutorEvent]:
        """One message of a worker, or its death."""
        try:
            said = worker.link.hear()
        except EOFError:
            yield from self._lost(worker, f"died ({worker.link.ended()})", again)
            return
        worker.speaks(said)
        self._stillborn = 0
        match said:
            case EngineError():
                raise said
            case Ready():
                yield from self._meet(worker, said)
                if worker.piece is not None:
                    self._give(worker, worker.piece, again)
            case Heartbeat():
                worker.stands = not said.busy
                yield self._beat()
            case EpochDone():
                worker.stands = False
                yield replace(said, worker=worker.link.name)
            case PackDone() | PackPaused():
                worker.piece, worker.stands = None, False
                yield from self._gather(said, worker.link.name)
            case PackLimit():
                self._limit(said.kind, said.graphs)
                yield said
            case Checkpointed() | Note():
                yield said

    def _gather(self, part: PackDone | PackPaused, name: str) -> Iterator[PackDone | PackPaused]:
        """Keep a part; a pack is done when all its graphs are."""
        curves = {c.id: c for c in part.curves}
        parts, job = self._parts[part.pack], self._whole[part.pack]
        parts.update((t.graph, (msgspec.structs.replace(t, worker=name), curves.get(t.id))) for t in part.trainings)
        if len(parts) == len(job.graphs):
            del self._parts[part.pack], self._whole[part.pack]
            yield pack_end(job, parts.values())

    def _lost(self, worker: Worker, how: str, again: deque[Piece]) -> Iterator[ExecutorEvent]:
        """Give a lost worker's piece to another, whole or in halves, or record its only graph as failed."""
        piece, worker.piece = worker.piece, None
        assert piece is not None, "only workers with a piece are listened to"
        if not worker.link.has_place:
            again.append(piece)
            yield Note(f"{worker.link.name} {how}: pack {piece.job.number} waits for another")
            return
        self._stillborn += not worker.spoke
        if self._stillborn >= STILLBORN:
            raise TrainingError(f"{STILLBORN} workers in a row ended before their first word; the last {how}",
                                "see what they wrote; is there memory for so many? fewer --workers need less")
        graphs, name = piece.job.graphs, worker.link.name
        if piece.tries < RETRIES:
            again.append(Piece(piece.job, piece.tries + 1))
            yield Note(f"{name} {how}: pack {piece.job.number} goes on in another")
        elif len(graphs) > 1:
            half = len(graphs) // 2
            again.extend(Piece(replace(piece.job, graphs=part), RETRIES) for part in (graphs[:half], graphs[half:]))
            yield Note(f"{name} {how}: pack {piece.job.number} goes on in halves")
        else:
            yield Note(f"{name} {how}: {graphs[0]} is recorded as failed")
            yield from self._gather(PackDone(piece.job.number, (self._failed(piece.job, how),), ()), name)

    def _failed(self, job: PackJob, how: str) -> Training:
        graph = Graph.parse(job.graphs[0])
        return Training(
            id=training_id(graph.key, job.repeat), graph=str(graph), repeat=job.repeat, seed=self.task.seed,
            state=State.FAILED, epochs=0, accuracy=(None,) * graph.nodes, pack=job.number,
            reason=f"its worker {how} each time it was trained",
        )  # fmt: skip
