"""Packs in training, as a search's status tells of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from engine.executors.interface import EpochDone, PackJob
from engine.space.graph import Graph
from engine.store.files.status import PackStatus
from engine.store.records import training_id


@dataclass
class Underway:
    """What has been begun and is not done."""

    _jobs: dict[int, PackJob] = field(default_factory=dict)
    _epochs: dict[int, list[EpochDone]] = field(default_factory=dict)
    _ids: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._jobs)

    def begin(self, job: PackJob) -> None:
        """Take note of a job that goes to the executor; it is shown from its first epoch on."""
        self._jobs[job.number] = job

    def note(self, event: EpochDone) -> None:
        """Take note of an epoch."""
        job = self._jobs.get(event.pack)
        if job is not None and event.pack not in self._ids:
            self._ids[event.pack] = tuple(training_id(Graph.parse(text).key, job.repeat) for text in job.graphs)
        self._epochs.setdefault(event.pack, []).append(event)

    def end(self, pack: int) -> None:
        self._jobs.pop(pack, None)
        self._epochs.pop(pack, None)
        self._ids.pop(pack, None)

    @property
    def part(self) -> float:
        """Graphs' worth of work done in them."""
        return sum(e[-1].graphs * e[-1].epoch / e[-1].epochs for e in self._epochs.values())

    def packs(self) -> tuple[PackStatus, ...]:
        """In the order they were begun."""
        return tuple(self._status(number, events) for number, events in sorted(self._epochs.items()))

    def _status(self, number: int, events: list[EpochDone]) -> PackStatus:
        last = events[-1]
        best = tuple(None if math.isnan(e.best) else round(e.best, 2) for e in events)
        return PackStatus(number=number, graphs=last.graphs, epoch=last.epoch, epochs=last.epochs, worker=last.worker,
                          trainings=self._ids.get(number, ()), best=best)
