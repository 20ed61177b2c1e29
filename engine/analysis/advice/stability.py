"""Would half the trials have led to the same choice? And how much does the choice flatter itself?

Each of 1,000 random halves ranks the candidates as `engine.analysis.advice.advise` does; the other half, which had no part in
the choice, says how good the chosen one really is (DESIGN.md: trials that suggested a constraint flatter it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.advice.advise import LEAST, enough
from engine.analysis.advice.candidates import candidates
from engine.analysis.advice.lift import lifts, looks, moments, scores
from engine.analysis.sample import Floats, Sample
from engine.analysis.ties import require_spread
from engine.errors import AnalysisError

HALVES = 1000
AT_ONCE = 100
"""Halves held in memory together: 8 MB at 10,000 trials."""


@dataclass(frozen=True, slots=True)
class Stability:
    """What the halves chose."""

    choices: tuple[tuple[str, float], ...]
    """Phrase and the share of halves that ranked it first, the most frequent first; never chosen ones left out."""
    seen: float
    """Mean lift of the chosen constraint in the half that chose it."""
    unseen: float
    """Mean lift of the same constraint in the other half: what to expect of fresh trials."""
    halves: int = HALVES


def stability(sample: Sample, seed: int = 0) -> Stability:
    """Rank the candidates in random halves.

    Raises AnalysisError unless some candidate has 20 trainings on either side, and if all errors are equal.
    """
    require_spread(sample, "choice that halves could agree on")
    large = [c for c in candidates(sample) if enough(sample, c, 2 * LEAST)]
    if not large:
        raise AnalysisError(f"{sample.name}: {len(sample)} graphs are too few to halve", "let the search go on")
    score = scores(sample.errors)
    masks = np.stack([c.mask for c in large], axis=1).astype(np.float64)
    critical = lifts(score, masks, coverage=0.95, fraction=sample.fraction, looked=looks(len(sample)), seed=seed).critical
    rng = np.random.default_rng(seed)
    parts = [_halved(score, masks, rng) for _ in range(HALVES // AT_ONCE)]
    value, error, other = (np.concatenate(column) for column in zip(*parts, strict=True))
    first = (value - critical * error).argmax(axis=1)
    rows = np.arange(len(first))
    share = np.bincount(first, minlength=len(large)) / len(first)
    chosen = tuple((large[i].phrase, float(share[i])) for i in np.argsort(-share, kind="stable") if share[i])
    return Stability(chosen, float(value[rows, first].mean()), float(other[rows, first].mean()))


def _halved(score: Floats, masks: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Lift and its error in `AT_ONCE` halves, and lift in their complements, [halves, candidates] each."""
    n = len(score)
    halves = np.zeros((AT_ONCE, n))
    for row in halves:
        row[rng.permutation(n)[: n // 2]] = 1.0
    value, error = _lifts(halves, score, masks)
    return value, error, _lifts(1 - halves, score, masks)[0]


def _lifts(rows: Floats, score: Floats, masks: Floats) -> tuple[Floats, Floats]:
    """Lift and its error within each set of rows [s, n] of 0 and 1; a constraint may keep none of them there."""
    powers = (np.ones(len(score)), score, score**2)
    (count, kept), (total, kept_total), (squares, kept_squares) = (
        (rows @ power[:, None], rows @ (power[:, None] * masks)) for power in powers
    )
    return moments(count, total, squares, np.clip(kept, 1e-9, count - 1e-9), kept_total, kept_squares)
