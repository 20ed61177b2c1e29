"""A fault of ours: the traceback goes to a log, a person gets one line that says where. Textual-free."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from pathlib import Path

LARGEST = 1_000_000
"""Bytes after which the log begins anew: a fault that comes back every second must not fill a disk."""


def log() -> Path:
    """Where tracebacks go, in the user's folder for logs."""
    from platformdirs import user_log_path

    return user_log_path("ktgtui") / "errors.log"


def record(trace: str, file: Path | None = None) -> str:
    """Append a traceback to the log; the line for a person."""
    said = trace.strip().split("\n")[-1]
    file = file or log()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w" if file.exists() and file.stat().st_size > LARGEST else "a", encoding="utf-8") as out:
            out.write(f"{datetime.now(UTC).isoformat(timespec='seconds')}\n{trace.rstrip()}\n\n")
    except OSError as error:
        return f"{said} ({file} cannot be written: {error.strerror or error})"
    return f"{said} (log: {file})"


def told(error: BaseException) -> str:
    """`record` for an exception."""
    return record("".join(traceback.format_exception(error)))
