"""`host.jsonl`: how the machine fared while a search ran, one JSON object a line, every `EVERY` seconds; rotated."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.store.files.journal import Journal

READINGS = "host.jsonl"

EVERY = 15.0
"""Seconds between readings: 1.5 MB a day."""


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU."""

    name: str
    use: float
    """Percent of the last moments in which it computed."""
    used: int
    """Bytes of its memory in use, by anybody."""
    memory: int
    """Bytes of memory it has."""
    temperature: float
    """Degrees Celsius."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A machine at a moment."""

    time: str
    """ISO 8601, UTC."""
    cpu: float
    """Percent of all cores busy since the reading before."""
    load: float
    """Processes that wanted to run, averaged over a minute."""
    used: int
    """Bytes of memory in use, by anybody."""
    memory: int
    """Bytes of memory there are."""
    search: int
    """Bytes of memory the search and its workers take."""
    free: int
    """Bytes free on the run folder's disk."""
    gpus: tuple[Gpu, ...] = ()


class ReadingFile(Journal):
    """Appends readings to a run folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, name=READINGS)

    def add(self, reading: Reading) -> None:
        self.append(reading)


def read_readings(folder: Path, last: int = 240) -> list[Reading]:
    """The newest readings (240 are an hour), oldest first; none if there are none that can be read."""
    with suppress(OSError), (folder / READINGS).open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - last * 2000))  # a line with eight GPUs has 1.2 KB
        found = []
        for line in file.read().split(b"\n"):
            with suppress(msgspec.MsgspecError):
                found.append(msgspec.json.decode(line, type=Reading))
        return found[-last:]
    return []
