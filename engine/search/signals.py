"""How a search ends before its time: signals, wishes that its loop does not come to, and the second Ctrl-C.

    SIGINT   ends it (130); a second one ends it at once, whatever it does
    SIGTERM  what a scheduler sends before it kills: running packs are kept, then it ends (143), within 20 s
    SIGHUP   the same with 129; nothing where there is no terminal (detached) or it was told to ignore it (nohup)

Python's handlers run in the main thread only, and not before a native call there has ended, which may take minutes (compiling,
one huge step). So the system's handler also writes each signal's number to a pipe, which another thread reads.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Self

import psutil

from engine.cli import INTERRUPTED
from engine.control.server import Desk, End

SOFT = {End.KEEP: 13.0, End.NOW: 4.0}
"""Seconds after which the main thread is interrupted, if its loop has not come to a wish: an epoch may take minutes. Where
there is no loop yet, it is interrupted at once."""
HARD = {End.KEEP: 18.0, End.NOW: 11.0}
"""Seconds after which the process and its workers are ended from outside: the main thread may be in a long native call."""


class Signals:
    """Context manager for the main thread of one search; `watch` is called now and then by another thread."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._before: dict[int, Any] = {}
        self._pipe = (-1, -1)
        self._wakeup = -1
        self._presses = 0
        """Of Ctrl-C."""
        self._taken = False
        """Has `watch` made a wish of a signal whose handler has not run yet?"""

    def __enter__(self) -> Self:
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._wakeup = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        self._answer(signal.SIGINT, self._interrupt)
        self._answer(signal.SIGTERM, self._terminate)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._answer(signal.SIGHUP, self._terminate if _has_terminal() else signal.SIG_IGN)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._wakeup)
        for end in self._pipe:
            os.close(end)

    def _answer(self, number: int, handler: Any) -> None:
        self._before[number] = signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.desk.leaving:
            end_at_once(INTERRUPTED)
        self.desk.leaving = True
        raise KeyboardInterrupt

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        """The first time the loop is asked, if there is one by now; otherwise, and the second time, it ends here."""
        if self.desk.leaving:
            return
        asked = self.desk.end >= End.KEEP and not self._taken
        self._taken = False
        if self.desk.end < End.KEEP:
            self._wish(number)
        if asked or not self.desk.training:
            raise self.desk.stopped()

    def _wish(self, number: int) -> None:
        self.desk.stop(End.KEEP, signal.Signals(number).name, 128 + number)

    def _listen(self) -> None:
        """Act on signals that the main thread may not come to."""
        with suppress(BlockingIOError):
            for number in os.read(self._pipe[0], 4096):
                if number == signal.SIGINT:
                    self._presses += 1
                    if self._presses > 1:
                        end_at_once(INTERRUPTED)
                elif signal.getsignal(number) == self._terminate and self.desk.end < End.KEEP:
                    self._taken = True  # before the wish: the handler may run at any moment
                    self._wish(number)

    def watch(self) -> None:
        """Interrupt, and at last end, a search that does not come to a wish."""
        self._listen()
        desk = self.desk
        if desk.wished is None or desk.end not in SOFT or desk.has_ended:
            return
        late = time.monotonic() - desk.wished
        if late > HARD[desk.end]:
            end_at_once(desk.code)
        if late > (SOFT[desk.end] if desk.training else 0) and not desk.leaving:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def end_at_once(code: int) -> None:
    """Kill every process below this one and this one: nothing acknowledged is lost, checkpoints aside."""
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(code)


