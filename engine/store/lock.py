"""One writer a run folder: a kernel lock, which dies with its holder, so a killed search never blocks the next.

The lock file itself is empty; who holds the lock is written beside it, for the message only.
"""

from __future__ import annotations

import os
import socket
import sys
import warnings
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock, SoftFileLock, Timeout

from engine.errors import StoreError
from engine.store.durable import disk, replace_file
from engine.store.holder import HOLDER, LOCK, Holder, read_holder


class RunLock:
    """Held from construction until `release` or the end of the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError in one line: held (by whom), cannot be made, or this file system has no locks."""
        self._folder = folder
        self._lock = FileLock(folder / LOCK, timeout=0, thread_local=False)
        try:
            with disk("lock", folder):
                self._acquire()
        except NotImplementedError:  # filelock 3 where flock is missing
            raise StoreError(*_no_locks(folder)) from None
        if isinstance(self._lock, SoftFileLock):  # filelock 4 where flock is missing: a file that outlives its holder
            self._lock.release(force=True)
            raise StoreError(*_no_locks(folder))
        self._sign()

    def _acquire(self) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # filelock 4 warns as it falls back; refused above
                self._lock.acquire()
        except Timeout:
            raise StoreError(*_held(self._folder)) from None

    def _sign(self) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder = Holder(os.getpid(), socket.gethostname(), now, " ".join(sys.argv))
        with suppress(OSError):  # it serves a message only; a full disk is reported by the first write that matters
            replace_file(self._folder / HOLDER, msgspec.json.encode(holder), durable=False)

    def release(self) -> None:
        if self._lock.is_locked:
            with suppress(OSError):
                (self._folder / HOLDER).unlink(missing_ok=True)
            self._lock.release(force=True)


def _held(folder: Path) -> tuple[str, str]:
    holder = read_holder(folder)
    who = f"process {holder.pid} on {holder.host} since {holder.since}" if holder else "another process"
    return f"{folder}: in use by {who}", "wait for it, stop it, or name another run folder"


def _no_locks(folder: Path) -> tuple[str, str]:
    return (f"{folder}: this file system has no kernel locks, so a second search could not be kept out",
            "put the run folder on a local disk or a file system with flock")
