"""What people wrote about spaces and trials: one line a note in `notes.jsonl`, beside the space files.

Run folders stay as their searches wrote them, so a note about a trial lies here too. The newest note about a thing counts.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.space.files.jsonl import append

NOTES = "notes.jsonl"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One note."""

    about: str
    """`space NAME` or `trial RUN KEY`, see `about_space` and `about_trial`."""
    text: str
    """In the person's words; '' takes the note back."""
    time: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """ISO 8601, UTC."""


def about_space(name: str) -> str:
    return f"space {name}"


def about_trial(run: str, key: str) -> str:
    """`run`: the run folder's name; `key`: the graph's."""
    return f"trial {run} {key}"


def write(folder: Path, note: Note) -> None:
    """Append to `folder`/notes.jsonl, on the disk when this returns. Raises SpaceError."""
    append(folder / NOTES, note)


def read(folder: Path) -> dict[str, str]:
    """Texts by what they are about, the newest each; lines that cannot be read are passed over."""
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in (folder / NOTES).read_bytes().splitlines():
            with suppress(msgspec.MsgspecError):
                note = msgspec.json.decode(line, type=Note)
                found[note.about] = note.text
    return {about: text for about, text in found.items() if text}
