"""Checkpoints of unfinished trainings as files, one a graph and epoch, each under its checksum; what is in them is training's.

    RUN/checkpoints/KEY.REPEAT.EPOCH    a line `ktgtui checkpoint 1 BLAKE2B`, then a blob

A checkpoint saves time and nothing else: one that is missing or damaged is trained again, to the same numbers. It goes
when its training is recorded.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.errors import StoreError
from engine.store.log.durable import disk, replace_file

CHECKPOINTS = "checkpoints"

_MAGIC = b"ktgtui checkpoint 1 "


class _File(NamedTuple):
    path: Path
    id: str
    epoch: int


class Checkpoints:
    """The checkpoints of a run folder; `folder` need not be there. An id is a `Training.id`, an epoch counts those done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def epochs(self) -> dict[str, list[int]]:
        """Epochs of which there are checkpoints, ascending, an id."""
        found: dict[str, list[int]] = defaultdict(list)
        for file in self._files():
            found[file.id].append(file.epoch)
        return {id: sorted(epochs) for id, epochs in found.items()}

    def write(self, blobs: Mapping[str, bytes], epoch: int) -> None:
        """Keep graphs' states after `epoch` epochs, each in one durable step; older ones go when all of them are there.

        Raises StoreError if the disk refuses.
        """
        with disk("write", self.folder):
            self.folder.mkdir(exist_ok=True)
            for id, blob in blobs.items():
                replace_file(self._path(id, epoch), _MAGIC + _digest(blob) + b"\n" + blob)
            for file in self._files():
                if file.id in blobs and file.epoch < epoch:
                    file.path.unlink(missing_ok=True)

    def read(self, id: str, epoch: int) -> bytes:
        """A graph's state. Raises StoreError if it is not there or damaged."""
        path = self._path(id, epoch)
        with disk("read", path):
            head, _, blob = path.read_bytes().partition(b"\n")
        if head != _MAGIC + _digest(blob):
            raise StoreError(f"{path}: does not match its checksum", "delete it: it is trained again")
        return blob

    def remove(self, ids: Collection[str]) -> None:
        """Drop the checkpoints of trainings that are recorded. A file that cannot be removed stays: it harms nobody."""
        for file in self._files():
            if file.id in ids:
                with suppress(OSError):
                    file.path.unlink(missing_ok=True)

    def sweep(self, recorded: Collection[str]) -> None:
        """Drop what a search that was killed left: checkpoints of recorded trainings, and files cut off in their writing."""
        self.remove(recorded)
        for path in self.strange():
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def strange(self) -> list[Path]:
        """Files that are no checkpoints by their name: what was cut off in its writing."""
        return sorted(set(self._paths()) - {file.path for file in self._files()})

    def damaged(self) -> list[Path]:
        """Checkpoints that do not match their checksum; a running search may drop some meanwhile, those are none."""
        faulty = []
        for file in self._files():
            try:
                self.read(file.id, file.epoch)
            except StoreError:
                if file.path.exists():
                    faulty.append(file.path)
        return sorted(faulty)

    def _path(self, id: str, epoch: int) -> Path:
        return self.folder / f"{id}.{epoch}"

    def _files(self) -> Iterator[_File]:
        for path in self._paths():
            id, _, epoch = path.name.rpartition(".")
            if id and epoch.isdecimal():
                yield _File(path, id, int(epoch))

    def _paths(self) -> list[Path]:
        try:
            return list(self.folder.iterdir())
        except FileNotFoundError:
            return []


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where and how often running packs are kept."""

    checkpoints: Checkpoints
    every: float = 300.0
    """Seconds between checkpoints of a pack, made when an epoch ends (0: after every epoch)."""

    @property
    def is_here(self) -> bool:
        """Does this machine see the run folder? A worker of a cluster may not; then its packs are not kept."""
        return self.checkpoints.folder.parent.is_dir()


def _digest(blob: bytes) -> bytes:
    return hashlib.blake2b(blob, digest_size=32).hexdigest().encode()
