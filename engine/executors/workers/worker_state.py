"""What an executor knows of one of its workers, and how long it waits for a word of it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.executors.interface import EpochDone
from engine.executors.job_parts import Piece
from engine.executors.workers.pool import Link


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may give no sign of life before it counts as hung. It gives one about every second, but between
    two steps only: a thread of its own would go on doing so while training hangs."""

    first: float = 600.0
    """Seconds, until it has ended its first epoch: it loads torch and data, and may compile."""
    least: float = 60.0
    """Seconds, later on, at least ..."""
    times: float = 20.0
    """... and so many times its longest silence so far: where a step takes ten seconds, 200 seconds are no hang."""

    def limit(self, longest: float | None) -> float:
        return self.first if longest is None else max(self.least, self.times * longest)


@dataclass(slots=True)
class Worker:
    place: int
    """From 0; a free one is taken again. It decides the GPU."""
    link: Link
    kind: str = ""
    """Of its device; known when it is ready."""
    most: int | None = None
    """The largest pack it takes; None until it is ready, and then it is sent its first one."""
    piece: Piece | None = None
    stands: bool = False
    """True once it has said that it follows a pause."""
    spoke: bool = False
    silent: float = 0.0
    """Seconds since its last word."""
    longest: float | None = None
    """Longest silence since its first epoch ended; None before."""

    def speaks(self, said: object) -> None:
        if self.longest is not None:
            self.longest = max(self.longest, self.silent)
        elif isinstance(said, EpochDone):
            self.longest = 0.0
        self.spoke, self.silent = True, 0.0
