"""Where packs run: what goes to an executor and what comes back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from engine.store.trials import Curve, Training


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
    """Epoch after which the pack pauses; None: the protocol's last one."""


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
class Heartbeat:
    """Nothing has happened but time: comes about once a second, so that whoever consumes the events can act meanwhile."""

    busy: int
    """Packs that are computing; 0 once a pause has come into force."""


ExecutorEvent = EpochDone | PackDone | PackPaused | Note | Heartbeat


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


class Sparing(Executor, Protocol):
    """An executor that can also leave off in the middle of a pack."""

    def drop(self, ids: Collection[str]) -> None:
        """Do not finish the graphs with these training ids: they come back as State.STOPPED; their pack goes on."""
        ...

    def checkpoint_now(self) -> None:
        """Keep every running pack at its next epoch end or sooner: this process must end soon."""
        ...
