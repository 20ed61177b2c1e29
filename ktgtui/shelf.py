"""Looking at a folder: its design spaces and its runs, each look costing what is new since the last.

Reads only. Used by one thread; what it hands out is frozen and may cross threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engine.analysis.edf import Edf, of_trials
from engine.errors import EngineError
from engine.space import choices, notes
from engine.space.design import Space, load
from engine.space.files import shipped
from engine.store.folder import INFO, space_of
from engine.store.holder import HOLDER, read_holder
from engine.store.reader import RunReader, find_runs
from engine.store.readings import READINGS, Reading, read_readings
from engine.store.status import FINISHED, Status, read_status
from engine.store.trials import Curve, State, Training, Trial
from ktgtui.logtail import LogTail
from ktgtui.snapshot import RunDetail, RunView, Snapshot, SpaceView, Wish

LARGEST_TO_COUNT = 6
"""Nodes above which counts are left to `python -m engine.space`, which shows its progress."""


SHOWN = 40
"""Readings of a host that are carried: ten minutes, as many as are drawn."""


class Shelf:
    """A folder with `spaces/` and `runs/`, or a run folder, or a folder of run folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._spaces = _Spaces(folder / "spaces")
        self._notes = _Notes(folder / "spaces")
        self._runs: dict[Path, _Run] = {}
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

    def _run(self, folder: Path) -> _Run:
        if folder not in self._runs:
            self._runs[folder] = _Run(folder)
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


class _Run:
    """One run folder, followed. A folder that cannot be read is opened anew at the next look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reader: RunReader | None = None
        self._space: Space | None = None
        self._edf: Edf | None = None
        self._trials: tuple[Trial, ...] = ()
        self._trainings: dict[str, Training] = {}
        self._log = LogTail(folder)
        self._machine = _Machine(folder)
        self._curves: Mapping[str, Curve] = {}
        self._view = RunView(folder, folder.name)
        self._detail: RunDetail | None = None

    def look(self) -> RunView:
        try:
            self._view = self._read()
        except EngineError as error:
            self.close()
            self._view = RunView(self.folder, self.folder.name, phase="unreadable", error=str(error))
            self._detail = None
        return self._view

    def _read(self) -> RunView:
        if self._reader is None:
            self._reader = RunReader(self.folder)
            self._space = space_of(self.folder, self._reader.info)
            self._edf = None
        assert self._space is not None
        update = self._reader.refresh()
        trials = self._reader.trials if update.is_news or self._edf is None else None
        if trials is not None:
            self._edf = of_trials(trials, self._space.protocol, self._space.name)
            self._trials = tuple(trials)
            self._trainings = self._reader.trainings
            self._detail = None
        return self._described(self._reader, self._space, update.finished, update.messages)

    def _described(self, reader: RunReader, space: Space, finished: bool, messages: tuple[str, ...]) -> RunView:
        assert self._edf is not None
        status = reader.status()
        live = reader.holder() is not None
        moving = status if live and not finished else None
        return RunView(
            self.folder,
            self.folder.name,
            space.name,
            str(reader.info.strategy.get("name", "")),
            _phase(status, live, finished),
            live,
            len(self._trials),
            reader.info.total,
            moving.rate if moving else None,
            moving.eta if moving else None,
            self._edf.best if self._edf.n else None,
            self._edf.median if self._edf.n else None,
            self._edf.n,
            sum(t.state is State.FAILED for t in self._trials),
            (status.message if status else "") or (messages[0] if messages and not live else ""),
        )

    def detail(self, trainings: tuple[str, ...]) -> RunDetail | None:
        """The run with its trials; the same object while nothing in it changed. None for an unreadable one."""
        if self._reader is None or self._edf is None or self._space is None:
            return None
        status = self._reader.status() if self._view.live else None
        packs = status.packs if status else ()
        log = self._log.lines()
        last = self._detail
        curves = self._read_curves(self._reader, trainings)
        readings = self._machine.read()
        now = (self._view, packs, readings, log, curves)
        if last is None or (last.view, last.packs, last.readings, last.log, last.curves) != now:
            self._detail = RunDetail(
                self._view, self._reader.info, self._space, self._trials, self._trainings, self._edf, packs, readings, log,
                curves,
            )  # fmt: skip
        return self._detail

    def _read_curves(self, reader: RunReader, wanted: tuple[str, ...]) -> Mapping[str, Curve]:
        """Only those not known yet are read; a damaged one is as good as none."""
        if self._curves.keys() == set(wanted):
            return self._curves
        found = {}
        for training in wanted:
            curve = self._curves.get(training)
            if curve is None and training in self._trainings:
                with suppress(EngineError):
                    curve = reader.curve(training)
            if curve is not None:
                found[training] = curve
        if found.keys() != self._curves.keys():
            self._curves = found
        return self._curves

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


class _Notes:
    """What people wrote; the file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] = (-1, -1)
        self._texts: Mapping[str, str] = {}

    def read(self) -> Mapping[str, str]:
        if (seen := _stamp(self._folder / notes.NOTES)) != self._seen:
            self._seen, self._texts = seen, notes.read(self._folder)
        return self._texts


class _Machine:
    """Readings of a run's host; the file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] = (-1, -1)
        self._readings: tuple[Reading, ...] = ()

    def read(self) -> tuple[Reading, ...]:
        if (seen := _stamp(self._folder / READINGS)) != self._seen:
            self._seen, self._readings = seen, tuple(read_readings(self._folder, SHOWN))
        return self._readings


def _phase(status: Status | None, live: bool, finished: bool) -> str:
    """What to believe: a search that died leaves its last word behind, so a word alone proves nothing."""
    if finished:
        return FINISHED
    if live:
        return status.phase if status else "starting"
    said = status.phase if status else ""
    return said if said in ("stopped", "paused") else "interrupted"


class _Spaces:
    """Shipped spaces and `*.json` in the folder, as a tree by lineage; a file is read again when it changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[int, int]] = {}
        self._views: tuple[SpaceView, ...] = ()

    def look(self) -> tuple[SpaceView, ...]:
        named = shipped()
        known = {path.resolve() for path in named.values()}
        own = [path for path in _json_files(self._folder) if path.resolve() not in known]
        seen = {path: _stamp(path) for path in (*named.values(), *own, self._folder / choices.CHOICES)}
        if seen != self._seen:
            self._seen = seen
            views = _tree([*((name, name, True) for name in named), *((str(p), p.stem, False) for p in own)])
            reasons = choices.reasons(self._folder)
            self._views = tuple(replace(view, reason=reasons.get(view.name, "")) for view in views)
        return self._views


def _json_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.rglob("*.json"))
    except OSError:
        return []


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


Step = tuple[tuple[str, tuple[str, ...]], ...]
"""A lineage as a key: names and phrases, root first."""


def _tree(references: list[tuple[str, str, bool]]) -> tuple[SpaceView, ...]:
    """Views in tree order: children under their parents, families in the order found, broken files last."""
    found: dict[Step, tuple[SpaceView, Space]] = {}
    broken = []
    for reference, name, is_shipped in references:
        try:
            space = load(reference)
            view = _view(space, reference, is_shipped)
        except EngineError as error:
            broken.append(SpaceView(name, reference, is_shipped, error=str(error)))
            continue
        found.setdefault(_lineage(space), (view, space))
    roots = [step for step in found if step[:-1] not in found]
    views: list[SpaceView] = []
    for root in roots:
        _walk(root, "", "", found, views)
    return (*views, *broken)


def _walk(step: Step, before: str, below: str, found: dict[Step, tuple[SpaceView, Space]],
          views: list[SpaceView]) -> None:
    views.append(replace(found[step][0], branch=before))
    children = [other for other in found if other[:-1] == step]
    for child in children:
        last = child == children[-1]
        _walk(child, below + ("└ " if last else "├ "), below + ("  " if last else "│ "), found, views)


def _lineage(space: Space) -> Step:
    return tuple((a.name, tuple(map(str, a.phrases))) for a in space.lineage)


def _view(space: Space, reference: str, is_shipped: bool) -> SpaceView:
    counts = space.counts() if space.nodes <= LARGEST_TO_COUNT else None
    return SpaceView(space.name, reference, is_shipped, counts=counts, words=space.words(),
                     phrases=tuple(map(str, space.lineage[-1].phrases)))

