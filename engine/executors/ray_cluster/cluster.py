"""A connection to Ray, the extra `ray`: what the nodes have, and functions called on them. Loaded only if it is asked for."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeVar

from engine.errors import EngineError, TrainingError

R = TypeVar("R")

REACH = 5.0
"""Seconds a cluster's address may take to accept a connection: Ray itself tries for minutes, and talks of each try."""

START = 120.0
"""Seconds an actor may wait for its place before its pack is given to somebody else."""

LOOK = 1.0
"""Seconds between two looks at what the cluster has."""

START_ONE = "start one with `ray start --head` and name its --address"


def reach(address: str | None) -> None:
    """Raise TrainingError if nobody listens at a HOST:PORT; other ways to name a cluster are left to Ray."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH).close()
    except (OSError, OverflowError) as error:
        raise TrainingError(f"--address {address}: no Ray cluster answers there ({error})", START_ONE) from None


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
        reach(address)
        try:  # asked for none, Ray would take RAY_ADDRESS's or the last one started here: `local` is a new one
            own = not address
            self.ray.init("local" if own else address, include_dashboard=False if own else None,
                          log_to_driver=False, logging_level="error")
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            told = str(error).strip().splitlines()[0]
            where = f"--address {address}: no Ray cluster answers there" if address else "--executor ray: Ray does not start here"
            raise TrainingError(f"{where} ({told})", START_ONE) from None
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
