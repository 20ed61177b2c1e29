"""An append-only file of framed records, as any number of readers see it: no lock, nothing written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.store.log.durable import disk
from engine.store.log.record_format import DamagedError, Frame, Place, read_frames, read_place
from engine.store.log.writer import read_head

T = TypeVar("T")


class Follower:
    """Reads along with a writer; each `poll` costs what is new.

    `torn` is the number of bytes of an unfinished record at the end, seen by the last poll.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.torn = 0
        self._kind = kind
        self._fd = -1
        self._end = self._number = 0
        self._again = True

    def poll(self, take: Callable[[Frame], T]) -> tuple[bool, list[T]]:
        """(whether to forget all earlier records, what `take` makes of each new one). Raises StoreError, DamagedError.

        The records start over when the file was replaced (compaction) or cut below what was read (a writer took back
        a record it could not make durable). Before damage is believed the file is read once from its start.
        """
        with disk("read", self.path):
            if self._is_other_file():
                self._reopen()
            try:
                taken = self._take_new(take)
            except DamagedError:
                if self._again:
                    raise
                self._reopen()
                taken = self._take_new(take)
        again, self._again = self._again, False
        return again, taken

    def _is_other_file(self) -> bool:
        if self._fd < 0:
            return True
        there = os.stat(self.path)
        try:
            here = os.fstat(self._fd)
        except OSError:  # NFS forgets a file that was replaced
            return True
        return (here.st_ino, here.st_dev) != (there.st_ino, there.st_dev) or there.st_size < self._end

    def _reopen(self) -> None:
        self.close()
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._end = self._number = 0
        self._again = True

    def _take_new(self, take: Callable[[Frame], T]) -> list[T]:
        taken = []
        end, number = self._end, self._number
        for frame in read_frames(self._fd, self.path, end, number):
            end, number = frame.place.end, frame.place.number + 1
            if frame.place.number:
                taken.append(take(frame))
            else:
                read_head(frame, self.path, self._kind)
        self._end, self._number = end, number
        self.torn = max(0, os.fstat(self._fd).st_size - end)
        return taken

    def read(self, place: Place) -> bytes:
        """The payload of one record. Raises DamagedError."""
        with disk("read", self.path):
            return read_place(self._fd, self.path, place)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    __del__ = close
