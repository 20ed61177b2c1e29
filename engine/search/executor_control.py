"""Between the loop and its executor: what people want of a search is acted on between two events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine.control.server import Desk, End
from engine.executors.interface import Checkpointed, Executor, ExecutorEvent, Heartbeat, PackDone, PackJob, PackPaused

Hire = Callable[[int], Executor]
"""An executor of so many workers."""


KEEPING = 10.0
"""Seconds that running packs have for keeping themselves when the process is about to be killed."""


@dataclass
class Gate:
    """A search's jobs, as long as more are wanted: an executor that gets none ends when its packs are done."""

    jobs: Iterator[PackJob | None]
    shut: bool = False
    empty: bool = False
    """True once there are no more."""
    running: set[int] = field(default_factory=set)
    """Packs begun and not ended."""

    def __iter__(self) -> Iterator[PackJob | None]:
        return self

    def __next__(self) -> PackJob | None:
        if self.shut:
            raise StopIteration
        try:
            job = next(self.jobs)
        except StopIteration:
            self.empty = True
            raise
        if job is not None:
            self.running.add(job.number)
        return job


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
    _unkept: set[int] | None = field(default=None, init=False)
    """Running packs that have not kept themselves yet; None while nobody wants them to."""

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        """The executor's events; fewer if running packs are to be the last. Raises Stopped if not even those are waited for."""
        gate = Gate(iter(jobs))
        while not gate.empty:
            gate.shut = False
            self._follow(gate)
            for event in self.executor.run(gate):
                yield event
                self._note(gate, event)
                self.desk.standing = self.desk.paused and isinstance(event, Heartbeat) and not event.busy
                self._follow(gate)
            if self.desk.end:
                return
            self._exchange()

    def _follow(self, gate: Gate) -> None:
        """Bring the executor in line with what is wished."""
        desk = self.desk
        if desk.end is End.NOW or (desk.end is End.KEEP and self._is_kept(gate)):
            raise desk.stopped()
        if desk.paused != (self._since is not None):
            self._stand() if desk.paused else self._go_on()
        exchange = desk.workers not in {None, self.workers} and not self._resized(desk.workers)
        gate.shut = exchange or desk.end in {End.FINISH, End.KEEP}

    def _note(self, gate: Gate, event: ExecutorEvent) -> None:
        if isinstance(event, PackDone | PackPaused):
            gate.running.discard(event.pack)
        if isinstance(event, PackDone | PackPaused | Checkpointed) and self._unkept:
            self._unkept.discard(event.pack)

    def _is_kept(self, gate: Gate) -> bool:
        """Are all running packs on the disk, or is it too late for that?"""
        if self._unkept is None:
            self._unkept = set(gate.running)
            self.executor.checkpoint_now()
        assert self.desk.wished is not None
        return not self._unkept or time.monotonic() - self.desk.wished > KEEPING

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
