"""Workers as the executor sees them: somebody to send jobs to, to hear from, and to end.

A crew decides what a worker is: a process of this machine here, an actor of a Ray cluster in
`engine.executors.ray_cluster`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol, TypeVar

from engine.packing.packs import PackShape
from engine.space import protocol as space_protocol
from engine.store.files.checkpoints import Keeping
from engine.training.calibration.mode import Mode

PATIENCE = 5.0
"""Seconds a worker whose pipe has ended has to end."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker needs to know once; every field can be pickled."""

    protocol: space_protocol.Protocol
    data: Path
    shape: PackShape
    mode: Mode
    seed: int
    teachers: Path
    keeping: Keeping | None = None
    """Where running packs are kept; None: nowhere."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """The largest pack of each kind of device that is known."""
    sample: tuple[str, ...] = ()
    """Effective graphs on which a worker measures what size suits a device of another kind; empty: it takes what it gets."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker's first word: what its device is, and the largest pack it takes."""

    kind: str
    most: int


class Pipe(Protocol):
    """A worker's end of the line to its executor."""

    def send(self, said: Any, /) -> None:
        """Raises BrokenPipeError when nobody listens any more."""

    def recv(self) -> Any:
        """The next message, waited for. Raises EOFError when there will be none."""

    def poll(self) -> bool:
        """Is there a message?"""


class Link(Protocol):
    """The executor's end of the line to one worker."""

    name: str

    def send(self, said: Any) -> None:
        """Hand it a job or a command. Raises BrokenPipeError if it is dead."""

    def hear(self) -> Any:
        """The message that `Crew.wait` told of. Raises EOFError at its death."""

    @property
    def is_alive(self) -> bool: ...

    @property
    def has_place(self) -> bool:
        """False for one that never came to live: what it was given costs nobody a try."""

    def ended(self) -> str:
        """How a dead one ended, in words."""


L = TypeVar("L", bound=Link)


class Crew(Protocol[L]):
    """How workers come and go."""

    def room(self) -> float:
        """Workers there is a place for."""

    def hire(self, place: int, task: Task) -> L:
        """A new worker at a place (from 0), which decides the GPU it gets where places have one."""

    def wait(self, links: Sequence[L], timeout: float) -> Sequence[L]:
        """Those that have something to say, or are dead; none after `timeout` seconds."""

    def dismiss(self, links: Sequence[L]) -> None:
        """End these workers, also one that does not listen."""

    def close(self) -> None:
        """Let go of whatever the crew holds besides its workers."""


@dataclass(eq=False, slots=True)
class ProcessLink:
    name: str
    process: BaseProcess
    pipe: Connection

    def send(self, said: Any) -> None:
        self.pipe.send(said)

    def hear(self) -> Any:
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join(PATIENCE)  # a pipe ends a little before its process: nobody must hire it meanwhile
            raise EOFError from None

    @property
    def is_alive(self) -> bool:
        return self.process.is_alive()

    @property
    def has_place(self) -> bool:
        return True

    def ended(self) -> str:
        self.process.join(PATIENCE)
        code = self.process.exitcode
        return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"


class ProcessCrew:
    """Processes of this machine, running `work(pipe, task, name, gpu)`."""

    def __init__(self, work: Callable[[Pipe, Task, str, str | None], None], gpus: int = 0) -> None:
        """`gpus` > 0 gives the worker at place i the GPU i modulo `gpus`, set before it loads torch."""
        self.work, self.gpus = work, gpus
        self._context = get_context("spawn")  # fork would inherit the run's lock and torch's threads

    def room(self) -> float:
        return inf

    def hire(self, place: int, task: Task) -> ProcessLink:
        ours, theirs = self._context.Pipe()
        gpu = str(place % self.gpus) if self.gpus else None
        name = f"worker {place}"
        process = self._context.Process(target=self.work, args=(theirs, task, name, gpu), daemon=True)
        process.start()
        theirs.close()
        return ProcessLink(name, process, ours)

    def wait(self, links: Sequence[ProcessLink], timeout: float) -> list[ProcessLink]:
        ready = wait([link.pipe for link in links], timeout)
        return [link for link in links if link.pipe in ready]

    def dismiss(self, links: Sequence[ProcessLink]) -> None:
        """At once: they write nothing, and one that somebody has stopped (SIGSTOP) would never see a polite signal."""
        for link in links:
            link.process.kill()
        for link in links:
            link.process.join()
            link.pipe.close()

    def close(self) -> None:
        """Processes leave nothing behind."""
