"""Constraints worth asking about: for every condition its values and pairs of values, each with the rows it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.analysis.conditions import FIVE, Condition, members_of, split
from engine.analysis.sample import Mask, Sample


@dataclass(frozen=True, eq=False)
class Candidate:
    """A constraint and the rows of the sample that satisfy it."""

    condition: Condition
    phrase: str
    mask: Mask
    """Shape [n]."""

    @property
    def n(self) -> int:
        return int(self.mask.sum())


def candidates(sample: Sample, conditions: tuple[Condition, ...] = FIVE) -> tuple[Candidate, ...]:
    """Every constraint of the conditions that keeps some rows and drops some, in a fixed order.

    Of a condition over several nodes: `L[y,aux] = through` (each of them), `L[y,aux] in {through, linear}` (each
    chooses), and mixed values such as `L[y,2] = through and L[y,3] = linear`.
    """
    found = (c for condition in conditions for c in _of(sample, condition))
    return tuple(c for c in found if 0 < c.n < len(sample))


def _of(sample: Sample, condition: Condition) -> Iterator[Candidate]:
    parted = split(sample, condition)
    if condition.name == "pretrained":
        yield from (Candidate(condition, str(v.phrase), parted.mask(i)) for i, v in enumerate(parted.values))
        return
    codes, known, _ = members_of(sample, condition)
    multisets = [v.label.split(" + ") for v in parted.values]
    names = tuple(dict.fromkeys(name for multiset in multisets for name in multiset))
    for size in (1, 2):
        for chosen in combinations(names, size):
            text = f"= {chosen[0]}" if size == 1 else f"in {{{', '.join(chosen)}}}"
            mask = np.isin(codes, [known.index(name) for name in chosen])
            yield Candidate(condition, f"{condition.variable} {text}", np.all(mask, axis=1))
    for i, multiset in enumerate(multisets):
        if len(set(multiset)) > 1:
            yield Candidate(condition, str(parted.values[i].phrase), parted.mask(i))
