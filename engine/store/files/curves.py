"""Learning curves, in a file of their own: 3-7 KB a training that a table of thousands must not wait for.

One record a curve; an index of places is built at the first use, and a curve is read when it is asked for. A curve
written twice (a crash came between the curve and its training) counts once, the later one.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine.store.log.follower import Follower
from engine.store.log.record_format import Frame, Place
from engine.store.log.writer import Log
from engine.store.records import Curve
from engine.store.storage import encode_record

KIND = "curves"


class _Named(msgspec.Struct, frozen=True):
    id: str


_decode_name = msgspec.json.Decoder(_Named).decode
_decode_curve = msgspec.json.Decoder(Curve).decode


def _name_and_place(frame: Frame) -> tuple[str, Place]:
    return _decode_name(frame.payload).id, frame.place


class CurveFile:
    """The writer's side. Values that are not finite are kept as None (JSON has no word for them)."""

    def __init__(self, path: Path) -> None:
        """Reads the file once through (0.5 s a 100 MB). Raises StoreError if it is damaged or cannot be opened."""
        self._log = Log(path, KIND)
        try:
            self._places = dict(map(_name_and_place, self._log.replay()))
        except BaseException:
            self._log.close()
            raise

    @property
    def dropped(self) -> str | None:
        """What was cut off the file's end on opening, for a person."""
        return self._log.dropped

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._log.size

    @property
    def names(self) -> frozenset[str]:
        """Training ids that have a curve."""
        return frozenset(self._places)

    @property
    def shadowed(self) -> int:
        """Records that a later one of the same training replaces."""
        return self._log.records - len(self._places)

    def add(self, curves: Iterable[Curve]) -> None:
        """Write and fsync. Raises StoreError with none of them kept."""
        named = list(curves)
        places = self._log.append([bytes(encode_record(curve)) for curve in named])
        self._places.update(zip((curve.id for curve in named), places, strict=True))

    def get(self, names: Iterable[str]) -> dict[str, Curve]:
        """Curves of these trainings; those without one are left out."""
        return {name: _decode_curve(self._log.read(self._places[name])) for name in names if name in self._places}

    def compact(self, keep: Iterable[str]) -> None:
        """Rewrite the file with one curve a training of `keep`, in one step."""
        kept = [name for name in keep if name in self._places]
        places = self._log.replace(self._log.read(self._places[name]) for name in kept)
        self._places = dict(zip(kept, places, strict=True))

    def close(self) -> None:
        self._log.close()


class CurveFollower:
    """The reader's side: no lock, nothing written."""

    def __init__(self, path: Path) -> None:
        self._follower = Follower(path, KIND)
        self._places: dict[str, Place] = {}

    def get(self, name: str) -> Curve | None:
        """The curve of a training, None if it has none (yet). Reads what is new in the file if it is not known."""
        if name not in self._places and self._follower.path.exists():
            again, found = self._follower.poll(_name_and_place)
            if again:
                self._places.clear()
            self._places.update(found)
        place = self._places.get(name)
        return None if place is None else _decode_curve(self._follower.read(place))

    def close(self) -> None:
        self._follower.close()
