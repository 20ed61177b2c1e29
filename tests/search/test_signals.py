"""Signals that come while the main thread is in a native call, where Python's handlers do not run."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time

import pytest

from engine.cli import INTERRUPTED
from engine.control.server import Desk, End
from engine.errors import Stopped
from engine.search.signals import Signals


def meanwhile(signals: Signals, *sent: signal.Signals) -> list[tuple[End, bool]]:
    """What is wished half a second into a native call, after these signals came."""
    found, inside = [], threading.Event()

    def send() -> None:
        inside.wait()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, sent)
        for number in sent:
            signal.pthread_kill(threading.get_ident(), number)  # not to the process: two that wait for a thread become one
        limit = time.monotonic() + 0.5
        while signals.desk.wished is None and time.monotonic() < limit:
            signals.watch()
        found.append((signals.desk.end, signals.desk.leaving))

    thread = threading.Thread(target=send)
    signal.pthread_sigmask(signal.SIG_BLOCK, sent)
    try:
        thread.start()
        inside.set()
        ctypes.CDLL(None).poll(None, 0, 700)
    finally:
        thread.join()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, sent)
    return found


def test_a_wish_does_not_wait_for_the_end_of_a_native_call() -> None:
    desk = Desk()
    desk.training = True
    with Signals(desk) as signals:
        assert meanwhile(signals, signal.SIGTERM) == [(End.KEEP, False)]
        assert desk.code == 128 + signal.SIGTERM
        signals.watch()  # its handler has run by now, as the first of its kind: packs are being kept
        with pytest.raises(Stopped, match="SIGTERM"):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_ctrl_c_does_not_wait_for_it_either(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr("engine.search.signals.end_at_once", codes.append)
    desk = Desk()
    with Signals(desk) as signals, pytest.raises(KeyboardInterrupt):
        meanwhile(signals, signal.SIGINT, signal.SIGINT)
    assert INTERRUPTED in codes


def test_everything_is_as_it_was_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Signals(Desk()):
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    assert signal.set_wakeup_fd(-1) == -1
