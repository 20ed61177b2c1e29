"""An executor that trains nothing and pauses as asked: learning curves are known functions of graph and repeat."""

from __future__ import annotations

import random
import zlib
from collections.abc import Collection, Iterable, Iterator

from engine.executors.interface import EpochDone, ExecutorEvent, PackDone, PackJob, PackPaused
from engine.space.graph import Graph
from engine.store.records import Curve, State, Training, training_id


def noise(*parts: object) -> float:
    """Between 0 and 1, the same for the same parts."""
    return zlib.crc32("/".join(map(str, parts)).encode()) / 2**32


def accuracy(graph: Graph, repeat: int, epoch: int, node: int = 1, step: float = 0.01) -> float:
    """Validation accuracy (%) at an epoch: graphs differ in where they end, and early epochs tell a part of it."""
    end = 60 + 35 * noise(graph, repeat, node)
    value = end * (1 - 0.7 ** (epoch + 1)) + 6 * (noise(graph, repeat, node, epoch) - 0.5) / epoch
    return round(round(value / step) * step, 4)


def ended(graph: Graph, repeat: int, sick: float) -> tuple[State, int | None]:
    """How it ends, and the epoch in which it diverges; a share of `sick` diverges and as many fail."""
    chance = noise(graph, repeat, "end")
    if chance < sick:
        return State.DIVERGED, 1 + zlib.crc32(f"{graph} {repeat}".encode()) % 6
    return (State.FAILED, None) if chance < 2 * sick else (State.DONE, None)


class CurveExecutor:
    """Keeps `count` packs in training and ends them in an order drawn from `order`."""

    def __init__(self, epochs: int, count: int = 1, order: int = 0, sick: float = 0.0, step: float = 0.01) -> None:
        self.epochs, self.count, self.sick, self.step = epochs, count, sick, step
        self.random = random.Random(order)
        self.jobs: list[PackJob] = []
        self.trained: dict[str, int] = {}
        """Epochs each training was brought to."""
        self.cost = 0
        """Graph-epochs."""

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        source, running = iter(jobs), []
        while True:
            while len(running) < self.count and (job := next(source, None)) is not None:
                self.jobs.append(job)
                running.append(job)
            if not running:
                return
            job = running.pop(self.random.randrange(len(running)))
            yield EpochDone(job.number, len(job.graphs), (job.until or self.epochs), self.epochs, 50.0)
            yield self._end(job)

    def drop(self, ids: Collection[str]) -> None:
        """It trains them all the same: whoever dropped them passes over what comes."""

    def _end(self, job: PackJob) -> PackDone | PackPaused:
        last = self.epochs if job.until is None else job.until
        pairs = [self._train(Graph.parse(text), job, last) for text in job.graphs]
        trainings, curves = tuple(t for t, _ in pairs), tuple(c for _, c in pairs if c.accuracy)
        if job.until is None:
            return PackDone(job.number, trainings, curves)
        return PackPaused(job.number, job.until, trainings, curves)

    def _train(self, graph: Graph, job: PackJob, last: int) -> tuple[Training, Curve]:
        id = training_id(graph.key, job.repeat)
        assert self.trained.get(id, job.first) >= job.first, "there is no checkpoint of that epoch"
        self.cost += last - job.first
        state, sick = ended(graph, job.repeat, self.sick)
        if state is State.DIVERGED and sick is not None and sick > last:
            state, sick = State.DONE, None
        if state is State.DONE and last < self.epochs:
            state = State.STOPPED
        self.trained[id] = last
        epochs = 0 if state is State.FAILED else sick or last
        rows = tuple(
            tuple(accuracy(graph, job.repeat, e, n, self.step) for n in range(1, graph.nodes + 1))
            for e in range(1, epochs + 1)
        )
        reason = None if state in (State.DONE, State.STOPPED) else "made to"
        made = Training(
            id=id, graph=str(graph), repeat=job.repeat, seed=0, state=state, epochs=epochs, pack=job.number,
            accuracy=rows[-1] if rows else (None,) * graph.nodes, reason=reason,
        )  # fmt: skip
        return made, Curve(id=id, accuracy=rows)
