"""A run folder as any number of readers see it: no lock, nothing written, each look costs what is new.

Works on a running search's folder, on a copy, and on another user's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from engine.errors import StoreError
from engine.store.files.curves import CurveFollower
from engine.store.files.rung_decisions import Judgement
from engine.store.files.status import FINISHED, Status, read_status
from engine.store.folder import CURVES, TRIALS, check_head, find_runs, read_info
from engine.store.lock.holder import Holder, read_holder
from engine.store.log.follower import Follower
from engine.store.log.record_format import Frame
from engine.store.records import Curve, Training, Trial
from engine.store.storage import KIND

__all__ = ["RunReader", "Update", "find_runs"]

N = TypeVar("N", int, str)
R = TypeVar("R", Trial, Training, Judgement)


@dataclass(frozen=True, slots=True)
class Update:
    """What a refresh found."""

    trials: tuple[Trial, ...] = ()
    """New or changed trials, in number order."""
    trainings: tuple[Training, ...] = ()
    """New or changed trainings, in the order they were recorded."""
    restarted: bool = False
    """True if something recorded went away: take `RunReader.trials` and `.trainings` anew."""
    finished: bool = False
    """True if the search has all its trials, or says that it is finished."""
    messages: tuple[str, ...] = ()
    """What a person should know, such as an unfinished record at the end of the file."""

    @property
    def is_news(self) -> bool:
        """True if there is something to draw again."""
        return bool(self.trials or self.trainings or self.restarted)


class RunReader:
    """Reads a run folder and follows it. One thread at a time; what it hands out may cross threads."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError if `folder` holds no run that this version can read. `refresh` reads the trials."""
        self.folder = folder
        self.info = read_info(folder)
        self._follower = Follower(folder / TRIALS, KIND)
        self._curves = CurveFollower(folder / CURVES)
        self._trials = _Records[int, Trial](lambda trial: trial.number)
        self._trainings = _Records[str, Training](lambda training: training.id)
        self._judgements = _Records[str, Judgement](lambda made: f"{made.epoch}.{made.cohort}")
        self._numbers: list[int] = []

    @property
    def trials(self) -> list[Trial]:
        """All trials read so far, in number order."""
        return [self._trials.named[number] for number in self._numbers]

    @property
    def trainings(self) -> dict[str, Training]:
        """All trainings read so far, by id."""
        return dict(self._trainings.named)

    @property
    def judgements(self) -> list[Judgement]:
        """All judgements read so far, in the order they were made; empty for a search that judges nobody."""
        return list(self._judgements.named.values())

    def refresh(self) -> Update:
        """Read what was written since the last time. Raises StoreError: gone, unreadable, damaged (where)."""
        again, changes = self._follower.poll(self._decode)
        if again:
            check_head(self.folder)
        if again:
            self._trials.start_over()
            self._trainings.start_over()
            self._judgements.start_over()
        for change in changes:
            self._trials.apply(change.trials)
            self._trainings.apply(change.trainings)
            self._judgements.apply(change.judgements)
        self._judgements.news()
        trials, lost_trials = self._trials.news()
        trainings, lost_trainings = self._trainings.news()
        self._renumber(trials, anew=again or lost_trials)
        return Update(
            trials=tuple(sorted(trials, key=lambda trial: trial.number)),
            trainings=tuple(trainings),
            restarted=lost_trials or lost_trainings,
            finished=self._is_finished(),
            messages=self._messages(),
        )

    def _renumber(self, trials: list[Trial], anew: bool) -> None:
        if anew:
            self._numbers = sorted(self._trials.named)
            return
        for trial in trials:
            place = bisect_left(self._numbers, trial.number)
            if self._numbers[place : place + 1] != [trial.number]:
                self._numbers.insert(place, trial.number)

    def _decode(self, frame: Frame) -> _RunChanges:
        try:
            return _decode_changes(frame.payload)
        except msgspec.MsgspecError as error:
            place = frame.place
            raise StoreError(f"{self._follower.path}: record {place.number} at byte {place.offset} does not hold "
                             f"trials ({error})") from None

    def _is_finished(self) -> bool:
        if self.info.total is not None and len(self._numbers) >= self.info.total:
            return True
        status = self.status()
        return status is not None and status.phase == FINISHED

    def _messages(self) -> tuple[str, ...]:
        if not self._follower.torn:
            return ()
        return (f"{TRIALS}: the last {self._follower.torn} bytes are a record whose writing is not finished",)

    def curve(self, id: str) -> Curve | None:
        """Learning curves of a training, None if it has none. Raises StoreError if they are damaged."""
        return self._curves.get(id)

    def status(self) -> Status | None:
        """What the search last said of itself; None if nothing."""
        return read_status(self.folder)

    def holder(self) -> Holder | None:
        """The process that writes here; None if none does as far as this host can tell."""
        holder = read_holder(self.folder)
        return holder if holder is None or holder.may_be_alive else None

    def close(self) -> None:
        self._follower.close()
        self._curves.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _RunChanges(msgspec.Struct):
    """A change set, decoded at once to what a reader wants of it; other tables are passed over."""

    trials: dict[str, Trial | None] | UnsetType | None = UNSET
    trainings: dict[str, Training | None] | UnsetType | None = UNSET
    judgements: dict[str, Judgement | None] | UnsetType | None = UNSET


_decode_changes = msgspec.json.Decoder(_RunChanges).decode


class _Records(Generic[N, R]):
    """The records of one table, by document id (as the file speaks of them) and by name."""

    def __init__(self, name: Callable[[R], N]) -> None:
        self._name: Callable[[R], N] = name
        self._rows: dict[str, R] = {}
        self.named: dict[N, R] = {}
        self._fresh: dict[N, R] = {}
        self._gone: set[N] = set()
        self._before: dict[N, R] = {}

    def start_over(self) -> None:
        """The file begins anew: what it says again is no news."""
        self._before, self.named, self._rows = self.named, {}, {}

    def apply(self, change: dict[str, R | None] | UnsetType | None) -> None:
        """Take one change set's part for this table."""
        if isinstance(change, UnsetType):
            return
        for row, record in (dict.fromkeys(self._rows) if change is None else change).items():
            if (old := self._rows.pop(row, None)) is not None:
                name = self._name(old)
                self.named.pop(name, None)
                self._fresh.pop(name, None)
                self._gone.add(name)
            if record is not None:
                name = self._name(record)
                self._rows[row] = self.named[name] = self._fresh[name] = record
                self._gone.discard(name)

    def news(self) -> tuple[list[R], bool]:
        """(records new or changed since the last call, whether any went away)."""
        fresh = [record for name, record in self._fresh.items() if self._before.get(name) != record]
        gone = bool(self._gone) or any(name not in self.named for name in self._before)
        self._fresh, self._gone, self._before = {}, set(), {}
        return fresh, gone
