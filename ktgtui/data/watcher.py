"""The thread that looks at the disk, so that keys never wait for it.

A timer *asks*; asking while a look is under way is one look more, not a queue of them.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from ktgtui.data.snapshot import Snapshot, Wish

Deliver = Callable[[Snapshot], object]
"""Takes a snapshot across to the event loop; called in the follower's thread."""

SWITCH = 0.0002
"""Seconds this thread may keep the others waiting, once all is open. At Python's 0.005 what writes to the terminal waited
for it: a page down took 16 ms in the 95th percentile, not 12. While modules load it would cost 0.1 s of the opening."""


class Follower(threading.Thread):
    """Follows `folder` until `stop`. Delivers a snapshot when something changed, and the first one always."""

    def __init__(self, folder: Path, deliver: Deliver, lament: Callable[[str], object]) -> None:
        super().__init__(name="follower", daemon=True)
        self._folder = folder
        self._deliver = deliver
        self._lament = lament
        self._asked = threading.Event()
        self._stopping = False
        self.wish = Wish()

    def ask(self) -> None:
        """Look (again) as soon as possible."""
        self._asked.set()

    def want(self, wish: Wish) -> None:
        """What the next snapshots shall carry."""
        self.wish = wish
        self.ask()

    def stop(self) -> None:
        self._stopping = True
        self._asked.set()

    def run(self) -> None:
        from ktgtui.data.workspace import Shelf  # numpy and the engine: 0.3 s that the first paint must not wait for

        shelf = Shelf(self._folder)
        last: Snapshot | None = None
        while not self._stopping:
            try:
                found = shelf.look(self.wish)
            except Exception:  # noqa: BLE001 - the one broad net: a look that breaks must not end the workbench
                self._lament(traceback.format_exc())
                found = last or Snapshot(ready=True)
            if found is not last:
                last = found
                self._deliver(found)
                sys.setswitchinterval(SWITCH)
            self._asked.wait()
            self._asked.clear()
        shelf.close()
