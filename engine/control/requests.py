"""Requests to a running search as files of its run folder: no port, and any host that sees the folder can ask.

    RUN/control/ID.request    what is wanted; the search takes it by removing it
    RUN/control/ID.answer     what became of it; who asked takes it by removing it

Both appear in one step (written beside, renamed). The folder is the search's user's alone, so whoever can leave a request
may. Files are looked for by listing the folder, not by name: on NFS a name once missing stays missing for seconds.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.errors import StoreError
from engine.store.files.status import Status
from engine.store.folder import CONTROL
from engine.store.log.durable import SCRATCH, disk, replace_file

_REQUEST, _ANSWER = ".request", ".answer"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of a search."""

    verb: str
    """`status`, `pause`, `resume`, `stop`, `kill-trial` or `set`."""
    finish: bool = False
    """`stop`: let running packs come to their end first."""
    key: str = ""
    """`kill-trial`: a graph's key or the beginning of one, `KEY.REPEAT` for one repeat of it."""
    workers: int | None = None
    """`set`: worker processes from now on."""
    who: str = ""
    """`user@host`, for the record."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request."""

    done: bool
    """False: refused, or nobody answered; `message` says why."""
    message: str
    """One line."""
    status: Status | None = None
    """The search at that moment, if it is known."""


def leave(folder: Path, request: Request) -> str:
    """Leave a request for the search in a run folder; returns its id. Raises StoreError if that cannot be done."""
    id = f"{time.time_ns()}-{os.getpid()}-{secrets.token_hex(4)}"
    path = folder / CONTROL / f"{id}{_REQUEST}"
    with disk("leave a request", folder / CONTROL):
        replace_file(path, msgspec.json.encode(request), durable=False)
    return id


def withdraw(folder: Path, id: str) -> bool:
    """Take a request back; False if the search has taken it."""
    try:
        (folder / CONTROL / f"{id}{_REQUEST}").unlink()
    except OSError:
        return False
    return True


def fetch(folder: Path, id: str) -> Answer | None:
    """The answer to a request, once; None if there is none yet."""
    path = folder / CONTROL / f"{id}{_ANSWER}"
    if path not in _listed(folder / CONTROL):
        return None
    with suppress(OSError, msgspec.MsgspecError):
        answer = msgspec.json.decode(path.read_bytes(), type=Answer)
        path.unlink()
        return answer
    return None


class Inbox:
    """The search's end: requests are taken, answers left. What an earlier search did not take is dropped."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError if the folder cannot be made or is somebody else's."""
        self.folder = folder / CONTROL
        with disk("make", self.folder):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            found = self.folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise StoreError(f"{self.folder}: belongs to somebody else, who could then steer this search", "remove it")
            self.folder.chmod(0o700)
        self._clear()

    def take(self) -> Iterator[tuple[str, Request | None]]:
        """Requests in the order they were left; None for one that cannot be read."""
        for path in sorted(_listed(self.folder)):
            if path.suffix != _REQUEST:
                continue
            try:
                blob = path.read_bytes()
                path.unlink()
            except OSError:  # withdrawn meanwhile, or the disk refuses: then who asked is told by nobody's answering
                continue
            try:
                yield path.stem, msgspec.json.decode(blob, type=Request)
            except msgspec.MsgspecError:
                yield path.stem, None

    def answer(self, id: str, answer: Answer) -> None:
        """A disk that refuses is ignored: a search must not end because somebody asked."""
        with suppress(OSError):
            replace_file(self.folder / f"{id}{_ANSWER}", msgspec.json.encode(answer), durable=False)

    def close(self) -> None:
        """Leave no folder behind, unless somebody has yet to fetch an answer."""
        with suppress(OSError):
            self.folder.rmdir()

    def _clear(self) -> None:
        for path in _listed(self.folder):
            if path.suffix in {_REQUEST, _ANSWER, SCRATCH}:
                with suppress(OSError):
                    path.unlink()


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
