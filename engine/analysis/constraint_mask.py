"""Which rows of a sample a constraint would keep: the formula of a phrase over integer codes, all rows at once.

A uniform sample of a space, restricted by a constraint fixed beforehand, is a uniform sample of the child space
(DESIGN.md), so these rows are the child's trials: a what-if EDF costs no training.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from engine.analysis.sample import Codes, Mask, Sample
from engine.space.constraints import Phrase
from engine.space.counting.formula import All, Any, Formula, Not, Same, Tally, Within
from engine.space.space import Space
from engine.space.what_if import narrowed


def holding(sample: Sample, space: Space, phrases: Iterable[Phrase]) -> Mask:
    """Rows that stay in the child of `space` with `phrases`: one relabelling satisfies all together. Shape [n].

    The same answer as `Space.satisfies`, row by row.
    """
    kept = np.zeros(len(sample), bool)
    for image in narrowed(space, tuple(phrases)).images():
        kept |= _holds(image, sample)
    return kept


def _holds(formula: Formula, sample: Sample) -> Mask:
    match formula:
        case Within(variable, values):
            codes, names = _column(sample, variable)
            return np.array([name in values for name in names], bool)[codes]
        case Same(tied):
            first, *others = (_column(sample, v)[0] for v in tied)
            return np.all([np.ones(len(sample), bool), *(c == first for c in others)], axis=0)
        case Tally(parts, low, high):
            tally = np.sum([np.zeros(len(sample), int), *(number * _holds(p, sample) for p, number in parts)], axis=0)
            return (low <= tally) & (tally <= high)
        case Not(part):
            return ~_holds(part, sample)
        case All(parts):
            return np.all([np.ones(len(sample), bool), *(_holds(p, sample) for p in parts)], axis=0)
        case Any(parts):
            return np.any([np.zeros(len(sample), bool), *(_holds(p, sample) for p in parts)], axis=0)


def _column(sample: Sample, variable: int) -> tuple[Codes, tuple[str, ...]]:
    """Codes [n] of a variable of `engine.space.counting.variables` (models, then gates) and the names they index."""
    if variable < sample.nodes:
        return sample.models[:, variable], sample.model_names
    return sample.gates[:, variable - sample.nodes], sample.gate_names
