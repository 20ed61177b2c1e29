"""Equal errors: how a statistic counts graphs that tie, so that no order of trials decides anything.

A validation error is k wrong of n images, so graphs tie; an exhaustive run lists its graphs in canonical order, where the
first of several equal graphs is the one with certain gates. What looks at "the best 5 %" therefore counts the graphs tied
at the cut by share, and a rank is the mean of the places it ties for: each is the mean over all orders of the tied graphs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from engine.analysis.sample import DIGITS, Floats, Sample
from engine.errors import AnalysisError

BY_LOT = "drawn by lot from the search seed and the key"
"""What settles which of several equal graphs comes first (`places`), in words."""


def part_of_best(errors: Floats, share: float) -> Floats:
    """How much of each row lies in the best `share` of all: 1 below the cut, 0 above, of those tied at it an equal part.

    Shape [n]; sums to `cut(errors, share).n`.
    """
    found = cut(errors, share)
    below: Floats = (errors < found.error).astype(np.float64)
    return np.where(errors == found.error, found.taken / found.tied, below)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the best share of a sample ends."""

    n: int
    """Graphs in it: the share, rounded up, at least one."""
    error: float
    """Error rate (%) of the last of them."""
    tied: int
    """Graphs of the sample with that error."""
    taken: int
    """How many of those belong to the share; which, nothing says."""

    @property
    def is_shared(self) -> bool:
        """True if graphs within and beyond the share have the same error."""
        return self.taken < self.tied

    def words(self) -> str:
        """`15 of the best 26 are among 39 equal results of 3.57 %: each counts 15/39`."""
        return (f"{self.taken} of the best {self.n} are among {self.tied} equal results of {self.error:.2f} %: each counts "
                f"{self.taken}/{self.tied}")


def cut(errors: Floats, share: float) -> Cut:
    """The end of the best `share` of at least one error (%)."""
    n = max(1, int(np.ceil(share * len(errors) - 1e-9)))
    error = float(np.partition(errors, n - 1)[n - 1])
    return Cut(n, error, int((errors == error).sum()), n - int((errors < error).sum()))


def mid_ranks(errors: Floats) -> Floats:
    """Places from 1 on, equal errors all at the mean of their places, shape [n]."""
    _, place, number = np.unique(errors, return_inverse=True, return_counts=True)
    mean: Floats = number.cumsum() - (number - 1) / 2
    return mean[place]


def require_spread(sample: Sample, what: str) -> None:
    """Raises AnalysisError if all errors are equal: then no choice can be told from another."""
    if (sample.errors == sample.errors[0]).all():
        graphs = len({t.key for t in sample.trials})
        passes = f" in each of {sample.passes} passes" if sample.passes > 1 else ""
        said = f"all {graphs} graphs end at {sample.errors[0]:.2f} % error{passes}"
        raise AnalysisError(f"{sample.name}: {said}, so there is no {what}",
                            "choose on more validation images, or train less long, so that graphs differ")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a graph stands among others."""

    first: int
    """1 for the best; the first of the places it ties for."""
    tied: int
    """Graphs with this error, itself among them."""

    def __str__(self) -> str:
        """`7`, or `1-150` where 150 graphs tie."""
        return str(self.first) if self.tied == 1 else f"{self.first}-{self.first + self.tied - 1}"


def places(errors: Mapping[str, float], seed: int, retrained: Mapping[str, float] | None = None) -> dict[str, Place]:
    """Keys of graphs by error (%), best first, each with its place.

    Graphs that tie stand in an order that their gates cannot decide: those that were trained again first, by the mean
    error (%) of that (`retrained`); the others by a lot drawn from the search seed and the key.
    """
    again = retrained or {}
    rounded = {key: round(error, DIGITS) for key, error in errors.items()}

    def by_error(key: str) -> tuple[float, float, bytes]:
        return rounded[key], again.get(key, np.inf), blake2b(f"{seed} {key}".encode(), digest_size=8).digest()

    number = Counter(rounded.values())
    before, shared = 0, {}
    for error in sorted(number):
        shared[error] = Place(before + 1, number[error])
        before += number[error]
    return {key: shared[rounded[key]] for key in sorted(rounded, key=by_error)}
