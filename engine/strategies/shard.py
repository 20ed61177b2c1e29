"""A part of a search as a search of its own: for a queue of jobs that know nothing of each other.

`python -m engine.store merge` makes one run of the parts' run folders.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from engine.errors import SpaceError
from engine.space.graph import Graph
from engine.strategies.fixed import Fixed
from engine.strategies.interface import Defaults, Draw


class Shard(Defaults):
    """Part `part` (from 1) of `of` parts of a strategy whose draws are known beforehand; trials keep their numbers.

    Graphs that train alike (one effective form) go to one part, so that no two parts train the same; the forms are dealt
    out in the order of their first draw. What needs no training is dealt out likewise.
    """

    def __init__(self, whole: Fixed, part: int, of: int) -> None:
        """Raises SpaceError if there is no such part, or nothing in it."""
        if not 1 <= part <= of:
            raise SpaceError(f"--shard {part}/{of}: must be 1/{of} to {of}/{of}" if of > 0 else f"--shard {part}/{of}: "
                             "needs one part or more", "for example --shard 1/4")  # fmt: skip
        self.whole, self.part, self.of = whole, part, of
        self.repeats, self.inherited = whole.repeats, whole.inherited
        self._ours = list(self._dealt())
        if not self._ours:
            raise SpaceError(f"--shard {part}/{of}: no graph is left for it", f"there are fewer than {of} graphs to train")
        self.total = len(self._ours)
        self._draws = self.preview()

    def _dealt(self) -> Iterator[Draw]:
        forms: dict[Graph | None, int] = {}
        for draw in self.whole.preview():
            form = draw.graph.effective().graph
            if form is None or not form.is_taught:
                form = draw.graph
            if forms.setdefault(form, len(forms)) % self.of == self.part - 1:
                yield draw

    def preview(self) -> Iterator[Draw]:
        return iter(self._ours)

    def settings(self) -> dict[str, Any]:
        return self.whole.settings() | {"shard": {"part": self.part, "of": self.of, "draws": self.whole.total}}

    def ask(self, most: int) -> list[Draw]:
        return list(islice(self._draws, most))


def read(text: str) -> tuple[int, int]:
    """`2/4` as (2, 4). Raises SpaceError for anything else."""
    part, slash, of = text.partition("/")
    if not slash or not part.isdecimal() or not of.isdecimal():
        raise SpaceError(f"--shard {text}: must read PART/OF", "for example --shard 1/4")
    return int(part), int(of)
