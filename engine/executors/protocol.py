"""Where packs run: what goes to an executor and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from engine.store.trials import Curve, Training


@dataclass(frozen=True, slots=True)
class PackJob:
    """Graphs to train together: effective graphs in text form, all of one repeat."""

    number: int
    graphs: tuple[str, ...]
    repeat: int


@dataclass(frozen=True, slots=True)
class EpochDone:
    """A pack has finished an epoch."""

    pack: int
    graphs: int
    epoch: int
    epochs: int
    best: float
    """Highest target accuracy (%) in the pack at this epoch; NaN if there is none."""
    worker: str = ""


@dataclass(frozen=True, slots=True)
class PackDone:
    """A pack is trained: one training and one curve a graph, in the job's order."""

    pack: int
    trainings: tuple[Training, ...]
    curves: tuple[Curve, ...] = field(repr=False)


ExecutorEvent = EpochDone | PackDone


class Executor(Protocol):
    """Runs packs. Closing the iterator stops what is running."""

    def run(self, jobs: Iterable[PackJob]) -> Iterator[ExecutorEvent]:
        """Events as they come; every job ends in exactly one PackDone."""
        ...
