"""The way of a pack's graphs to their job's epoch, from wherever their checkpoints stand.

Those that are behind (no checkpoint, a damaged one, an older one) catch up first, in packs of their own; no number depends
on that, only time does.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from engine.errors import StoreError
from engine.executors.interface import Checkpointed, EpochDone, ExecutorEvent, Heartbeat, Note, PackJob
from engine.packing.packs import PackShape
from engine.space.graph import Graph
from engine.store.files.checkpoints import Checkpoints
from engine.store.records import Curve, Training, training_id
from engine.training.state.checkpoint import GraphState, restore, states
from engine.training.state.history import History
from engine.training.state.records import Ride, training, unbegun
from engine.training.trainer import PackTrainer, Setting

BEAT = 1.0
"""Seconds between heartbeats."""

LOOK = 0.2
"""Seconds between looks of a paused executor at whether it may go on."""

SAVING_SHARE = 20
"""Saving may take a twentieth of the time: where it takes long, it is done more seldom than asked for."""

DROPPED = "stopped by a person"

Record = tuple[Training, Curve | None]


@dataclass
class Orders:
    """What whoever consumes the events has asked for; read between two steps."""

    paused: bool = False
    keep: bool = False
    """Checkpoint at the next epoch's end, whenever the last one was."""
    dropped: set[str] = field(default_factory=set)
    """Ids of trainings that are not to be finished."""


@dataclass
class Course:
    """Takes graphs of one job along together; `run` returns a record a graph."""

    job: PackJob
    graphs: Sequence[Graph]
    shape: PackShape
    setting: Setting
    orders: Orders
    checkpoints: Checkpoints | None
    every: float
    """Seconds between checkpoints; 0: one after each epoch."""

    def __post_init__(self) -> None:
        self.end = self.job.until or self.setting.protocol.epochs
        self.ride = Ride(self.setting, self.job.number, "local")
        self.ended: dict[Graph, Record] = {}
        """Records of graphs that were dropped."""
        self._beaten = self._saved = time.monotonic()
        self._saving = 0.0
        self.stood = 0.0
        """Seconds it stood still."""

    def run(self) -> Generator[ExecutorEvent, None, list[Record]]:
        standing: dict[Graph, GraphState | None] = yield from self._load()
        while behind := [g for g in self._left() if _epoch(standing[g]) < self.end]:
            level = min(_epoch(standing[g]) for g in behind)
            goal = min((_epoch(standing[g]) for g in behind if _epoch(standing[g]) > level), default=self.end)
            together = [g for g in behind if _epoch(standing[g]) == level]
            moved = yield from self._drive(together, [standing[g] for g in together], goal)
            standing.update(zip(together, moved, strict=True))
        return [self.ended.get(g) or self._record(g, standing[g]) for g in self.graphs]

    def _left(self) -> list[Graph]:
        for graph in self.graphs:
            if self._id(graph) in self.orders.dropped and graph not in self.ended:
                self.ended[graph] = (unbegun(graph, self.ride, DROPPED), None)
        return [g for g in self.graphs if g not in self.ended]

    def _load(self) -> Generator[ExecutorEvent, None, dict[Graph, GraphState | None]]:
        """The newest checkpoint of each graph, as far as it does not lie beyond the job's end."""
        standing: dict[Graph, GraphState | None] = dict.fromkeys(self.graphs)
        if self.checkpoints is None:
            return standing
        there = self.checkpoints.epochs()
        for graph in self.graphs:
            for epoch in reversed([e for e in there.get(self._id(graph), ()) if e <= self.end]):
                try:
                    standing[graph] = GraphState.decode(self.checkpoints.read(self._id(graph), epoch))
                    break
                except StoreError as error:
                    yield Note(f"{error.message}: {graph} is trained again from an earlier epoch")
        return standing

    def _drive(
        self, graphs: Sequence[Graph], held: Sequence[GraphState | None], goal: int
    ) -> Generator[ExecutorEvent, None, list[GraphState]]:
        """Train graphs that stand at one epoch to another; what they are there."""
        clock = Clock(self, [state.seconds if state else 0.0 for state in held])
        epochs = self.setting.protocol.epochs
        trainer = PackTrainer(graphs, [g.key for g in graphs], self.shape, self.setting, _epoch(held[0]))
        if resumed := [state for state in held if state is not None]:
            restore(trainer, resumed)
        for report in trainer.steps(goal):
            if report is None:
                yield from self._between()
                continue
            best = float(report.accuracy[: len(graphs), 0].max())
            yield EpochDone(self.job.number, len(graphs), report.epoch, epochs, best)
            self._drop(trainer, clock)
            if all(g in self.ended for g in graphs):
                break
            if report.epoch < epochs and (self._is_due() or report.epoch == self.end):
                yield from self._save(graphs, states(trainer, clock.seconds()))
        if goal < self.end:
            return states(trainer, clock.seconds())
        return [GraphState(History.of(trainer, i), took, {}) for i, took in enumerate(clock.seconds())]

    def _between(self) -> Iterator[Heartbeat]:
        """Between two steps: a sign of life now and then, and a stand if that is asked for."""
        if time.monotonic() - self._beaten >= BEAT:
            self._beaten = time.monotonic()
            yield Heartbeat(1)
        if self.orders.paused:
            before = time.monotonic()
            yield from stand(self.orders)
            self.stood += time.monotonic() - before

    def _drop(self, trainer: PackTrainer, clock: Clock) -> None:
        """Graphs that are not to be finished have their record now; they ride on, for a pack without them costs the same."""
        for place, graph in enumerate(trainer.graphs):
            if self._id(graph) in self.orders.dropped and graph not in self.ended:
                history = History.of(trainer, place)
                self.ended[graph] = training(graph, history, clock.seconds()[place], self.ride, DROPPED)

    def _is_due(self) -> bool:
        least = max(self.every, SAVING_SHARE * self._saving) if self.every else 0.0
        return self.checkpoints is not None and (self.orders.keep or time.monotonic() - self._saved >= least)

    def _save(self, graphs: Sequence[Graph], held: Sequence[GraphState]) -> Iterator[Checkpointed]:
        """Raises StoreError if the disk refuses."""
        if self.checkpoints is None:
            return
        before = time.monotonic()
        blobs = {self._id(g): s.encode() for g, s in zip(graphs, held, strict=True) if g not in self.ended}
        self.checkpoints.write(blobs, held[0].epoch)
        self._saved = time.monotonic()
        self._saving = self._saved - before
        self.orders.keep = False
        yield Checkpointed(self.job.number, held[0].epoch)

    def _record(self, graph: Graph, state: GraphState | None) -> Record:
        assert state is not None, "every graph that was not dropped has come to the end"
        return training(graph, state.history, state.seconds, self.ride)

    def _id(self, graph: Graph) -> str:
        return training_id(graph.key, self.job.repeat)


@dataclass
class Clock:
    """Each graph's share of the time since now, upon what it had before; pauses do not count."""

    course: Course
    before: list[float]

    def __post_init__(self) -> None:
        self.started = time.monotonic() - self.course.stood

    def seconds(self) -> list[float]:
        share = (time.monotonic() - self.course.stood - self.started) / len(self.before)
        return [seconds + share for seconds in self.before]


def stand(orders: Orders) -> Iterator[Heartbeat]:
    """Wait while a pause is in force."""
    while orders.paused:
        yield Heartbeat(0)
        time.sleep(LOOK)


def _epoch(state: GraphState | None) -> int:
    return state.epoch if state else 0
