"""Who writes to a run folder: `holder.json`, for people and readers. The kernel's lock itself is `lock`'s."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

import msgspec

LOCK = "lock"
HOLDER = "holder.json"


class Holder(msgspec.Struct, frozen=True):
    """The process that holds, or last held, a run folder's lock."""

    pid: int
    host: str
    since: str
    """ISO 8601, UTC."""
    command: str = ""

    @property
    def may_be_alive(self) -> bool:
        """False if that process is known to be gone; True on another host, where nobody can tell."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True  # it is another user's
        return True


def read_holder(folder: Path) -> Holder | None:
    """Who holds, or last held, the lock. None if nobody ever did or it was given back in order."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / HOLDER).read_bytes(), type=Holder)
    return None
