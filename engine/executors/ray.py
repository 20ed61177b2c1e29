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
from typing import Any, TypeVar

from engine.errors import EngineError, TrainingError
from engine.executors.crew import Task
from engine.executors.serving import serve
from engine.executors.workers import WorkerExecutor
from engine.store.checkpoints import Checkpoints
from engine.training.images import Images

R = TypeVar("R")

START = 120.0
"""Seconds an actor may wait for its place before its pack is given to somebody else."""

LOOK = 1.0
"""Seconds between two looks at what the cluster has."""


class Cluster:
    """A connection to Ray: one that runs (`address`), or one of this machine alone, on 127.0.0.1."""

    def __init__(self, address: str | None = None) -> None:
        """Raises TrainingError if Ray is not installed or cannot be reached."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if address is None:  # Ray reads it when it is imported, and keeps to the loopback (asked for by its name it does not)
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        try:
            self.ray: Any = import_module("ray")
            self._affinity: Any = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        except ImportError:
            raise TrainingError("--executor ray: Ray is not installed", "pip install 'ktgtui[ray]'") from None
        try:
            self.ray.init(address, include_dashboard=None if address else False, log_to_driver=False, logging_level="error")
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            told = str(error).strip().splitlines()[0]
            where = f"--address {address}: no Ray cluster answers there" if address else "--executor ray: Ray does not start here"
            raise TrainingError(f"{where} ({told})", "start one with `ray start --head` and name its --address") from None
        self._looked, self._resources = 0.0, dict[str, float]()

    def resources(self) -> dict[str, float]:
        """What the nodes that are alive have: `CPU`, `GPU`, ..."""
        if time.monotonic() - self._looked > LOOK:
            self._resources, self._looked = self.ray.cluster_resources(), time.monotonic()
        return self._resources

    def room(self, threads: int) -> int:
        """Workers that have a place: one a GPU if there are any, else one for every `threads` CPUs."""
        found = self.resources()
        return int(found.get("GPU", 0)) or int(found.get("CPU", 0) // threads)

    def need(self, threads: int) -> dict[str, float]:
        """What a worker takes."""
        return {"num_gpus": 1, "num_cpus": 1} if self.resources().get("GPU") else {"num_cpus": threads}

    def kinds(self, kind: Callable[..., str], *arguments: Any) -> dict[str, str]:
        """A node of each kind of device, by what a function says that is called on every node; empty if there is but one.

        Nodes without room for it now, like those that join later, tell theirs when a worker comes to them.
        """
        gpus = bool(self.resources().get("GPU"))
        alive = [n["NodeID"] for n in self.ray.nodes() if n["Alive"] and (not gpus or n["Resources"].get("GPU"))]
        if len(alive) < 2:
            return {}
        asked = {self._remote(kind, node).remote(*arguments): node for node in alive}
        told, silent = self.ray.wait(list(asked), num_returns=len(asked), timeout=START)
        found = dict[str, str]()
        for future in told:
            with suppress(self.ray.exceptions.RayError):  # its node is gone
                found.setdefault(self.ray.get(future), asked[future])
        for future in silent:
            self.ray.cancel(future)
        return found

    def _remote(self, function: Callable[..., Any], node: str | None) -> Any:
        where = {} if node is None else {"scheduling_strategy": self._affinity(node, soft=False)}
        return self.ray.remote(max_retries=1, **self.need(1), **where)(function)

    def call(self, function: Callable[..., R], *arguments: Any, node: str | None = None) -> R:
        """Call a function where workers will run, or on that node: a driver without a GPU cannot measure one."""
        remote = self._remote(function, node)
        try:
            answer: R = self.ray.get(remote.remote(*arguments))
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, EngineError):
                raise error.cause from None
            raise
        return answer

    def close(self) -> None:
        self.ray.shutdown()


def ray_workers(cluster: Cluster, task: Task, part: Images, count: int) -> WorkerExecutor:
    """At most `count` workers on the cluster, as many as have a place; `part` goes to the object store."""
    keeping = task.keeping and replace(task.keeping, checkpoints=Checkpoints(task.keeping.checkpoints.folder.absolute()))
    # An actor's current folder is not the driver's.
    task = replace(task, data=task.data.absolute(), teachers=task.teachers.absolute(), keeping=keeping)
    return WorkerExecutor(RayCrew(cluster, task.mode.threads, part), count, task)


END = "end"
"""An actor's last word to itself."""


class Line:
    """Two queues that behave like a worker's end of a pipe."""

    def __init__(self) -> None:
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.outbox: queue.Queue[Any] = queue.Queue()

    def send(self, said: Any, /) -> None:
        self.outbox.put(said)

    def recv(self) -> Any:
        return self.inbox.get()

    def poll(self) -> bool:
        return not self.inbox.empty()


class Seat:
    """The actor: a thread lives a worker's life, calls bring jobs and fetch what it says."""

    def __init__(self, task: Task, part: Images) -> None:
        self.line = Line()
        threading.Thread(target=self._live, args=(task, part), daemon=True).start()

    def _live(self, task: Task, part: Images) -> None:
        try:
            serve(self.line, task, lambda: part)
        finally:  # this pipe has no end, so only an error comes here: it ends the process, as that of a worker process
            self.line.send(END)

    def host(self) -> str:
        return socket.gethostname()

    def give(self, said: Any) -> None:
        self.line.inbox.put(said)

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
        self.actor.give.remote(said)

    def hear(self) -> Any:
        if self.heard:
            return self.heard.popleft()
        raise EOFError

    def ended(self) -> str:
        return self.reason or "lost"


class RayCrew:
    """Actors of a cluster."""

    def __init__(self, cluster: Cluster, threads: int, part: Images) -> None:
        """`threads` are a worker's."""
        self.cluster, self.ray, self.threads = cluster, cluster.ray, threads
        self.part = self.ray.put(part)
        self._seat = self.ray.remote(Seat)

    def room(self) -> float:
        return self.cluster.room(self.threads)

    def hire(self, place: int, task: Task) -> RayLink:
        # Calls of `give` and `take` must not wait for each other.
        seat = self._seat.options(max_concurrency=4, max_restarts=0, **self.cluster.need(self.threads))
        actor = seat.remote(task, self.part)
        return RayLink(f"worker {place}", actor, actor.host.remote())

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
