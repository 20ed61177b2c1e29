"""What a constraint would throw away of the graphs already trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.sample import DIGITS, Floats, Mask, Sample
from engine.analysis.ties import cut, part_of_best


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and where it may lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Regret:
    """What a constraint would throw away."""

    top1: Interval
    """Share of the best 1 % (at least one graph) that it drops, with a 95 % Clopper-Pearson interval; graphs tied at the cut
    count by share."""
    top5: Interval
    best: float
    """Error rate (%) of the best graph of the parent's trials."""
    best_tied: int
    """Graphs with that error."""
    best_kept: int
    """How many of them satisfy the constraint."""

    @property
    def best_lost(self) -> bool:
        """True if the constraint keeps no graph as good as the best one seen."""
        return not self.best_kept

    def words(self) -> str:
        """`keeps the best graph (2.94 %)`, `loses all 3 graphs that tie as the best (2.94 %)`."""
        if self.best_tied == 1:
            return f"{'loses' if self.best_lost else 'keeps'} the best graph ({self.best:.2f} %)"
        if self.best_lost:
            return f"loses all {self.best_tied} graphs that tie as the best ({self.best:.2f} %)"
        return f"keeps {self.best_kept} of the {self.best_tied} graphs that tie as the best ({self.best:.2f} %)"


def regret(sample: Sample, kept: Mask) -> Regret:
    """The regret of keeping the rows `kept` [n] of a sample; in several passes a graph counts once among the best."""
    errors, lowest = sample.errors, float(sample.errors.min())
    best = np.flatnonzero(errors == lowest)
    tied, stay = ({sample.trials[i].key for i in rows} for rows in (best, best[kept[best]]))
    return Regret(_lost(errors, kept, 0.01), _lost(errors, kept, 0.05), lowest, len(tied), len(stay))


def _lost(errors: Floats, kept: Mask, share: float) -> Interval:
    """Share of the best `share` of all graphs that is dropped."""
    from scipy.special import betaincinv

    n = cut(errors, share).n
    lost = round(float(part_of_best(errors, share)[~kept].sum()), DIGITS)
    low = float(betaincinv(lost, n - lost + 1, 0.025)) if lost > 0 else 0.0
    high = float(betaincinv(lost + 1, n - lost, 0.975)) if lost < n else 1.0
    return Interval(lost / n, low, high)
