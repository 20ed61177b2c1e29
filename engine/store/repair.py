"""Put a run folder right: without loss where checksums prove what was there, or with what is left."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import StoreError
from engine.store.files.checkpoints import CHECKPOINTS, Checkpoints
from engine.store.files.curves import KIND as CURVES_KIND
from engine.store.files.evaluations import EVALUATIONS
from engine.store.files.evaluations import KIND as EVALUATIONS_KIND
from engine.store.folder import CURVES, TRIALS, check_head, read_info
from engine.store.lock.lock import RunLock
from engine.store.log.damage_scan import Condition, survey
from engine.store.log.durable import disk
from engine.store.log.writer import rewrite
from engine.store.storage import KIND as TABLES_KIND
from engine.store.storage import AppendStorage

FILES = ((TRIALS, TABLES_KIND), (CURVES, CURVES_KIND), (EVALUATIONS, EVALUATIONS_KIND))
"""Files of records, and their kinds."""

DAMAGED = ".damaged"
"""Suffix of the copy that `mend(salvage=True)` keeps of a file."""


def mend(folder: Path, salvage: bool = False) -> list[str]:
    """Rewrite the files that are damaged; returns a line for each thing done. Takes the lock.

    Raises StoreError if records are lost, then nothing is changed; with `salvage` the file is kept aside
    (`trials.log.damaged`) and goes on without them, and without trials whose training is among them: a search that resumes
    trains them again.
    """
    read_info(folder)
    if not salvage:
        check_head(folder)
    lock = RunLock(folder)
    try:
        files = [(folder / name, kind) for name, kind in FILES]
        faulty = [(path, kind) for path, kind in files if path.exists() and not _is_sound(path)]
        losses = {path: [line for line in survey(path) if line.is_loss] for path, _ in faulty}
        for path, lost in losses.items():
            if lost and not salvage:
                raise StoreError(f"{path}: record {lost[0].number} at byte {lost[0].offset} cannot be restored",
                                 "restore the file from a copy, or go on without the record with --salvage")
        done = [_mend_file(path, kind, keep=bool(losses[path])) for path, kind in faulty]
        return done + (_drop_untrained(folder / TRIALS) if salvage else []) + _drop_damaged(folder)
    finally:
        lock.release()


def _drop_untrained(path: Path) -> list[str]:
    """Trials whose training is lost, if there are any: kept, they would count as done and never be trained again."""
    storage = AppendStorage(path)
    try:
        known = {_decoded(row)["id"] for row in storage.rows("trainings").values()}
        trials = {number: _decoded(row) for number, row in storage.rows("trials").items()}
        own = {number: trial.get("training") for number, trial in trials.items() if not trial.get("inherited")}
        lost = [number for number, training in own.items() if training is not None and training not in known]
        if lost:
            storage.commit({"trials": dict.fromkeys(lost)})
    finally:
        storage.close()
    return [f"{path.name}: {len(lost)} trials whose training is lost are taken out"] if lost else []


def _decoded(row: msgspec.Raw) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(row)
    return document


def _drop_damaged(folder: Path) -> list[str]:
    """A damaged checkpoint is of no use: what it held is trained again."""
    damaged = Checkpoints(folder / CHECKPOINTS).damaged()
    for path in damaged:
        with disk("remove", path):
            path.unlink()
    return [f"{CHECKPOINTS}/{path.name}: removed; it is trained again" for path in damaged]


def _is_sound(path: Path) -> bool:
    return all(line.condition is Condition.WHOLE for line in survey(path)) and path.stat().st_size > 0


def _mend_file(path: Path, kind: str, keep: bool) -> str:
    done = f"{path.name}: written again"
    if keep:
        aside = path.with_name(path.name + DAMAGED)
        with disk("write", aside):
            shutil.copyfile(path, aside)
        done += f" with the records that are whole; the damaged file is kept as {aside.name}"
    fd, _ = rewrite(path, kind, (payload for line in survey(path) for _, payload in line.records))
    os.close(fd)
    return done
