"""`evaluations.log`: graphs of a run trained again with fresh seeds, one record a graph and repeat.

A search never reads the test set (DESIGN.md, wall 6); an evaluation may, if it is told to. What it read is recorded
here and stays recorded: whoever opens the run folder later sees that its test set is no longer unseen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Self

import msgspec

from engine.errors import StoreError
from engine.formatting import count
from engine.store.lock.lock import RunLock
from engine.store.log.follower import Follower
from engine.store.log.record_format import Frame
from engine.store.log.writer import Log
from engine.store.records import State
from engine.store.storage import encode_record

EVALUATIONS = "evaluations.log"
KIND = "evaluations"

WEIGHTS = "weights"
"""Folder of the trained networks in a run folder."""

FRESH = 1_000_000
"""Repeat number of an evaluation's first retraining: no search counts that far, so its seeds are new to the run, and
to every other run under the same search seed."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One graph trained once more, to the protocol's last epoch."""

    key: str
    """`Graph.key`."""
    graph: str
    """Text form of the canonical graph."""
    repeat: int
    """`FRESH` + 0, 1, 2, ...: with the search seed it decides batches and initial weights."""
    seed: int
    """The search seed of the run."""
    state: State
    """Done, or diverged."""
    epochs: int
    accuracy: tuple[float | None, ...]
    """Validation accuracy (%) a node of `graph` at the last epoch; None for a node that was not trained."""
    test: tuple[float | None, ...] | None = None
    """Test accuracy (%) a node; None as long as the test set is closed to this record."""
    weights: str = ""
    """File of the trained networks, relative to the run folder; empty if they were not kept."""
    wall: float = 0.0
    """Seconds of its pack divided by the pack's graphs."""
    mode: dict = {}
    """What may have changed last bits: device, threads, layouts."""
    versions: dict[str, str] = {}
    command: str = ""
    created: str = ""
    """ISO 8601, UTC."""

    @property
    def error(self) -> float | None:
        """The target's validation error rate (%), None without a result."""
        return None if not self.state.has_result or self.accuracy[0] is None else 100.0 - self.accuracy[0]

    @property
    def number(self) -> int:
        """1, 2, 3, ... for people."""
        return self.repeat - FRESH + 1


_decode = msgspec.json.Decoder(Evaluation).decode

Latest = dict[tuple[str, int], Evaluation]
"""By (key, repeat): the last record of each."""


def read_evaluations(folder: Path) -> list[Evaluation]:
    """The evaluations of a run, repeats in order, graphs in the order of their first record; empty if there are none.

    Raises StoreError for a damaged file.
    """
    path = folder / EVALUATIONS
    if not path.exists():
        return []
    follower = Follower(path, KIND)
    try:
        _, found = follower.poll(lambda frame: _read(frame, path))
    finally:
        follower.close()
    return _ordered(found)


def unsealed(evaluations: Iterable[Evaluation]) -> str | None:
    """When the run's test set was first read (ISO 8601, UTC); None if it never was."""
    return min((e.created for e in evaluations if e.test is not None), default=None)


def remark(evaluations: Collection[Evaluation]) -> str | None:
    """One line for everybody who looks at the run later; None as long as the test set is closed."""
    if (when := unsealed(evaluations)) is None:
        return None
    graphs = len({e.key for e in evaluations if e.test is not None})
    return f"the test set was opened first on {when[:10]}, for {count(graphs, 'graph')}: it is no longer unseen"


class EvaluationFile:
    """The writer's side: holds the run folder's lock, so a run is searched or evaluated, one at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError: locked (by whom), damaged, or the disk refuses."""
        self._lock = RunLock(folder)
        try:
            self._log = Log(folder / EVALUATIONS, KIND)
            try:
                found = [_read(frame, folder / EVALUATIONS) for frame in self._log.replay()]
            except BaseException:
                self._log.close()
                raise
        except BaseException:
            self._lock.release()
            raise
        self._records = _latest(found)

    @property
    def evaluations(self) -> list[Evaluation]:
        return _ordered(self._records.values())

    def find(self, key: str, repeat: int) -> Evaluation | None:
        return self._records.get((key, repeat))

    def add(self, evaluations: Collection[Evaluation]) -> None:
        """Record; they are on the disk when this returns. A later record of the same graph and repeat replaces."""
        if evaluations:
            self._log.append([bytes(encode_record(e)) for e in evaluations])
            self._records.update(_latest(evaluations))

    def close(self) -> None:
        self._log.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _read(frame: Frame, path: Path) -> Evaluation:
    try:
        return _decode(frame.payload)
    except msgspec.MsgspecError as error:
        place = frame.place
        raise StoreError(f"{path}: record {place.number} at byte {place.offset} is no evaluation ({error})") from None


def _latest(found: Iterable[Evaluation]) -> Latest:
    return {(e.key, e.repeat): e for e in found}


def _ordered(found: Iterable[Evaluation]) -> list[Evaluation]:
    latest = _latest(found)
    graphs = {key: place for place, key in reversed([*enumerate(k for k, _ in latest)])}
    return sorted(latest.values(), key=lambda e: (graphs[e.key], e.repeat))
