"""The search's side of control: what people want of it, kept where its loop can see it, and answered within a second.

A thread of its own answers, so also while torch loads, a pack is measured or an epoch takes minutes. What is wanted is
state (paused, workers, how to end), not a queue: the loop acts on it between two events of its executor.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial
from pathlib import Path

import msgspec

from engine.cli import INTERRUPTED
from engine.control.requests import Answer, Inbox, Request
from engine.errors import EngineError, Stopped
from engine.store.files.status import FINISHED, Status, write_status

LOOK = 0.1
"""Seconds between looks into the inbox: listing an empty folder takes 10 us."""

MOST_WORKERS = 1024

ENDED = frozenset({FINISHED, "stopped", "failed"})
"""Phases after which nothing comes."""


class End(IntEnum):
    """How a search is to end before its time; a later wish only counts if it is more urgent."""

    NOT = 0
    FINISH = 1
    """When running packs are done."""
    KEEP = 2
    """As soon as running packs are kept: the process is about to be killed (SIGTERM)."""
    NOW = 3


@dataclass
class Kill:
    """A wish to stop one trial; the loop answers it by `settle`."""

    key: str
    who: str
    settle: Callable[[Answer], None] = field(repr=False)


class Desk:
    """Wishes in, status out. Every method may be called from any thread."""

    def __init__(self, folder: Path | None = None, processes: int = 1) -> None:
        """Without a folder nobody can ask, but whoever holds the desk can still wish: a notebook, a test.

        `processes`: as the protocol has it; a group of several has no workers to set.
        """
        self.folder = folder
        self.processes = processes
        self.paused = False
        self.end = End.NOT
        self.wished: float | None = None
        """`time.monotonic()` when the end was wished for."""
        self.code = INTERRUPTED
        """Exit code of an end before its time."""
        self.leaving = False
        """True once the main thread is on its way out."""
        self._by = ""
        self.workers: int | None = None
        """Workers wished for; None: as it began."""
        self.phase = "loading"
        """What the search does when nobody wants anything: `loading`, `calibrating`, `training`, ..."""
        self.standing = False
        """True once a pause has come into force."""
        self.kills: deque[Kill] = deque()
        self.training = False
        """True while a loop looks here between its events."""
        self.warning = ""
        """One line that people should see: the disk is filling up."""
        self.status = Status(phase=self.phase)

    # What the loop does

    def show(self, status: Status) -> Status:
        """Take note of what the search says of itself; returns it with the phase that the wishes make of it."""
        told = status.message or self.warning
        self.status = msgspec.structs.replace(status, phase=self.shown_phase(), message=told)
        return self.status

    def enter(self, phase: str, message: str = "") -> None:
        """Say what the search does before, or after, there is a run to say it in."""
        self.phase = phase
        shown = self.show(msgspec.structs.replace(self.status, message=message, packs=(), updated=time.time()))
        if self.folder:
            write_status(self.folder, shown)

    @property
    def has_ended(self) -> bool:
        return self.phase in ENDED

    def shown_phase(self) -> str:
        if self.has_ended:
            return self.phase
        if self.end >= End.KEEP:
            return "stopping"
        if self.end is End.FINISH:
            return "finishing"
        if self.paused:
            return "paused" if self.standing else "pausing"
        return self.phase

    # What people do

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = self.standing = False

    def stop(self, end: End = End.NOW, by: str = "", code: int = INTERRUPTED) -> None:
        """End as wished, `by` a person or a signal. A search that is to come to an end must not stand."""
        if end > self.end:
            self.end, self.wished, self._by, self.code = end, time.monotonic(), by, code
        self.resume()

    def stopped(self) -> Stopped:
        """What the main thread raises to end as wished."""
        self.leaving = True
        return Stopped(f"stopped by {self._by}" if self._by else "stopped", self.code)

    def answer(self, request: Request, settle: Callable[[Answer], None]) -> None:
        """Do what is asked, or refuse; `settle` gets the answer, now or (kill-trial) from the loop."""
        if request.verb == "kill-trial" and self.training and not self.end:
            self.kills.append(Kill(request.key, request.who, settle))
            return
        answer = ANSWERS.get(request.verb)
        told = answer(self, request) if answer else _no(f"unknown request {request.verb!r}: the search is of another version")
        settle(msgspec.structs.replace(told, status=self._now()))

    def _status(self, request: Request) -> Answer:
        return _yes(self.shown_phase())

    def _pause(self, request: Request) -> Answer:
        if self.end:
            return _no(f"it is {self.shown_phase()}")
        already, self.paused = self.paused, True
        return _yes(f"{self.shown_phase()} already" if already else "pausing: running packs stand after their next step")

    def _resume(self, request: Request) -> Answer:
        if not self.paused:
            return _no(f"it is not paused: it is {self.shown_phase()}")
        self.resume()
        return _yes("going on")

    def _stop(self, request: Request) -> Answer:
        if self.has_ended or self.end >= (End.FINISH if request.finish else End.KEEP):
            return _yes(f"{self.shown_phase()} already")
        finishes = request.finish and self.training  # before there are packs there is nothing to wait for
        self.stop(End.FINISH if finishes else End.NOW, request.who)
        packs = len(self.status.packs)
        return _yes(f"finishing: it stops when running packs are done ({packs} now)" if finishes else "stopping")

    def _set(self, request: Request) -> Answer:
        if request.workers is None or not 1 <= request.workers <= MOST_WORKERS:
            return _no(f"workers: must be from 1 to {MOST_WORKERS}, got {request.workers}")
        if self.processes > 1:
            return _no(f"its {self.processes} processes train each pack together: their number is part of the protocol")
        self.workers = request.workers
        return _yes(f"workers = {request.workers}: those missing are started, those too many leave after their pack")

    def _kill_trial(self, request: Request) -> Answer:
        return _no(f"it is {self.shown_phase()}: trials can be stopped while it trains")

    def _now(self) -> Status:
        return msgspec.structs.replace(self.status, phase=self.shown_phase(), updated=time.time())

    # The thread

    @contextmanager
    def serving(self, *watches: Callable[[], None]) -> Iterator[None]:
        """Answer requests while the block runs; `watches` are called at each look. Raises StoreError: see `Inbox`."""
        assert self.folder is not None
        inbox = Inbox(self.folder)
        self.enter(self.phase)
        over = threading.Event()
        thread = threading.Thread(target=self._serve, args=(inbox, over, watches), name="control", daemon=True)
        thread.start()
        try:
            yield
        except BaseException as error:
            if not self.has_ended:
                self.enter(*("failed", str(error)) if isinstance(error, EngineError) else ("stopped", ""))
            raise
        finally:
            self.training = False
            over.set()
            thread.join()
            self._dismiss(inbox)

    def _serve(self, inbox: Inbox, over: threading.Event, watches: Sequence[Callable[[], None]]) -> None:
        while not over.wait(LOOK):
            self._look(inbox)
            for watch in watches:
                watch()

    def _look(self, inbox: Inbox) -> None:
        for id, request in inbox.take():
            settle = partial(inbox.answer, id)
            if request is None:
                settle(_no("the request cannot be read"))
            else:
                self.answer(request, settle)

    def _dismiss(self, inbox: Inbox) -> None:
        """Nobody waits for an answer that does not come."""
        self._look(inbox)
        while self.kills:
            self.kills.popleft().settle(_no("the search has ended"))
        inbox.close()


ANSWERS: dict[str, Callable[[Desk, Request], Answer]] = {
    "status": Desk._status, "pause": Desk._pause, "resume": Desk._resume, "stop": Desk._stop, "set": Desk._set,
    "kill-trial": Desk._kill_trial,
}
"""By the verbs of `engine.control.requests`; a search of another version may be asked others."""


def _yes(message: str) -> Answer:
    return Answer(done=True, message=message)


def _no(message: str) -> Answer:
    return Answer(done=False, message=message)
