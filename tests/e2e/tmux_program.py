"""A program inside tmux, as people over SSH have it: detached, attached again, read as a screen and not as bytes."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

NOWHERE = "0,0"
"""The cursor while no field has the focus."""
STILL = 6
"""Readings in a row, 0.05 s apart, that a cursor at rest does not change."""
PATIENCE = 60.0
"""Seconds before a wait is given up; a wait that succeeds ends at once."""


class TmuxProgram:
    """`python ARGUMENTS` in a tmux server of its own (its socket is in `place`), so that no other session is touched."""

    def __init__(self, arguments: Sequence[str], place: Path, cwd: Path, size: tuple[int, int] = (120, 40)) -> None:
        # Each its own: a server that was just killed may still hold its socket, and refuses the next one ("exited unexpectedly").
        self._socket = place / f"tmux-{secrets.token_hex(4)}.sock"
        command = shlex.join([sys.executable, *arguments])
        env = f"env PYTHONPATH={shlex.quote(os.environ.get('PYTHONPATH', ''))} HOME={shlex.quote(str(place))}"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "s", "-x", str(size[0]), "-y", str(size[1]),
                   "-c", str(cwd), f"{env} {command}")
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def _tmux(self, *arguments: str) -> str:
        own = {name: value for name, value in os.environ.items() if name != "TMUX"}  # else the size of a tmux around it
        done = subprocess.run(["tmux", "-S", str(self._socket), *arguments], check=True, capture_output=True, text=True, env=own)
        return done.stdout

    @property
    def screen(self) -> str:
        """What a person sees."""
        return self._tmux("capture-pane", "-p", "-t", "s")

    @property
    def pid(self) -> int:
        return int(self._tmux("display-message", "-p", "-t", "s", "#{pane_pid}"))

    @property
    def is_over(self) -> bool:
        return self._tmux("display-message", "-p", "-t", "s", "#{pane_dead}").strip() == "1"

    def press(self, *keys: str) -> None:
        """tmux's names: `Enter`, `C-n`, `Down`; anything else is typed."""
        for key in keys:
            self._tmux("send-keys", "-t", "s", key)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-t", "s", "-l", text)

    def move(self, key: str) -> None:
        """Press a key that moves the cursor, and see it come to rest elsewhere: keys sent while the focus moves still go where
        it was, and while a page is painted the cursor passes through other places."""
        before = self.settle()
        self.press(key)
        self.settle(before)

    def settle(self, before: str = NOWHERE) -> str:
        """Where the cursor rests, once that is in a field and not `before`: a form just painted takes no text yet."""
        begun, seen = time.monotonic(), [before]
        while seen[-1] in (NOWHERE, before) or len({*seen[-STILL:]}) > 1:
            assert time.monotonic() - begun < PATIENCE, f"the cursor never came to rest elsewhere:\n{self.screen}"
            time.sleep(0.05)
            seen.append(self._cursor)
        return seen[-1]

    @property
    def _cursor(self) -> str:
        return self._tmux("display-message", "-p", "-t", "s", "#{cursor_x},#{cursor_y}")

    def wait_for(self, *texts: str, patience: float = PATIENCE) -> float:
        """Until all of them are on screen at once; seconds it took. Raises AssertionError with the screen."""
        begun = time.monotonic()
        while not all(text in self.screen for text in texts):
            assert time.monotonic() - begun < patience, f"{texts} never came:\n{self.screen}"
            time.sleep(0.1)
        return time.monotonic() - begun

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-t", "s", "-x", str(width), "-y", str(height))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._tmux("kill-server")
