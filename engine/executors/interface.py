"""Where packs run: what goes to an executor and what comes back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from engine.store.records import Curve, Training


@dataclass(frozen=True, slots=True)
class PackJob:
    """Graphs to train together: effective graphs in text form, all of one repeat."""

    number: int
    graphs: tuple[str, ...]
    repeat: int
    first: int = 0
    """Epochs that all of these graphs were trained before, in packs that were paused there. An executor goes on from
    their checkpoints; a graph whose checkpoint is missing or damaged is trained again from its first epoch: the same
    numbers, only time is lost."""
    until: int | None = None
    """Epoch after which the pack pauses, before the protocol's last one; None: it does not pause."""


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


@dataclass(frozen=True, slots=True)
class PackPaused:
    """A pack has come to `PackJob.until`, before the protocol's last epoch: one training and one curve a graph, in the
    job's order, none to be recorded by itself but those that have come to an end (diverged, failed, dropped)."""

    pack: int
    epoch: int
    trainings: tuple[Training, ...]
    """State STOPPED without a reason for those that can go on: accuracies at `epoch`, `epochs` == `epoch`."""
    curves: tuple[Curve, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should find in the log: a damaged checkpoint, a worker that died, a pack halved."""

    message: str


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A running pack's graphs are on the disk as they were after `epoch` epochs."""

    pack: int
    epoch: int


@dataclass(frozen=True, slots=True)
class PackLimit:
    """Packs of more than `graphs` graphs are divided on devices of this kind from now on, also when the search is resumed:
    memory ran out, or a kind that nobody knew was measured."""

    graphs: int
    reason: str
    kind: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing has happened but time: comes about once a second, so that whoever consumes the events can act meanwhile."""

    busy: int
    """Packs that are computing; 0 once a pause has come into force."""


ExecutorEvent = EpochDone | PackDone | PackPaused | Checkpointed | PackLimit | Note | Heartbeat


def pack_end(job: PackJob, done: Iterable[tuple[Training, Curve | None]]) -> PackDone | PackPaused:
    """The event that ends a job, of one record a graph in any order."""
    by_graph = {training.graph: (training, curve) for training, curve in done}
    pairs = [by_graph[text] for text in job.graphs]
    trainings, curves = tuple(t for t, _ in pairs), tuple(c for _, c in pairs if c is not None)
    if job.until is None:
        return PackDone(job.number, trainings, curves)
    return PackPaused(job.number, job.until, trainings, curves)


class Executor(Protocol):
    """Runs packs. Closing the iterator stops what is running.

    The other methods are called between two events of `run`, by whoever consumes them.
    """

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        """Events as they come; every job ends in exactly one PackDone or PackPaused.

        `jobs` gives None while the next job depends on packs that are still running: it is asked again after each event.
        """
        ...

    def pause(self) -> None:
        """Let packs stand where they are and begin none; nothing is lost. Heartbeats go on, with `busy` 0 when all stand."""
        ...

    def resume(self) -> None:
        """Go on after a pause."""
        ...

    def resize(self, workers: int) -> bool:
        """Run on so many workers from now on; those too many leave after their pack.

        False if this executor cannot: then the caller lets running packs finish and goes on with another executor.
        """
        ...

    def drop(self, ids: Collection[str]) -> None:
        """Do not finish the graphs with these training ids: they come back as State.STOPPED with their pack, which ends
        early if none of its graphs is left."""
        ...

    def checkpoint_now(self) -> None:
        """Keep every running pack at its next epoch's end (`Checkpointed`): this process must end soon."""
        ...
