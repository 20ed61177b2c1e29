"""Between the loop and its executor: what people want of a search is acted on between two events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine.control.desk import Desk, End
from engine.executors.protocol import Executor, ExecutorEvent, Heartbeat, PackJob

Hire = Callable[[int], Executor]
"""An executor of so many workers."""


@dataclass
class Gate:
    """A search's jobs, as long as more are wanted: an executor that gets none ends when its packs are done."""

    jobs: Iterator[PackJob | None]
    shut: bool = False
    empty: bool = False
    """True once there are no more."""

    def __iter__(self) -> Iterator[PackJob | None]:
        return self

    def __next__(self) -> PackJob | None:
        if self.shut:
            raise StopIteration
        try:
            return next(self.jobs)
        except StopIteration:
            self.empty = True
            raise


@dataclass
class Steering:
    """Runs an executor as the desk wishes. `hire` is asked where an executor cannot take another number of workers."""

    executor: Executor
    desk: Desk
    hire: Hire | None = None
    workers: int | None = None
    """As wished last; None: as it began."""
    stood: float = 0.0
    """Seconds the search was paused."""
    _since: float | None = field(default=None, init=False)

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        """The executor's events; fewer if running packs are to be the last. Raises Stopped if not even those are waited for."""
        gate = Gate(iter(jobs))
        while not gate.empty:
            gate.shut = False
            self._follow(gate)
            for event in self.executor.run(gate):
                yield event
                self.desk.standing = self.desk.paused and isinstance(event, Heartbeat) and not event.busy
                self._follow(gate)
            if self.desk.end:
                return
            self._exchange()

    def _follow(self, gate: Gate) -> None:
        """Bring the executor in line with what is wished."""
        desk = self.desk
        if desk.end >= End.KEEP:
            raise desk.stopped()
        if desk.paused != (self._since is not None):
            self._stand() if desk.paused else self._go_on()
        exchange = desk.workers not in {None, self.workers} and not self._resized(desk.workers)
        gate.shut = exchange or desk.end is End.FINISH

    def _resized(self, workers: int | None) -> bool:
        """False if it takes another executor: then running packs come to their end first."""
        assert workers is not None
        if not self.executor.resize(workers):
            return False
        self.workers = workers
        return True

    def _exchange(self) -> None:
        if self.hire and self.desk.workers not in {None, self.workers}:
            assert self.desk.workers is not None
            self.executor, self.workers = self.hire(self.desk.workers), self.desk.workers

    def _stand(self) -> None:
        self._since = time.monotonic()
        self.executor.pause()

    def _go_on(self) -> None:
        assert self._since is not None
        self.stood += time.monotonic() - self._since
        self._since = None
        self.executor.resume()
