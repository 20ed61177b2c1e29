"""How much better a child space would be, for many constraints at once.

A graph scores by where it lies in its parent: in the best tenth, in the better half, or neither; graphs that tie at
either end are in it by share (`engine.analysis.ties`). The *lift* of a constraint is the mean score of the rows it keeps
minus that of all rows, scaled so that 1 means "all of them in the parent's best tenth" and 0 "no better than the
parent". It rewards a tail of good graphs as well as a good middle, so a mixture with a good part is not overlooked as it
would be by AUC (paper section 3.1). It is linear in the rows: errors of any number of constraints, and their correlations,
follow from a few matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analysis.sample import DIGITS, Floats
from engine.analysis.ties import part_of_best

FIRST_LOOK = 50
"""Graphs at which a person first looks; each doubling counts as one more look."""
DRAWS = 4000
"""Draws of the largest of the correlated errors: its 99 % point rests on 40 of them."""

Matrix = npt.NDArray[np.float64]


def scores(errors: Floats) -> Floats:
    """Score of each row, shape [n]: 0, 1, or 1 / 0.9 / 2 more for the best tenth, so that lift runs up to 1."""
    return (part_of_best(errors, 0.1) / 0.9 + part_of_best(errors, 0.5) / 0.5) / 2


def looks(n: int) -> int:
    """How often the trials have been looked at, if once at 50 graphs and once at every doubling."""
    return max(1, 1 + int(np.log2(max(n, FIRST_LOOK) / FIRST_LOOK)))


@dataclass(frozen=True, eq=False)
class Lifts:
    """Lift of each of c constraints, with errors that hold for all of them and all looks at once."""

    value: Floats
    """Shape [c]."""
    error: Floats
    """Standard errors, shape [c]."""
    critical: float
    """Standard errors the interval reaches to either side (1.96 for one constraint and one look at 95 %)."""

    @property
    def low(self) -> Floats:
        return self.value - self.critical * self.error

    @property
    def high(self) -> Floats:
        return self.value + self.critical * self.error


def lifts(score: Floats, masks: Matrix, *, coverage: float, fraction: float, looked: int, seed: int = 0) -> Lifts:
    """Lifts of the columns of `masks` [n, c] (1 for kept rows), each keeping some rows and dropping some."""
    kept = masks.sum(axis=0)
    value, error = moments(len(score), score.sum(), (score**2).sum(), kept, score @ masks, score**2 @ masks)
    share = kept / len(score)
    influence = masks * (score[:, None] - (score @ masks) / kept) / share - (score - score.mean())[:, None]
    critical = _largest(influence, 1 - (1 - coverage) / looked, seed)
    # Rounded: of an exhausted space the interval has no width, and a lift of 1e-16 would be a sure one.
    return Lifts(value.round(DIGITS), error * np.sqrt(1 - fraction), critical)


def moments(
    n: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike,
    kept: Floats, kept_total: Floats, kept_squares: Floats,
) -> tuple[Floats, Floats]:
    """Lift and its standard error from sums over all rows and over kept rows (any shape that broadcasts).

    Lift = (1 - share) (mean kept - mean dropped); its variance has a part for each side's mean, and one for the share of
    rows kept, which another sample would not have to the row.
    """
    n, total, squares = np.asarray(n, float), np.asarray(total), np.asarray(squares)
    parent = np.maximum(squares / n - (total / n) ** 2, 0)
    dropped, dropped_total, dropped_squares = n - kept, total - kept_total, squares - kept_squares
    share, gap = kept / n, kept_total / kept - dropped_total / dropped
    means = variance_of_mean(kept, kept_total, kept_squares, parent)
    means = means + variance_of_mean(dropped, dropped_total, dropped_squares, parent)
    return (1 - share) * gap, np.sqrt((1 - share) ** 2 * means + share * (1 - share) * gap**2 / n)


def variance_of_mean(n: Floats, total: Floats, squares: Floats, parent: npt.ArrayLike) -> Floats:
    """Variance of the mean of n scores with these sums, whose own variance counts as the parent's at least (any shape).

    A side's own variance alone is least where its few rows are all alike, by luck: with 1 graph in 20 good, 25 % of samples of
    564 had a "surely worse" constraint, most of them because it kept 30 rows and none of the good ones. With the parent's the
    normal quantile holds down to 30 graphs without Student's t (docs/analysis.md).
    """
    own: Floats = np.maximum(squares / n - (total / n) ** 2, parent) / n
    return own


def _largest(influence: Matrix, coverage: float, seed: int) -> float:
    """The `coverage` point of the largest of |N(0, R)|, R the correlation of the influence columns."""
    norms = np.linalg.norm(influence, axis=0)
    unit = influence / np.where(norms > 0, norms, 1.0)
    values, vectors = np.linalg.eigh(unit.T @ unit)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = np.random.default_rng(seed).standard_normal((DRAWS, root.shape[1])) @ root.T
    return float(np.quantile(np.abs(drawn).max(axis=1), coverage))
