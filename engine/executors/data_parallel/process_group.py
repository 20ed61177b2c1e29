"""The processes of a data-parallel group: who this process is, and starting the others. No torch here.

`--processes N` makes the search process 0 and starts N - 1 others; `accelerate launch`, `torchrun` and `mpirun` start all of them
with the same command, of which process 0 searches and the others follow. Process 0 alone writes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

from engine.errors import TrainingError

PATIENCE = 10.0
"""Seconds the others have to end after the search, before they are killed."""


VARIABLES = (
    ("RANK", "WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
)  # fmt: skip
"""How launchers tell a process its place: torchrun and `accelerate launch` on GPUs, then the kinds of mpirun (as Accelerate)."""


def launched() -> tuple[int, int] | None:
    """(rank, size) in a group of more than one process that a launcher has started; None otherwise."""
    for names in VARIABLES:
        rank, size = (os.environ.get(name, "") for name in names)
        if rank.isdecimal() and size.isdecimal() and int(size) > 1:
            return int(rank), int(size)
    return None


def size_of(processes: int | None) -> int | None:
    """Processes of the group: as asked for, or as launched. Raises TrainingError if the two differ."""
    found = launched()
    if found is None:
        return processes
    if processes not in (None, found[1]):
        raise TrainingError(f"--processes {processes}, but the launcher has started {found[1]}", "leave --processes out")
    return found[1]


class Others:
    """The processes beside process 0; `started` are those that no launcher has."""

    told = False
    """Have they been told to end?"""

    def __init__(self, count: int) -> None:
        """Make this process number 0 of `count`, unless a launcher has done so."""
        self.started: list[subprocess.Popen[bytes]] = []
        self._before: dict[str, str | None] = {}
        if launched() is not None:
            return
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count),
                 "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}  # said, so that Accelerate does not warn of it
        for rank in range(1, count):
            own = {**os.environ, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            command = [sys.executable, "-m", "engine.executors.data_parallel.member"]
            self.started.append(subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
        own = {**group, "RANK": "0", "LOCAL_RANK": "0"}
        self._before = {name: os.environ.get(name) for name in own}
        os.environ.update(own)

    def end(self) -> None:
        """Wait for them if they were told to end; else end them now. The environment is as it was before."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for process in self.started:
            if not self.told:
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            if process.poll() is None:
                process.kill()
