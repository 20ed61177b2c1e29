"""A run folder as its one writer sees it: `Run.create` or `Run.open`, then `add` results as they come.

`add` is the acknowledgement of DESIGN.md's wall 2: what was handed to it is on the disk when it returns.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Self

import msgspec

from engine.errors import StoreError
from engine.store.files.checkpoints import CHECKPOINTS, Checkpoints
from engine.store.files.curves import CurveFile
from engine.store.files.journal import Journal
from engine.store.files.rung_decisions import Judgement
from engine.store.files.status import Status, write_status
from engine.store.folder import CURVES, TRIALS, check_head, check_vacant, find_runs, read_info, write_info
from engine.store.lock.lock import RunLock, make_and_lock
from engine.store.log.durable import sync_folder
from engine.store.records import Curve, PackLimit, RunInfo, Training, Trial
from engine.store.storage import NULL, AppendStorage, encode_record
from engine.store.table import Database

__all__ = ["Run", "find_runs", "read_info"]

_decode_trial = msgspec.json.Decoder(Trial).decode
_decode_training = msgspec.json.Decoder(Training).decode
_decode_judgement = msgspec.json.Decoder(Judgement).decode


class Run:
    """A locked run folder. Not for several threads at once, but for `log` and `write_status`.

    `messages` says, for a person, what opening found and mended.
    """

    def __init__(self, folder: Path, info: RunInfo, lock: RunLock) -> None:
        """Use `create` or `open`."""
        self.folder = folder
        self.info = info
        self._lock = lock
        self._journal = Journal(folder)
        self._curve_file: CurveFile | None = None
        self._known: set[str] = set()
        self._last_row = 0
        self._version = -1
        self.checkpoints = Checkpoints(folder / CHECKPOINTS)
        self.db = Database(folder / TRIALS)
        """TinyDB with the tables `trials` (document id = number), `trainings`, and of a search that judges at rungs
        `judgements` and `paused` (trainings that can go on); `limits` of packs by kind of device."""
        self.messages: list[str] = []
        self._tell(self.db.storage.dropped)

    @classmethod
    def create(cls, folder: Path, info: RunInfo, lock: RunLock | None = None) -> Self:
        """Start a run in a folder that is new or empty. Raises StoreError, then nothing was made of it.

        run.json is written last: a folder without one is no run yet, and may be created again. `lock` is the folder's, if
        it was taken before (`claim`); the run gives it back.
        """
        if lock is None:
            if folder.exists():
                check_vacant(folder)
            lock = make_and_lock(folder)
        try:
            sync_folder(folder.parent)
            check_vacant(folder)  # also where it was seen before: another process may have been quicker to the lock
            run = cls(folder, info, lock)
            write_info(folder, info)
        except BaseException:
            lock.release()
            raise
        return run

    @classmethod
    def open(cls, folder: Path, lock: RunLock | None = None) -> Self:
        """Go on with a run. Raises StoreError: no run, damaged (with the place), or locked (by whom)."""
        info = read_info(folder)
        check_head(folder)
        lock = lock or RunLock(folder)
        try:
            return cls(folder, info, lock)
        except BaseException:
            lock.release()
            raise

    @property
    def storage(self) -> AppendStorage:
        return self.db.storage

    def add(
        self,
        trials: Collection[Trial] = (),
        trainings: Collection[Training] = (),
        curves: Collection[Curve] = (),
        paused: Collection[Training] = (),
        judgements: Collection[Judgement] = (),
    ) -> None:
        """Record results, all or none of them but for the curves; they are on the disk when this returns.

        Curves are written first, so a training that is seen has its curve. Losses that are not finite are left out.
        `paused` trainings are kept apart, each in the place of what was paused of it before, until it is in `trainings`.
        Raises StoreError for a trial number or training id that is there already, for a record that could not be read
        back (a value of a wrong type), and if the disk refuses.
        """
        known = self._known_trainings()
        self._refuse_known("trial", [trial.number for trial in trials], self.storage.rows("trials"))
        self._refuse_known("training", [training.id for training in trainings], known)
        changes: dict[str, dict[str, msgspec.Raw]] = {}
        if trainings:
            rows = enumerate(trainings, self._last_row + 1)
            changes["trainings"] = {str(row): encode_record(_finite(training)) for row, training in rows}
        if trials:
            changes["trials"] = {str(trial.number): encode_record(trial) for trial in trials}
        resting = self._resting_changes(paused, trainings)
        if resting:
            changes["paused"] = resting
        if judgements:
            made = enumerate(judgements, len(self.storage.rows("judgements")) + 1)
            changes["judgements"] = {str(row): encode_record(judgement) for row, judgement in made}
        if curves:
            self._curves().add(curves)
        if not changes:
            return
        self.storage.commit(changes)
        known.update(training.id for training in trainings)
        self._last_row += len(trainings)
        self._version = self.storage.version

    def _resting_changes(self, paused: Collection[Training], ended: Collection[Training]) -> dict[str, msgspec.Raw]:
        """Rows of `paused`: those that pause now, and none any more for those that ended."""
        if not paused and not self.storage.rows("paused"):
            return {}
        row_of = {_decode_training(text).id: row for row, text in self.storage.rows("paused").items()}
        following = itertools.count(max(map(int, row_of.values()), default=0) + 1)
        changes = {row_of.get(t.id) or str(next(following)): encode_record(_finite(t)) for t in paused}
        return changes | {row_of[t.id]: msgspec.Raw(NULL) for t in ended if t.id in row_of}

    def _refuse_known(self, what: str, names: list[Any], known: Collection[str]) -> None:
        seen = set()
        for name in names:
            if str(name) in known or name in seen:
                raise StoreError(f"{self.folder}: {what} {name} is recorded already", "a result is recorded once")
            seen.add(name)

    def _known_trainings(self) -> set[str]:
        """Ids of the trainings; read anew if the database was changed around `add`."""
        if self._version != self.storage.version:
            rows = self.storage.rows("trainings")
            self._known = {_decode_training(document).id for document in rows.values()}
            self._last_row = max(map(int, rows), default=0)
            self._version = self.storage.version
        return self._known

    def trials(self) -> list[Trial]:
        """All trials in number order."""
        return sorted(map(_decode_trial, self.storage.rows("trials").values()), key=lambda trial: trial.number)

    def trainings(self) -> dict[str, Training]:
        """All trainings by id, in the order they were recorded."""
        return {t.id: t for t in map(_decode_training, self.storage.rows("trainings").values())}

    def paused(self) -> dict[str, Training]:
        """Trainings that wait to go on, by id: state STOPPED, with what they had when they paused."""
        return {t.id: t for t in map(_decode_training, self.storage.rows("paused").values())}

    def judgements(self) -> list[Judgement]:
        """All judgements in the order they were made."""
        rows = self.storage.rows("judgements")
        return [_decode_judgement(rows[row]) for row in sorted(rows, key=int)]

    def curves(self, ids: Iterable[str]) -> dict[str, Curve]:
        """Learning curves of these trainings; those that have none are left out."""
        return self._curves().get(ids)

    def limit_packs(self, graphs: int, kind: str) -> None:
        """Remember that devices of a kind take packs of no more graphs. Raises StoreError if the disk refuses."""
        self._known_trainings()
        limits = self.pack_limits | {kind: graphs}
        rows = {str(i): encode_record(PackLimit(graphs=most, kind=name)) for i, (name, most) in enumerate(limits.items(), 1)}
        self.storage.commit({"limits": rows})
        self._version = self.storage.version

    @property
    def pack_limits(self) -> dict[str, int]:
        """The largest pack of each kind of device that has a limit of its own."""
        rows = self.storage.rows("limits")
        found = [msgspec.json.decode(rows[row], type=PackLimit) for row in sorted(rows, key=int)]
        return {limit.kind: limit.graphs for limit in found}

    def _curves(self) -> CurveFile:
        if self._curve_file is None:
            self._curve_file = CurveFile(self.folder / CURVES)
            self._tell(self._curve_file.dropped)
        return self._curve_file

    def _tell(self, message: str | None) -> None:
        if message:
            self.messages.append(message)
            self.log("dropped", message=message)

    def log(self, event: str, **fields: Any) -> None:
        """Append one JSON object to log.jsonl; not fsynced, and never an error."""
        self._journal.write(event, **fields)

    def write_status(self, status: Status) -> None:
        """Replace status.json; not fsynced, and never an error."""
        write_status(self.folder, status)

    def compact(self) -> None:
        """Rewrite trials.log and curves.log without what was replaced, each in one step; readers follow."""
        self.storage.compact()
        self._curves().compact(self.trainings() | self.paused())

    def close(self) -> None:
        """Let go of the files and the lock. Everything acknowledged is on the disk already."""
        self.db.close()
        if self._curve_file is not None:
            self._curve_file.close()
        self._journal.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _finite(training: Training) -> Training:
    """JSON has no word for NaN: the losses of a diverged training that are none are left out."""
    if all(map(math.isfinite, training.losses.values())):
        return training
    return msgspec.structs.replace(training, losses={e: v for e, v in training.losses.items() if math.isfinite(v)})
