"""Files beside the spaces that hold a JSON object a line, and only grow: choices, notes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from engine.errors import SpaceError


def append(path: Path, record: msgspec.Struct) -> None:
    """Add a line, on the disk when this returns; the folder is made if need be. Raises SpaceError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, msgspec.json.encode(record) + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise SpaceError(f"{path}: cannot be written: {error.strerror or error}") from None
