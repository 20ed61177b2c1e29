"""Does a constraint help everywhere? Its effect within each level of the other conditions.

Gates interact by construction: a gate into a node that cannot reach the target does nothing. Choosing marginal winners
one at a time can therefore go wrong; here a constraint is flagged when, within some level of another condition, the
rows it keeps are surely worse than those it drops (or better, for one that is worse overall).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.advice.candidates import Candidate
from engine.analysis.advice.lift import Matrix, variance_of_mean
from engine.analysis.conditions import FIVE, split
from engine.analysis.sample import Floats, Sample

LEAST = 10
"""Rows on either side within a level, below which it is not looked at."""
SURE = 3.2
"""Standard errors of a reversal: 5 % in all over some 35 levels of a candidate."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A level of another condition in which the order turns round."""

    condition: str
    level: str
    effect: float
    """Mean score kept minus dropped within the level."""
    kept: int
    dropped: int

    def __str__(self) -> str:
        return f"the order turns round where {self.condition} is {self.level} (n = {self.kept} + {self.dropped})"


def interactions(
    sample: Sample, chosen: Sequence[Candidate], score: Floats, masks: Matrix, overall: Floats
) -> list[Interaction | None]:
    """For each candidate (column of `masks` [n, c]) the surest reversal of its `overall` effect, or None."""
    names, levels, owners = _levels(sample)
    kept, dropped = masks.T @ levels, (1 - masks).T @ levels
    effect, error = _effects(score, masks, levels, kept, dropped)
    own = np.array([[owner == c.condition.name for owner in owners] for c in chosen])
    usable = (np.minimum(kept, dropped) >= LEAST) & ~own
    turned = np.where(usable, -np.sign(overall)[:, None] * effect / error, -np.inf)
    worst = turned.argmax(axis=1)
    return [
        Interaction(names[w][0], names[w][1], float(effect[c, w]), int(kept[c, w]), int(dropped[c, w]))
        if turned[c, w] > SURE else None
        for c, w in enumerate(worst)
    ]


def _levels(sample: Sample) -> tuple[list[tuple[str, str]], Matrix, list[str]]:
    """Every value of every condition: (variable, label), its rows as a 0/1 column of [n, levels], its condition."""
    names, columns, owners = [], [], []
    for condition in FIVE:
        parted = split(sample, condition)
        for i, value in enumerate(parted.values):
            names.append((condition.variable, value.label))
            columns.append(parted.mask(i))
            owners.append(condition.name)
    return names, np.stack(columns, axis=1).astype(np.float64), owners


def _effects(
    score: Floats, masks: Matrix, levels: Matrix, kept: Matrix, dropped: Matrix
) -> tuple[Matrix, Matrix]:
    """Mean score kept minus dropped and its standard error, [c, levels]; variances as in `lift`."""
    parent = score.var()
    means, spreads = [], []
    for side, n in ((masks, kept), (1 - masks, dropped)):
        safe, total = np.maximum(n, 1), (side * score[:, None]).T @ levels
        means.append(total / safe)
        spreads.append(variance_of_mean(safe, total, (side * (score**2)[:, None]).T @ levels, parent))
    return means[0] - means[1], np.sqrt(spreads[0] + spreads[1])
