"""A program on a pseudo-terminal of its own, driven from outside as a person would."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

PATIENCE = 100.0
"""Seconds before a wait is given up; a wait that succeeds ends at once."""


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Makes the terminal the session's own, then becomes the program. `pty.fork` would fork a process of several threads."""


class PtyProgram:
    """Runs `python ARGUMENTS` on a terminal of `size` (columns, rows); `output` is every byte it sent."""

    def __init__(self, arguments: Sequence[str], size: tuple[int, int] = (80, 24), cwd: Path | None = None) -> None:
        self.output = b""
        self.fd, terminal = pty.openpty()
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-c", TAKE_TERMINAL, *arguments],
            stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, cwd=cwd, env=env,
        )  # fmt: skip
        os.close(terminal)
        self.pid = self._process.pid

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def wait_for(self, text: str, since: int = 0) -> None:
        """Read until `text` has been sent (after the first `since` bytes). Raises AssertionError."""
        end = time.monotonic() + PATIENCE
        while text.encode() not in self.output[since:]:
            assert time.monotonic() < end, f"{text!r} never came; the last of it: {self.output[-2000:]!r}"
            if not self._read(0.5) and self.fd < 0:
                raise AssertionError(f"{text!r} never came, the program ended: {self.output[-2000:]!r}")

    def silent_for(self, seconds: float) -> bool:
        """Whether no byte comes within `seconds`."""
        return not self._read(seconds)

    def _read(self, seconds: float) -> bytes:
        if self.fd < 0 or not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            block = os.read(self.fd, 65536)
        except OSError:  # Linux says EIO when the other side is gone
            block = b""
        if not block:
            os.close(self.fd)
            self.fd = -1
        self.output += block
        return block

    def leave(self) -> int:
        """Read to the end; the exit code, or minus the signal's number."""
        end = time.monotonic() + PATIENCE
        while self.fd >= 0 and time.monotonic() < end:
            self._read(0.5)
        return self._ended()

    def hang_up(self) -> int:
        """Close the terminal as a broken connection does; the exit code, or minus the signal's number."""
        os.close(self.fd)
        self.fd = -1
        return self._ended()

    def _ended(self) -> int:
        _, status = os.waitpid(self.pid, 0)
        self.pid = -1
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 9)
            self._ended()
        if self.fd >= 0:
            os.close(self.fd)
