"""Looking at a folder: its design spaces and its runs, each look costing what is new since the last.

Reads only. Used by one thread; what it hands out is frozen and may cross threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from engine.space.files import notes
from engine.store.files.status import read_status
from engine.store.folder import INFO
from engine.store.lock.holder import HOLDER, read_holder
from engine.store.reader import find_runs
from ktgtui.data.file_stamp import stamp
from ktgtui.data.run import FollowedRun
from ktgtui.data.snapshot import RunView, Snapshot, Wish
from ktgtui.data.space_tree import Lineages


class Shelf:
    """A folder with `spaces/` and `runs/`, or a run folder, or a folder of run folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._spaces = Lineages(folder / "spaces")
        self._notes = _Notes(folder / "spaces")
        self._runs: dict[Path, FollowedRun] = {}
        self._last: Snapshot | None = None

    def look(self, wish: Wish = Wish()) -> Snapshot:  # noqa: B008 - frozen
        """The folder now; the very object of the last look if nothing changed."""
        spaces = self._spaces.look()
        folders = self._folders()
        for gone in self._runs.keys() - set(folders):
            self._runs.pop(gone).close()
        views = (*(self._run(path).look() for path in folders), *self._starting())
        chosen = wish.run if any(view.folder == wish.run for view in views) else _newest(folders)
        detail = self._runs[chosen].detail(wish.trainings) if chosen in self._runs else None
        last = self._last
        written = self._notes.read()
        if last and (last.spaces, last.runs, last.notes) == (spaces, views, written) and last.chosen is detail:
            return last
        self._last = Snapshot(spaces, views, detail, notes=written, ready=True)
        return self._last

    def _folders(self) -> list[Path]:
        return [*dict.fromkeys([*find_runs(self.folder), *find_runs(self.folder / "runs")])]

    def _starting(self) -> list[RunView]:
        """Searches that hold a folder but have not written what they are: torch loads, a pack is measured."""
        found = []
        for root in (self.folder / "runs", self.folder):
            with suppress(OSError):
                for path in sorted(root.iterdir()):
                    if (path / HOLDER).is_file() and not (path / INFO).exists():
                        holder, status = read_holder(path), read_status(path)
                        if holder is not None and holder.may_be_alive:
                            found.append(RunView(path, path.name, phase=status.phase if status else "starting", live=True))
        return found

    def _run(self, folder: Path) -> FollowedRun:
        if folder not in self._runs:
            self._runs[folder] = FollowedRun(folder)
        return self._runs[folder]

    def close(self) -> None:
        for run in self._runs.values():
            run.close()


def _newest(folders: list[Path]) -> Path | None:
    def started(folder: Path) -> float:
        try:
            return (folder / "trials.log").stat().st_mtime
        except OSError:
            return 0.0

    return max(folders, key=started, default=None)


class _Notes:
    """What people wrote; the file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] = (-1, -1)
        self._texts: Mapping[str, str] = {}

    def read(self) -> Mapping[str, str]:
        if (seen := stamp(self._folder / notes.NOTES)) != self._seen:
            self._seen, self._texts = seen, notes.read(self._folder)
        return self._texts
