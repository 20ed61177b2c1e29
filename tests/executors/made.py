"""An executor that trains nothing: each training is a known function of its graph and repeat."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator

import msgspec

from engine.executors.interface import Checkpointed, EpochDone, ExecutorEvent, Heartbeat, PackDone, PackJob
from engine.space.graph import Graph
from engine.store.records import Curve, State, Training, training_id


def accuracy(graph: Graph, node: int, repeat: int) -> float:
    """Validation accuracy (%) of a node of an effective graph: between 50 and 100, different for every node."""
    return 50 + zlib.crc32(f"{graph}/{node}/{repeat}".encode()) % 5000 / 100


def state(graph: Graph, repeat: int) -> State:
    """One in eight fails and one in eight diverges."""
    return {0: State.FAILED, 1: State.DIVERGED}.get(zlib.crc32(f"{graph}.{repeat}".encode()) % 8, State.DONE)


def training(graph: Graph, repeat: int, pack: int = 0) -> Training:
    ended = state(graph, repeat)
    values = tuple(accuracy(graph, n, repeat) for n in range(1, graph.nodes + 1))
    return Training(
        id=training_id(graph.key, repeat), graph=str(graph), repeat=repeat, seed=0, state=ended, epochs=2, pack=pack,
        accuracy=(None,) * graph.nodes if ended is State.FAILED else values,
    )  # fmt: skip


class MadeExecutor:
    """Two epochs a pack; `jobs` are the packs it was asked for. It can be `workers`, at most `most`."""

    def __init__(self, workers: int = 1, most: int = 1) -> None:
        self.jobs: list[PackJob] = []
        self.workers, self.most = workers, most
        self.paused = self.keeps = False
        self.dropped: set[str] = set()

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        for job in jobs:
            assert job is not None
            self.jobs.append(job)
            for epoch in (1, 2):
                yield from self._stand()
                yield EpochDone(job.number, len(job.graphs), epoch, 2, 50.0)
                if self.keeps:
                    yield Checkpointed(job.number, epoch)
            yield from self._stand()
            made = tuple(self._training(Graph.parse(text), job) for text in job.graphs)
            yield PackDone(job.number, made, tuple(Curve(id=t.id, accuracy=(t.accuracy,) * 2) for t in made))

    def _training(self, graph: Graph, job: PackJob) -> Training:
        made = training(graph, job.repeat, job.number)
        return msgspec.structs.replace(made, state=State.STOPPED, reason="dropped") if made.id in self.dropped else made

    def _stand(self) -> Iterator[Heartbeat]:
        while self.paused:
            yield Heartbeat(0)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def drop(self, ids: Collection[str]) -> None:
        self.dropped.update(ids)

    def checkpoint_now(self) -> None:
        self.keeps = True

    def resize(self, workers: int) -> bool:
        if workers > self.most:
            return False
        self.workers = workers
        return True
