"""An append-only file of framed records, as its one writer sees it: what it acknowledged is never lost.

Record 0 is the head: what the file holds and in which format. `engine.store.log.follower` is the readers' side.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import msgspec

from engine.errors import StoreError
from engine.store.log.durable import SCRATCH, disk, sync, sync_folder, write_all
from engine.store.log.record_format import Frame, Place, pack, read_frames, read_place

FORMAT = 1
"""Version of the record files' format; a file of a newer one is refused."""


class Head(msgspec.Struct, frozen=True):
    """Record 0 of a file."""

    kind: str
    """What the records are: `tables` or `curves`."""
    format: int = FORMAT


def read_head(frame: Frame, path: Path, kind: str) -> Head:
    """The head in a file's first record. Raises StoreError if the file is of another kind or a newer format."""
    try:
        head = msgspec.json.decode(frame.payload, type=Head)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path}: record 0 at byte 0 is no head ({error})") from None
    if head.format > FORMAT:
        raise StoreError(f"{path}: format {head.format} is newer than {FORMAT}, the newest this version reads",
                         "install the version of ktgtui that wrote it, or a later one")
    if head.kind != kind:
        raise StoreError(f"{path}: holds {head.kind!r}, not {kind!r}", "check that the file was not renamed")
    return head


class Log:
    """The writer's side. Open it, exhaust `replay()`, then `append`. Not for several threads at once.

    `dropped` says what was cut off the end on opening (a record whose writing was cut off: never acknowledged).
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.dropped: str | None = None
        self._kind = kind
        self._end: int | None = None
        self._number = 0
        self._broken: str | None = None
        self._fd = -1
        with disk("open", path):
            fresh = not path.exists()
            self._fd = _open(path)
            if fresh:
                sync_folder(path.parent)

    @property
    def size(self) -> int:
        """Bytes that are acknowledged."""
        assert self._end is not None, "replay() comes first"
        return self._end

    @property
    def records(self) -> int:
        """Records that are acknowledged, the head not counted."""
        return self._number - 1

    def replay(self) -> Iterator[Frame]:
        """All records after the head; then a torn one is cut off the file, and an empty file gets its head.

        Raises DamagedError at a damaged record: nothing is changed then.
        """
        end = number = 0
        with disk("read", self.path):
            for frame in read_frames(self._fd, self.path):
                end, number = frame.place.end, frame.place.number + 1
                if frame.place.number:
                    yield frame
                else:
                    read_head(frame, self.path, self._kind)
            self._cut_tail(end, number)
        self._end, self._number = end, number
        if not number:
            self.append([msgspec.json.encode(Head(self._kind))])

    def _cut_tail(self, end: int, number: int) -> None:
        excess = os.fstat(self._fd).st_size - end
        if excess:
            os.ftruncate(self._fd, end)
            sync(self._fd)
            self.dropped = f"{self.path.name}: dropped its last {excess} bytes, record {number} cut off in its writing"

    def append(self, payloads: Sequence[bytes]) -> list[Place]:
        """Write the records and return once all of them are on the disk. Raises StoreError with none of them kept.

        After a write that failed the file is as before, and the next call may succeed (there is room again); after
        an fsync that failed the system has forgotten which pages were not written, so only opening anew can tell.
        """
        if self._broken:
            raise StoreError(f"{self.path}: {self._broken}", "open the run again: everything acknowledged is kept")
        places = []
        end = self.size
        for number, payload in enumerate(payloads, self._number):
            places.append(Place(end, number, len(payload)))
            end = places[-1].end
        self._write(b"".join(pack(place.number, payload) for place, payload in zip(places, payloads, strict=True)))
        self._end, self._number = end, self._number + len(places)
        return places

    def _write(self, data: bytes) -> None:
        self._broken = "an earlier write did not come to its end"
        syncing = False
        try:
            with disk("write", self.path):
                write_all(self._fd, data)
                syncing = True
                sync(self._fd)
        except BaseException as error:  # an interrupt, too, must leave the file as it was
            with suppress(OSError):
                os.ftruncate(self._fd, self.size)
                if not syncing or not isinstance(error, StoreError):
                    self._broken = None
            raise
        self._broken = None

    def read(self, place: Place) -> bytes:
        """The payload of one record. Raises DamagedError."""
        with disk("read", self.path):
            return read_place(self._fd, self.path, place)

    def replace(self, payloads: Iterable[bytes]) -> list[Place]:
        """Put a file with these records in this one's place, in one step: written beside, fsynced, renamed.

        A crash at any moment leaves the old file or the new one; followers notice and read the new one.
        """
        fd, places = rewrite(self.path, self._kind, payloads)
        os.close(self._fd)
        self._fd, self._end, self._number, self._broken = fd, places[-1].end, len(places), None
        return places[1:]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    __del__ = close


def rewrite(path: Path, kind: str, payloads: Iterable[bytes]) -> tuple[int, list[Place]]:
    """Put a file with a head and these records in the place of `path`, in one step: written beside, fsynced, renamed.

    Returns it opened, and the places of the head and the records. Raises StoreError: the old file stands then.
    """
    scratch = path.with_name(path.name + SCRATCH)
    with disk("write", scratch):
        scratch.unlink(missing_ok=True)
        fd = _open(scratch)
    try:
        with disk("write", scratch):
            places = _fill(fd, chain([msgspec.json.encode(Head(kind))], payloads))
            os.replace(scratch, path)
    except BaseException:
        os.close(fd)
        with suppress(OSError):
            scratch.unlink()
        raise
    sync_folder(path.parent)
    return fd, places


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _fill(fd: int, payloads: Iterable[bytes]) -> list[Place]:
    """Write the payloads as records 0, 1, ... and fsync. Raises OSError."""
    places: list[Place] = []
    end = 0
    for number, payload in enumerate(payloads):
        write_all(fd, pack(number, payload))
        places.append(Place(end, number, len(payload)))
        end = places[-1].end
    sync(fd)
    return places
