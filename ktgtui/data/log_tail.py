"""The last lines of a run's `log.jsonl`, told for people; read again only when the file has grown."""

from __future__ import annotations

import json
from pathlib import Path

from engine.store.files.journal import JOURNAL

KEPT = 200
"""Lines kept: more than a screen is tall, less than a look must read."""
TAIL = 64_000
"""Bytes read from the file's end: 200 lines of 300."""


class LogTail:
    """Follows one log file. A log that cannot be read is an empty one: it is a courtesy, not a record."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._seen: tuple[int, int] = (0, 0)
        self._lines: tuple[str, ...] = ()

    def lines(self) -> tuple[str, ...]:
        """`06:41:12 start resumed=False`, newest last; the same object while nothing was added."""
        try:
            found = self._path.stat()
            if (found.st_ino, found.st_size) != self._seen:
                self._seen = (found.st_ino, found.st_size)
                self._lines = tuple(told(line) for line in _tail(self._path, found.st_size))
        except OSError:
            self._lines = ()
        return self._lines


def _tail(path: Path, size: int) -> list[bytes]:
    with path.open("rb") as file:
        file.seek(max(0, size - TAIL))
        lines = file.read().split(b"\n")
    return lines[1 if size > TAIL else 0 : -1][-KEPT:]


def told(line: bytes) -> str:
    """One JSON line as a person reads it; what is no JSON object stays as it is."""
    try:
        fields = json.loads(line)
        clock = str(fields.pop("time"))[11:19]
        event = fields.pop("event")
    except (ValueError, AttributeError, KeyError, TypeError):
        return line.decode("utf-8", "replace")
    rest = "  ".join(f"{k}={v}" for k, v in fields.items() if v not in (None, "", {}, []))
    return f"{clock} {event}  {rest}".rstrip()
