"""A thread for questions that take longer than a key may wait: bands, verdicts, filters.

The newest question of a topic replaces one that has not been begun, so holding a key down leaves no queue behind.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

from engine.errors import EngineError  # light: the package is empty and this module imports nothing

T = TypeVar("T")


class Thinker(threading.Thread):
    """Answers questions one at a time, in the order their topics were first asked."""

    def __init__(self, hand_over: Callable[[Callable[[], None]], object], lament: Callable[[str], object]) -> None:
        """`hand_over` runs a callable in the event loop's thread; `lament` takes the traceback of a fault of ours."""
        super().__init__(name="thinker", daemon=True)
        self._hand_over = hand_over
        self._lament = lament
        self._work: dict[str, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._stopping = False

    def ask(self, topic: str, question: Callable[[], T], answer: Callable[[T | EngineError], None]) -> None:
        """Call `question` here and `answer` with its result in the event loop's thread."""

        def work() -> None:
            try:
                found: T | EngineError = question()
            except EngineError as error:
                found = error
            self._hand_over(lambda: answer(found))

        with self._changed:
            self._work[topic] = work
            self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except Exception:  # noqa: BLE001 - as in the follower: a fault of ours is told, and the rest goes on
                self._lament(traceback.format_exc())

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._work and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            return self._work.pop(next(iter(self._work)))
