"""The machine a search runs on: read every now and then into its run folder, and warned of while there is time."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from engine.control.server import Desk
from engine.formatting import data_size
from engine.store.files.host_readings import EVERY, Gpu, Reading, ReadingFile
from engine.store.folder import CURVES, INFO, TRIALS

ROOM = 1.2
"""The space wanted is that of the trials left times this: status and log files, and trials larger than the mean."""

SPARE = 16 << 20
"""Bytes wanted besides: less than this and any other program fills the disk."""


@dataclass
class Host:
    """Looks at the machine whenever `look` is called and it is time; for one thread."""

    folder: Path
    desk: Desk
    clock: Callable[[], float] = time.monotonic
    _next: float = 0.0
    _file: ReadingFile | None = None
    _gpus: Callable[[], tuple[Gpu, ...]] | None = None
    _process: psutil.Process = field(default_factory=psutil.Process)

    def look(self) -> None:
        """Take a reading and look at the disk, every `EVERY` seconds from when there is a run on."""
        if self.clock() < self._next or not (self.folder / INFO).exists():
            return
        self._next = self.clock() + EVERY
        self._file = self._file or ReadingFile(self.folder)
        self._gpus = self._gpus or gpu_reader()
        with suppress(OSError, psutil.Error):
            self._file.add(self.read())
            self.desk.warning = low_space(self.folder, self.desk.status.done, self.desk.status.total) or ""

    def read(self) -> Reading:
        """The machine now. Raises OSError, psutil.Error."""
        memory = psutil.virtual_memory()
        return Reading(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            cpu=psutil.cpu_percent(),
            load=round(os.getloadavg()[0], 2),
            used=memory.total - memory.available,
            memory=memory.total,
            search=self._search(),
            free=shutil.disk_usage(self.folder).free,
            gpus=self._gpus() if self._gpus else (),
        )

    def _search(self) -> int:
        total = 0
        for process in (self._process, *self._process.children(recursive=True)):
            with suppress(psutil.Error):  # it has just ended
                total += process.memory_info().rss
        return total


def low_space(folder: Path, done: int, total: int | None) -> str | None:
    """A warning if the trials left, each as large as those recorded, may not fit on the disk. Raises OSError."""
    if not done or total is None:
        return None
    size = sum((folder / name).stat().st_size for name in (TRIALS, CURVES) if (folder / name).exists())
    wanted = SPARE + int(ROOM * size / done * (total - done))
    free = shutil.disk_usage(folder).free
    if free >= wanted:
        return None
    return f"the disk may fill up: {data_size(free)} free, {total - done:,} trials left want {data_size(wanted)}"


def gpu_reader() -> Callable[[], tuple[Gpu, ...]]:
    """Reads NVIDIA's GPUs through nvidia-ml-py; nothing where there is none, or no such package (extra `gpu`)."""
    try:
        import pynvml
    except ImportError:
        return tuple
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return tuple

    def read() -> tuple[Gpu, ...]:
        found = []
        for handle in handles:
            with suppress(pynvml.NVMLError):  # one that has fallen off the bus must not hide the others
                found.append(_gpu(pynvml, handle))
        return tuple(found)

    return read


def _gpu(nvml: Any, handle: Any) -> Gpu:
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        name=str(nvml.nvmlDeviceGetName(handle)),
        use=float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
        used=int(memory.used),
        memory=int(memory.total),
        temperature=float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
    )
