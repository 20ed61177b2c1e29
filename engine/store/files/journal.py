"""`log.jsonl`: what happened, one JSON object a line, for people and scripts; rotated, not fsynced."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

JOURNAL = "log.jsonl"
LIMIT = 4 << 20
"""Bytes at which the file becomes `log.1.jsonl` (about 30,000 lines)."""
KEPT = 4
"""Older files that are kept."""


class Journal:
    """Appends lines to a run folder's log. A disk that refuses is ignored: a log line must never stop a search."""

    def __init__(self, folder: Path, limit: int = LIMIT, name: str = JOURNAL) -> None:
        self.path = folder / name
        self._limit = limit
        self._fd = -1

    def write(self, event: str, **fields: Any) -> None:
        """Append `{"time": ..., "event": event, ...}`. What JSON cannot hold is written as text."""
        self.append({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields})

    def append(self, line: Any) -> None:
        """Append an object as one line, in one write."""
        with suppress(OSError):
            if self._fd < 0:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            os.write(self._fd, msgspec.json.encode(line, enc_hook=str) + b"\n")
            if os.fstat(self._fd).st_size >= self._limit:
                self._rotate()

    def _rotate(self) -> None:
        self.close()
        for age in range(KEPT, 0, -1):
            younger = self.path if age == 1 else self._older(age - 1)
            if younger.exists():
                os.replace(younger, self._older(age))

    def _older(self, age: int) -> Path:
        return self.path.with_name(f"{self.path.stem}.{age}.jsonl")

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
