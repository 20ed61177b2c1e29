"""A program on a pseudo-terminal of its own, driven from outside as a person would."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

PATIENCE = 100.0
"""Seconds before a wait is given up; a wait that succeeds ends at once."""


class PtyProgram:
    """Runs `python ARGUMENTS` on a terminal of `size` (columns, rows); `output` is every byte it sent."""

    def __init__(self, arguments: Sequence[str], size: tuple[int, int] = (80, 24), cwd: Path | None = None) -> None:
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", PYTHONUTF8="1")
            if cwd:
                os.chdir(cwd)
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

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
        _, status = os.waitpid(self.pid, 0)
        self.pid = -1
        return os.waitstatus_to_exitcode(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.pid > 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)
