"""One run folder, followed: each look reads what is new since the last."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from engine.analysis.edf import Edf, of_trials
from engine.analysis.sample import KEPT
from engine.errors import EngineError
from engine.space.files.load import Space
from engine.store.files.host_readings import READINGS, Reading, read_readings
from engine.store.files.status import FINISHED, Status
from engine.store.folder import space_of
from engine.store.reader import RunReader
from engine.store.records import Curve, State, Training, Trial
from ktgtui.data.file_stamp import stamp
from ktgtui.data.log_tail import LogTail
from ktgtui.data.snapshot import RunDetail, RunView

SHOWN = 40
"""Readings of a host that are carried: ten minutes, as many as are drawn."""


class FollowedRun:
    """A folder that cannot be read is opened anew at the next look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._reader: RunReader | None = None
        self._space: Space | None = None
        self._edf: Edf | None = None
        self._tied = 0
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
            self._tied = len({t.key for t in trials if t.error is not None and abs(t.error - self._edf.best) < KEPT})
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
            tied=self._tied,
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


class _Machine:
    """Readings of a run's host; the file is read again when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] = (-1, -1)
        self._readings: tuple[Reading, ...] = ()

    def read(self) -> tuple[Reading, ...]:
        if (seen := stamp(self._folder / READINGS)) != self._seen:
            self._seen, self._readings = seen, tuple(read_readings(self._folder, SHOWN))
        return self._readings


def _phase(status: Status | None, live: bool, finished: bool) -> str:
    """What to believe: a search that died leaves its last word behind, so a word alone proves nothing."""
    if finished:
        return FINISHED
    if live:
        return status.phase if status else "starting"
    return "stopped" if status and status.phase == "stopped" else "interrupted"
