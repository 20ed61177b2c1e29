"""What a running search says of itself to those who look: `status.json`, replaced in one step and never fsynced.

It is a courtesy, not a record: whatever matters afterwards is in the trials.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.store.log.durable import replace_file

STATUS = "status.json"
FINISHED = "finished"
"""The phase of a search that has nothing left to do."""


class PackStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A pack in training."""

    number: int
    """As in `Training.pack`."""
    graphs: int
    epoch: int
    """Epochs done."""
    epochs: int
    worker: str = ""
    trainings: tuple[str, ...] = ()
    """Ids of its graphs' trainings, as `engine.control kill-trial` takes them."""
    best: tuple[float | None, ...] = ()
    """Highest target accuracy (%) among its graphs, an epoch each since it began here."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a search at `updated`."""

    phase: str
    """A word for a person: `calibrating`, `training`, `paused`, `finished`, `stopped`, ..."""
    done: int = 0
    """Trials recorded."""
    total: int | None = None
    """Trials there will be; None if not known beforehand."""
    rate: float | None = None
    """Graphs a second, lately."""
    eta: float | None = None
    """Seconds left at that rate."""
    packs: tuple[PackStatus, ...] = ()
    message: str = ""
    """One line more, if there is something to say."""
    updated: float = msgspec.field(default_factory=time.time)
    """Seconds since 1970, UTC."""
    pid: int = msgspec.field(default_factory=os.getpid)
    host: str = msgspec.field(default_factory=socket.gethostname)


def write_status(folder: Path, status: Status) -> None:
    """Put `status` in the place of the last one. A disk that refuses is ignored: the next record will say so."""
    with suppress(OSError):
        replace_file(folder / STATUS, msgspec.json.encode(status), durable=False)


def read_status(folder: Path) -> Status | None:
    """The last status written; None if there is none that can be read."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / STATUS).read_bytes(), type=Status)
    return None
