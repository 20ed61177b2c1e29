"""Textual's driver for Linux and macOS, made to outlive a terminal that goes away.

When a terminal is closed, the kernel sends SIGHUP and SIGCONT. Textual 8.2.8 starts its output anew at every SIGCONT, also when
it was not stopped, and the thread that writes ends at the first error. Who then wrote 30 more times waited for ever: a workbench
whose SSH connection broke did not end (2 of 32 on a busy machine).
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from textual.drivers.linux_driver import LinuxDriver


class TerminalDriver(LinuxDriver):
    """Resumes only what was suspended, and drops what can no longer be written."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not hasattr(self, "_file"):  # a Textual that writes otherwise: its driver as it is
            return
        assert self._file is not None, "the workbench opens on a terminal only"
        self._file = Output(self._file)  # type: ignore[assignment]
        self._suspended = False
        self._handle(signal.SIGTSTP, self._suspending)
        self._handle(signal.SIGCONT, self._continuing)

    def _handle(self, number: signal.Signals, wrap: Callable[[Any], Callable[[int, FrameType | None], None]]) -> None:
        """Put a handler around Textual's own."""
        signal.signal(number, wrap(signal.getsignal(number)))

    def _suspending(self, suspend: Any) -> Callable[[int, FrameType | None], None]:
        def handler(number: int, frame: FrameType | None) -> None:
            self._suspended = True
            suspend(number, frame)

        return handler

    def _continuing(self, resume: Any) -> Callable[[int, FrameType | None], None]:
        def handler(number: int, frame: FrameType | None) -> None:
            if self._suspended:
                self._suspended = False
                resume(number, frame)
            else:  # stopped by SIGSTOP, or not at all: somebody may have written over the screen
                self._app.call_later(self._app.refresh, layout=True)

        return handler


class Output:
    """A terminal as a file; what it refuses is dropped."""

    def __init__(self, file: IO[str]) -> None:
        self._terminal = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._terminal.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._terminal.flush()

    def fileno(self) -> int:
        return self._terminal.fileno()

    def isatty(self) -> bool:
        return self._terminal.isatty()
