"""Packs on a Ray cluster: an actor is a worker, Ray finds it a place and tells when its node is lost.

Only the driver writes the run folder; an actor gets the data from the object store (once a node), jobs and commands by
calls, and answers as a worker process does. Everything else (retries, halves, the guilty graph) is `WorkerExecutor`'s.
Ray is the extra `ray`; nothing of it is loaded unless asked for.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from engine.executors.interface import EpochDone, Heartbeat, PackDone, PackJob, PackPaused
from engine.executors.pack_run import BEAT
from engine.executors.ray_cluster import teacher_transfer
from engine.executors.ray_cluster.cluster import START, Cluster
from engine.executors.workers.executor import WorkerExecutor
from engine.executors.workers.pool import Task
from engine.executors.workers.worker_main import serve
from engine.store.files.checkpoints import Checkpoints
from engine.training.data.images import Images

LOOK = 0.1
"""Seconds between two looks at whether teachers are there."""


def ray_workers(cluster: Cluster, task: Task, part: Images, count: int) -> WorkerExecutor:
    """At most `count` workers on the cluster, as many as have a place; `part` goes to the object store."""
    keeping = task.keeping and replace(task.keeping, checkpoints=Checkpoints(task.keeping.checkpoints.folder.absolute()))
    # An actor's current folder is not the driver's.
    task = replace(task, data=task.data.absolute(), teachers=task.teachers.absolute(), keeping=keeping)
    return WorkerExecutor(RayCrew(cluster, task, part), count, task)


END = "end"
"""An actor's last word to itself."""


class Line:
    """Two queues that behave like a worker's end of a pipe; a job waits for the teachers that come from elsewhere."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.inbox: queue.Queue[tuple[Any, Any]] = queue.Queue()
        self.outbox: queue.Queue[Any] = queue.Queue()
        self.repeat = -1
        """Of the job in hand."""
        self.taught = set[int]()
        """Repeats that packs were trained of, so whose teachers are as they will ever be."""

    def send(self, said: Any, /) -> None:
        if isinstance(said, EpochDone | PackDone | PackPaused):
            self.taught.add(self.repeat)
        self.outbox.put(said)

    def recv(self) -> Any:
        said, teachers = self.inbox.get()
        if isinstance(said, PackJob):
            self.repeat = said.repeat
            if teachers is not None:
                self._fetch(teachers)
        return said

    def _fetch(self, teachers: Any) -> None:
        """Wait for the files and keep them. If they get lost with their node they are trained here, as everything else."""
        ray = import_module("ray")
        while not ray.wait([teachers], timeout=BEAT)[0]:
            self.send(Heartbeat(0))
        with suppress(ray.exceptions.RayError):
            teacher_transfer.put(self.task, ray.get(teachers))

    def poll(self) -> bool:
        return not self.inbox.empty()


class Seat:
    """The actor: a thread lives a worker's life, calls bring jobs and fetch what it says."""

    def __init__(self, task: Task, part: Images) -> None:
        self.task, self.line = task, Line(task)
        threading.Thread(target=self._live, args=(task, part), daemon=True).start()

    def _live(self, task: Task, part: Images) -> None:
        try:
            serve(self.line, task, lambda: part)
        finally:  # this pipe has no end, so only an error comes here: it ends the process, as that of a worker process
            self.line.send(END)

    def host(self) -> str:
        return socket.gethostname()

    def give(self, said: Any, teachers: Sequence[Any] = ()) -> None:
        """`teachers` is empty or holds the future of their files: as a part of something Ray does not wait for it."""
        self.line.inbox.put((said, next(iter(teachers), None)))

    def teachers(self, repeat: int) -> dict[str, bytes]:
        """The files of the pre-trained networks of a repeat: waits until a job in hand has trained them."""
        while repeat not in self.line.taught and not teacher_transfer.are_there(self.task, repeat):
            time.sleep(LOOK)
        return teacher_transfer.blobs(self.task, repeat)

    def take(self) -> list[Any]:
        """Everything said since the last call, at least one message: waits for it."""
        said = [self.line.outbox.get()]
        while said[-1] != END and not self.line.outbox.empty():
            said.append(self.line.outbox.get())
        if said == [END]:
            os._exit(1)
        if said[-1] == END:  # what was said before it is heard first: it tells why
            self.line.send(said.pop())
        return said


@dataclass(eq=False, slots=True)
class RayLink:
    name: str
    actor: Any
    ready: Any
    """Future of the actor's first answer: it has a place."""
    teachers: Callable[[RayLink, PackJob], Sequence[Any]]
    """What goes with a job."""
    started: float = field(default_factory=time.monotonic)
    taking: Any = None
    heard: deque[Any] = field(default_factory=deque)
    has_place: bool = False
    is_alive: bool = True
    reason: str = ""

    @property
    def tells(self) -> bool:
        return bool(self.heard) or not self.is_alive

    def send(self, said: Any) -> None:
        if isinstance(said, PackJob):
            self.actor.give.remote(said, self.teachers(self, said))
        else:
            self.actor.give.remote(said)

    def hear(self) -> Any:
        if self.heard:
            return self.heard.popleft()
        raise EOFError

    def ended(self) -> str:
        return self.reason or "lost"


class RayCrew:
    """Actors of a cluster."""

    def __init__(self, cluster: Cluster, task: Task, part: Images) -> None:
        self.cluster, self.ray, self.task, self.threads = cluster, cluster.ray, task, task.mode.threads
        self._teachers: dict[int, tuple[RayLink | None, Any]] = {}
        """By repeat: who has their files (None: this process) and the future of them."""
        self.part = self.ray.put(part)
        self._seat = self.ray.remote(Seat)

    def room(self) -> float:
        return self.cluster.room(self.threads)

    def hire(self, place: int, task: Task) -> RayLink:
        # Calls of `give` and `take` must not wait for each other.
        seat = self._seat.options(max_concurrency=4, max_restarts=0, **self.cluster.need(self.threads))
        actor = seat.remote(task, self.part)
        return RayLink(f"worker {place}", actor, actor.host.remote(), self._with)

    def _with(self, link: RayLink, job: PackJob) -> Sequence[Any]:
        """The future of the teachers that a job needs: from this process, or from the first worker that gets such a job."""
        if not self.task.shape.teachers:
            return ()
        owner, found = self._teachers.get(job.repeat, (None, None))
        if found is None and teacher_transfer.are_there(self.task, job.repeat):
            found = self.ray.put(teacher_transfer.blobs(self.task, job.repeat))
        elif found is None or (owner is not None and not owner.is_alive):
            owner, found = link, link.actor.teachers.remote(job.repeat)
        self._teachers[job.repeat] = owner, found
        return () if owner is link else (found,)

    def wait(self, links: Sequence[RayLink], timeout: float) -> list[RayLink]:
        if not links:
            time.sleep(timeout)
            return []
        if telling := [link for link in links if link.tells]:
            return telling
        for link in links:
            link.taking = link.taking or link.actor.take.remote()
        of = {link.taking if link.has_place else link.ready: link for link in links}
        done, _ = self.ray.wait(list(of), num_returns=1, timeout=timeout)
        for future in done:
            self._fetch(of[future], future)
        for link in links:
            if not link.has_place and link.is_alive and time.monotonic() - link.started > START:
                link.is_alive, link.reason = False, f"no place on the cluster for {START:.0f} s"
        return [link for link in links if link.tells]

    def _fetch(self, link: RayLink, future: Any) -> None:
        try:
            said = self.ray.get(future)
        except self.ray.exceptions.RayError as error:  # it had a place and lost it, or could not live there
            link.is_alive, link.has_place, link.reason = False, True, str(error).strip().splitlines()[0][:200]
            return
        if link.has_place:
            link.heard.extend(said)
            link.taking = None
        else:
            link.has_place, link.name = True, f"{link.name} on {said}"

    def dismiss(self, links: Sequence[RayLink]) -> None:
        for link in links:
            with suppress(self.ray.exceptions.RayError):  # it never came to live, or its node is gone
                self.ray.kill(link.actor)
            link.is_alive = False

    def close(self) -> None:
        self.part = None
        self._teachers.clear()
