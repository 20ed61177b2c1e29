"""What a search tells those who consume it, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from engine.store.records import Trial


@dataclass(frozen=True, slots=True)
class TrialsDone:
    """Trials recorded and on the disk."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is."""

    done: int
    total: int
    best: Trial | None
    """The lowest target error so far."""
    rate: float | None
    """Graphs trained a second since this process began to; trials that share one share its time."""
    eta: float | None
    """Seconds left at that rate."""
    part: float = 0.0
    """Graphs' worth of work in the packs that are running."""
    warning: str = ""
    """One line that people should see."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing is left to do, or `limit` trials were recorded and the rest waits for another start."""

    complete: bool


Event = TrialsDone | Progress | Finished
