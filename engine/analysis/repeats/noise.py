"""What part of an EDF is noise: the same graphs trained again, against the spread between graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.sample import Floats, Sample
from engine.errors import AnalysisError


@dataclass(frozen=True, slots=True)
class Noise:
    """One-way analysis of variance of the errors (%) by graph, over its repeats."""

    replicate: float
    """Standard deviation (%) of one graph's error between repeats."""
    graphs: float
    """Standard deviation (%) of the graphs' true errors."""
    n: int
    """Graphs with at least two repeats."""
    repeats: float
    """Mean repeats of those."""

    @property
    def share(self) -> float:
        """Part of the variance of a single-run EDF that is noise."""
        total = self.replicate**2 + self.graphs**2
        return self.replicate**2 / total if total else 0.0


def noise(sample: Sample) -> Noise:
    """Split the variance. Raises AnalysisError unless two graphs have two repeats each."""
    found = between_repeats(sample.errors, [t.key for t in sample.trials])
    if found is None:
        raise AnalysisError(f"{sample.name}: noise needs two graphs trained at least twice", "search with --repeats")
    return found


def between_repeats(errors: Floats, keys: Sequence[str]) -> Noise | None:
    """The same of errors (%) [n] and the keys of their graphs; None unless two graphs have two repeats each."""
    codes = np.unique(keys, return_inverse=True)[1]
    number = np.bincount(codes)
    rows = number[codes] > 1
    if (number > 1).sum() < 2:
        return None
    codes = np.unique(codes[rows], return_inverse=True)[1]
    errors, number = errors[rows], np.bincount(codes)
    means = np.bincount(codes, errors) / number
    k, total = len(number), len(errors)
    within = float(((errors - means[codes]) ** 2).sum() / (total - k))
    between = float((number * (means - errors.mean()) ** 2).sum() / (k - 1))
    size = (total - (number**2).sum() / total) / (k - 1)
    return Noise(float(np.sqrt(within)), float(np.sqrt(max(0.0, (between - within) / size))), k, float(number.mean()))
