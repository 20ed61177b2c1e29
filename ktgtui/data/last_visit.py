"""What the last visit to a folder saw, in the user's state folder: the run folders stay untouched. Textual-free."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ktgtui.data.snapshot import RunView
from ktgtui.drawing import formatting

MARKS = {185: 10, 738: 5, 2_050: 3, 4_612: 2}
"""Graphs with a result at which an EDF's simultaneous 95 % band (Dvoretzky-Kiefer-Wolfowitz: ln(40) / 2 e^2) is this many
points of share wide on either side."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One run as it was."""

    done: int
    graphs: int
    """With a result."""
    phase: str
    best: float | None = None
    failed: int = 0


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """The folder as it was at `time`."""

    folder: str
    time: float
    """Seconds since 1970."""
    runs: dict[str, Seen] = {}
    """By folder, relative to this one."""


@dataclass(frozen=True, slots=True)
class News:
    """One run's news."""

    run: Path
    name: str
    said: str
    good: bool
    """Nothing in it asks for a person."""


class Memory:
    """Reads and writes the last visit to one folder."""

    def __init__(self, folder: Path, state: Path | None = None) -> None:
        """`state`: the folder to remember in (default: the user's)."""
        self._folder = folder.resolve()
        self._state = state

    @property
    def path(self) -> Path:
        if self._state is None:
            from platformdirs import user_state_path

            self._state = user_state_path("ktgtui")
        name = hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]
        return self._state / "visits" / f"{name}.json"

    def recall(self) -> Visit | None:
        """The last visit; None if there was none that can be read."""
        with suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self.path.read_bytes(), type=Visit)
        return None

    def keep(self, runs: Iterable[RunView], now: float | None = None) -> None:
        """Remember these runs. A disk that refuses is ignored: it costs a greeting, nothing else."""
        seen = {
            _name(self._folder, run): Seen(done=run.done, graphs=run.graphs, phase=run.phase, best=run.best,
                                           failed=run.failed)
            for run in runs if not run.error
        }
        visit = Visit(folder=str(self._folder), time=time.time() if now is None else now, runs=seen)
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            scratch = self.path.with_suffix(".new")
            scratch.write_bytes(msgspec.json.encode(visit))
            scratch.replace(self.path)

    def news(self, visit: Visit, runs: Iterable[RunView]) -> tuple[News, ...]:
        """What became of the runs since, one entry a run to which something happened."""
        found = []
        for run in runs:
            before = visit.runs.get(_name(self._folder, run))
            parts = list(_since(before, run))
            if parts:
                trouble = run.error or run.phase == "interrupted" or (run.failed > (before.failed if before else 0))
                found.append(News(run.folder, run.name, ", ".join(parts), not trouble))
        return tuple(found)


def _name(folder: Path, run: RunView) -> str:
    path = run.folder.resolve()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _since(before: Seen | None, run: RunView) -> Iterator[str]:
    if run.error:
        if before is not None:
            yield f"cannot be read any more: {run.error}"
        return
    done, graphs, failed = (before.done, before.graphs, before.failed) if before else (0, 0, 0)
    if before is None:
        yield "new"
    if run.done > done:
        yield f"{run.done - done:,} trials"
    if run.best is not None and (before is None or before.best is None or run.best < before.best):
        was = "" if before is None or before.best is None else f"{before.best:.2f} to "
        yield f"best error {was}{run.best:.2f} %"
    if run.failed > failed:
        yield f"{run.failed - failed} failed"
    if before is not None and run.phase != before.phase:
        yield run.phase
    passed = [points for n, points in MARKS.items() if graphs < n <= run.graphs]
    if passed:
        yield f"evidence mark: its EDF is known to within {passed[-1]} points"


def since(visit: Visit, now: float) -> str:
    """`2 h 05 ago`."""
    return f"{formatting.duration(max(0.0, now - visit.time))} ago"
