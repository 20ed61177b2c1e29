"""The files of a run folder by name, and `run.json`.

    run.json     RunInfo: everything that decides the records, frozen at the first start
    trials.log   trials and trainings (`storage`)          curves.log   learning curves (`curves`)
    log.jsonl    what happened (`journal`)                  status.json  what is happening (`status`)
    host.jsonl   how the machine fared (`readings`)
    lock         held by the one writer (`lock`)            holder.json  who that is
    evaluations.log  graphs trained again with fresh seeds (`evaluations`)      weights/  their networks
    checkpoints/ graphs of packs that run (`checkpoints`)
    control/     requests to it (`engine.control`)          output.log   what it printed, if it was detached
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.errors import StoreError
from engine.space.files import resolved
from engine.space.space import Space
from engine.store.files.checkpoints import CHECKPOINTS
from engine.store.files.journal import JOURNAL
from engine.store.files.status import STATUS
from engine.store.lock.holder import HOLDER, LOCK
from engine.store.log.durable import SCRATCH, disk, replace_file
from engine.store.log.record_format import is_torn
from engine.store.records import RunInfo

INFO = "run.json"
TRIALS = "trials.log"
CURVES = "curves.log"

CONTROL = "control"
OUTPUT = "output.log"

FORMAT = 1
"""The newest layout of a run folder this version reads; it reads all older ones (there is none yet)."""

_OWN = frozenset({INFO, TRIALS, CURVES, JOURNAL, LOCK, HOLDER, STATUS, CONTROL, OUTPUT, CHECKPOINTS})


class _Format(msgspec.Struct):
    format: int


def write_info(folder: Path, info: RunInfo) -> None:
    """Write run.json in one durable step. Raises StoreError."""
    with disk("write", folder / INFO):
        replace_file(folder / INFO, msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n")


def read_info(folder: Path) -> RunInfo:
    """What a run folder says of itself. Raises StoreError: no folder, no run in it, damaged, or a newer format."""
    path = folder / INFO
    with disk("read", path):
        if not path.is_file():
            what = f"not a run folder (it holds no {INFO})" if folder.exists() else "no such run folder"
            raise StoreError(f"{folder}: {what}", "check the path")
        text = path.read_bytes()
    try:
        version = msgspec.json.decode(text, type=_Format).format
        if version > FORMAT:
            raise StoreError(f"{path}: format {version} is newer than {FORMAT}, the newest this version reads",
                             "install the version of ktgtui that wrote it, or a later one")
        return msgspec.json.decode(text, type=RunInfo)
    except msgspec.MsgspecError as error:
        hint = "restore it from a copy; the trials are in other files"
        raise StoreError(f"{path}: damaged ({error})", hint) from None


def space_of(folder: Path, info: RunInfo) -> Space:
    """The space a run searches, as frozen in its run.json. Raises SpaceError naming that file."""
    return resolved.load(info.space, f"{folder / INFO}: space")


def find_runs(root: Path) -> list[Path]:
    """The run folders in `root`, by name; `root` itself if it is one. Folders that cannot be read are left out."""
    if _holds_run(root):
        return [root]
    try:
        return sorted(filter(_holds_run, root.iterdir()))
    except OSError:
        return []


def _holds_run(folder: Path) -> bool:
    try:
        return (folder / INFO).is_file()
    except OSError:  # another user's, closed to us
        return False


def check_head(folder: Path) -> None:
    """Raise StoreError if the trials' file is not there or has lost its beginning: it had one before run.json."""
    path = folder / TRIALS
    with disk("read", path), path.open("rb") as stream:
        head = stream.readline()
        if not head.endswith(b"\n") and is_torn(head, 0):
            raise StoreError(f"{path}: empty, though the run was started", "restore it from a copy")


def check_vacant(folder: Path) -> None:
    """Raise StoreError unless `folder` holds nothing but what a start that was cut off left (no run.json yet)."""
    with disk("list", folder):
        names = {path.name.removesuffix(SCRATCH) for path in folder.iterdir()}
    if INFO in names and (folder / INFO).exists():
        raise StoreError(f"{folder}: holds a run already", "resume it, or name another run folder")
    if foreign := sorted(names - _OWN):
        raise StoreError(f"{folder}: not empty (it holds {foreign[0]!r})", "name another run folder")


def missing(folder: Path) -> list[Path]:
    """`folder` and those above it that are not there, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def unmake(folder: Path, made: list[Path]) -> None:
    """Remove the folders `made` for a run that did not come about, by who holds its lock. Those that hold something else stay."""
    courtesies = {STATUS, HOLDER, LOCK, OUTPUT}
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= courtesies:
            for name in courtesies:
                (folder / name).unlink(missing_ok=True)
            remove_empty(made)


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders, innermost first, up to the first that holds something."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
