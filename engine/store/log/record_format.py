"""The one file format of the store: a record a line, framed by its number, its length and a checksum.

    00000007 000001a4 9e107d9d {"trials":{"7":{...}}}

Number from 0, length of the payload in bytes, and CRC-32 of both and the payload, in eight hex digits each; the payload
is JSON, which never contains a raw line feed or a NUL. So a file cut anywhere ends in a *torn* record, told from a
*damaged* one: a cut record has no line feed and fewer bytes than its length says (a file system may have filled the
rest with NULs). Only a torn record may be dropped, since it was never acknowledged; everything else that does not fit
is damage, with its place.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.errors import StoreError

HEADER = 27
"""Bytes before the payload."""

BLOCK = 4 << 20
"""Bytes read at a time: a file of 500 MB of curves is scanned without being held."""

_HEADER = re.compile(rb"[0-9a-f]{8} ([0-9a-f]{8}) [0-9a-f]{8} ")


class Place(NamedTuple):
    """Where a record stands: offset of its line (bytes), its number from 0, size of its payload (bytes)."""

    offset: int
    number: int
    size: int

    @property
    def end(self) -> int:
        """Offset of the next record."""
        return self.offset + HEADER + self.size + 1


class Frame(NamedTuple):
    """A record with its place."""

    place: Place
    payload: bytes


class DamagedError(StoreError):
    """A record that is not what was written. `offset` and `number` say which."""

    def __init__(self, path: Path, offset: int, number: int, why: str) -> None:
        super().__init__(
            f"{path}: record {number} at byte {offset} is damaged ({why})",
            f"look at it with `python -m engine.store check {path.parent}`, or restore the file from a copy",
        )
        self.offset = offset
        self.number = number


def pack(number: int, payload: bytes) -> bytes:
    """The line that holds `payload` as record `number`."""
    return _header(number, payload) + payload + b"\n"


def unpack(line: bytes, number: int) -> bytes | None:
    """The payload of a line without its line feed; None unless it is exactly record `number` as it was written."""
    payload = line[HEADER:]
    return payload if line[:HEADER] == _header(number, payload) else None


def is_torn(tail: bytes, number: int) -> bool:
    """True if `tail`, what follows the last line feed, is record `number` as a cut in its writing can leave it.

    Not so if its header is none (then it may be anybody's file), or if the whole payload is there and a byte after it
    that should be the line feed.
    """
    written = tail.rstrip(b"\0")
    start = b"%08x 00000000 00000000 " % number
    header = _HEADER.match(written + start[len(written) :])
    if header is None or not start.startswith(written[:9]):
        return False
    whole = HEADER + int(header[1], 16)
    return len(written) < whole or len(tail) <= whole


def read_frames(fd: int, path: Path, offset: int = 0, number: int = 0) -> Iterator[Frame]:
    """Records of the file from `offset` on, the first being `number`; ends before a torn one.

    Raises DamagedError at the first record that is not what was written, OSError if the file cannot be read.
    """
    rest = b""
    while block := os.pread(fd, BLOCK, offset + len(rest)):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            payload = unpack(line, number)
            if payload is None:
                raise DamagedError(path, offset, number, _why(line, number))
            place = Place(offset, number, len(payload))
            yield Frame(place, payload)
            offset, number = place.end, number + 1
    if rest and not is_torn(rest, number):
        whole = _HEADER.match(rest) and int(rest[:8], 16) == number
        raise DamagedError(path, offset, number, "its line feed is gone" if whole else _why(rest, number))


def read_place(fd: int, path: Path, place: Place) -> bytes:
    """The payload of one record. Raises DamagedError if it is not what was written, OSError."""
    line = os.pread(fd, place.end - place.offset - 1, place.offset)
    payload = unpack(line, place.number)
    if payload is None:
        raise DamagedError(path, place.offset, place.number, _why(line, place.number))
    return payload


def _header(number: int, payload: bytes) -> bytes:
    start = b"%08x %08x " % (number, len(payload))
    return b"%s%08x " % (start, zlib.crc32(payload, zlib.crc32(start)))


def _why(line: bytes, number: int) -> str:
    header = _HEADER.match(line)
    if header is None:
        return "its header cannot be read"
    if int(line[:8], 16) != number:
        return f"number {int(line[:8], 16)} stands in its place"
    if int(header[1], 16) != len(line) - HEADER:
        return f"{len(line) - HEADER} bytes instead of {int(header[1], 16)}"
    return "its checksum does not match"
