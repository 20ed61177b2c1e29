"""Why a space was narrowed: one line a choice in `choices.jsonl`, beside the space files it tells of.

The person's choice is the experiment; without a record it is lost. A space file says what was decided and no more, so
that equal constraints make equal files; the reason lies apart.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.space.files.jsonl import append

CHOICES = "choices.jsonl"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One constraint, as it was decided on."""

    space: str
    """The child's name."""
    parent: str
    constraints: tuple[str, ...]
    reason: str
    """In the person's words; '' if none was given."""
    run: str | None = None
    """Run folder whose trials were looked at."""
    n: int = 0
    """Graphs in that EDF."""
    kept: int = 0
    """How many of them satisfy the constraints."""
    lost: str = ""
    """What the regret guard warned of when it was accepted all the same; '' if nothing good was thrown away."""
    withdrawn: bool = False
    """The choice was taken back, and its space file removed."""
    time: str = msgspec.field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    """ISO 8601, UTC."""


def write(folder: Path, choice: Choice) -> None:
    """Append a choice to `folder`/choices.jsonl, on the disk when this returns. Raises SpaceError."""
    append(folder / CHOICES, choice)


def reasons(folder: Path) -> dict[str, str]:
    """Space to the reason of the choice that made it; what was taken back has none."""
    return {choice.space: "" if choice.withdrawn else choice.reason for choice in read(folder)}


def read(folder: Path) -> tuple[Choice, ...]:
    """All choices, oldest first; lines that cannot be read are passed over."""
    try:
        lines = (folder / CHOICES).read_bytes().splitlines()
    except OSError:
        return ()
    found = []
    for line in lines:
        try:
            found.append(msgspec.json.decode(line, type=Choice))
        except msgspec.MsgspecError:
            continue
    return tuple(found)
