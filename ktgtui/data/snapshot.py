"""All that screens show, frozen: made by the follower's thread, carried by one message, drawn by the event loop.

Nothing here knows Textual, and nothing here imports the engine at run time: the first paint must not wait for numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from engine.analysis.edf import Edf
    from engine.space.counting.counts import Counts
    from engine.space.space import Space
    from engine.store.files.host_readings import Reading
    from engine.store.files.status import PackStatus
    from engine.store.records import Curve, RunInfo, Training, Trial


class SpaceView(msgspec.Struct, frozen=True):
    """One design space on disk, or the reason why its file cannot be used."""

    name: str
    reference: str
    """What `python -m engine.search` takes: a shipped name, or the file's path."""
    shipped: bool
    branch: str = ""
    """Tree lines before the name: `│ └ `."""
    counts: Counts | None = None
    words: str = ""
    phrases: tuple[str, ...] = ()
    """Constraints this space adds to its parent's."""
    reason: str = ""
    """Why these constraints, in the words of the person who chose them."""
    error: str | None = None


class RunView(msgspec.Struct, frozen=True):
    """One run folder in a line."""

    folder: Path
    name: str
    space: str = ""
    strategy: str = ""
    phase: str = ""
    """`training`, `finished`, `interrupted`, ...: what a person should believe, a dead search included."""
    live: bool = False
    """A process writes here, as far as this host can tell."""
    done: int = 0
    total: int | None = None
    rate: float | None = None
    """Graphs a second."""
    eta: float | None = None
    """Seconds left."""
    best: float | None = None
    """The lowest validation error (%)."""
    median: float | None = None
    graphs: int = 0
    """Graphs with a result, as an EDF counts them."""
    failed: int = 0
    message: str = ""
    error: str | None = None
    """Why the folder cannot be read; the rest of the workbench goes on."""
    tied: int = 0
    """Graphs that have the lowest error."""

    @property
    def share(self) -> float:
        """Part of the trials that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True, eq=False)
class RunDetail:
    """The chosen run. `trials` is shared with the follower's next one where nothing changed, never altered."""

    view: RunView
    info: RunInfo
    space: Space
    trials: tuple[Trial, ...]
    trainings: Mapping[str, Training]
    edf: Edf
    packs: tuple[PackStatus, ...] = ()
    readings: tuple[Reading, ...] = ()
    """How the machine fared, newest last."""
    log: tuple[str, ...] = ()
    """The last lines of the run's log, newest last."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """Learning curves of the trainings that were wished for, by id; those that have none yet are left out."""


class Wish(msgspec.Struct, frozen=True):
    """What the next looks shall carry beyond the summary."""

    run: Path | None = None
    """The run to read whole; None: the newest."""
    trainings: tuple[str, ...] = ()
    """Trainings whose curves are wanted."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The folder as it was at one look."""

    spaces: tuple[SpaceView, ...] = ()
    runs: tuple[RunView, ...] = ()
    chosen: RunDetail | None = None
    messages: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    """What people wrote, by what it is about (`engine.space.files.notes`)."""
    ready: bool = field(default=False)
    """False only before the first look has come back."""

    def run(self, folder: Path | None) -> RunView | None:
        return next((r for r in self.runs if r.folder == folder), None)


EMPTY = Snapshot()
