"""One writer a run folder: a kernel lock, which dies with its holder, so a killed search never blocks the next.

The lock file itself is empty; who holds the lock is written beside it, for the message only.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.errors import StoreError
from engine.store.folder import missing, remove_empty
from engine.store.lock.holder import HOLDER, LOCK, Holder, read_holder
from engine.store.lock.kernel_lock import KernelLock
from engine.store.log.durable import disk, replace_file


class RunLock:
    """Held from construction until `release` or the end of the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError in one line: held (by whom), cannot be made, or no kernel locks here (NoKernelLocksError)."""
        self._folder = folder
        with disk("lock", folder):
            lock = KernelLock.take(folder / LOCK)
        if lock is None:
            raise StoreError(*_held(folder))
        self._lock: KernelLock | None = lock
        self._sign()

    def _sign(self) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        holder = Holder(os.getpid(), socket.gethostname(), now, " ".join(sys.argv))
        with suppress(OSError):  # it serves a message only; a full disk is reported by the first write that matters
            replace_file(self._folder / HOLDER, msgspec.json.encode(holder), durable=False)

    def release(self) -> None:
        """Give the folder back. A second call does nothing."""
        if self._lock is not None:
            with suppress(OSError):
                (self._folder / HOLDER).unlink(missing_ok=True)
            self._lock.release()
            self._lock = None


def make_and_lock(folder: Path) -> RunLock:
    """The lock of a folder that is made if need be; refused (StoreError), folders that were made for it are removed again."""
    made = missing(folder)
    with disk("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        return RunLock(folder)
    except StoreError:
        remove_empty(made)
        raise


def _held(folder: Path) -> tuple[str, str]:
    holder = read_holder(folder)
    who = f"process {holder.pid} on {holder.host} since {holder.since}" if holder else "another process"
    return f"{folder}: in use by {who}", "wait for it, stop it, or name another run folder"
