"""What constraint to add next: every candidate's child as the parent's own trials show it, ranked, with reasons.

Many constraints are tried on one sample, and a person looks while trials come in; so the intervals hold for all
candidates at once (the largest of their correlated errors) and for a look at 50 graphs and at every doubling
since (Bonferroni). Advice is a constraint whose interval lies above zero; under no effect that happens to any of
them in at most 5 % of searches. The estimates still flatter the winner: `engine.analysis.advice.stability` says by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analysis.advice.candidates import Candidate, candidates
from engine.analysis.advice.interaction import Interaction, interactions
from engine.analysis.advice.lift import Lifts, lifts, looks, scores
from engine.analysis.edf import Edf, of_sample, quantile
from engine.analysis.sample import Sample
from engine.errors import AnalysisError

Ranks = npt.NDArray[np.intp]
"""Place of each row from the best error on, shape [n]."""

LEAST = 10
"""Graphs, and trainings behind them, that either side needs to be ranked.

Below, an interval says more about the method than about the space: the 45 graphs of a sample of 600 whose auxiliary
nodes cannot reach the target are one training, and its luck would be the luck of all of them.
"""

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
    """Share of the best 1 % (at least one graph) that it drops, with a 95 % Clopper-Pearson interval."""
    top5: Interval
    best_lost: bool
    best: float
    """Error rate (%) of the best graph of the parent's trials."""


@dataclass(frozen=True, eq=False)
class Advice:
    """One candidate constraint."""

    candidate: Candidate
    child: Edf
    """The parent's trials that satisfy it: a sample of the child space."""
    lift: Interval
    """See `engine.analysis.advice.lift`; the interval holds for all candidates and looks at once."""
    median: Interval
    """Error rate (%) of the child, with the 95 % order-statistic interval."""
    tenth: Interval
    """The same for its best tenth (q10)."""
    best: float
    beyond: float
    """With 95 % confidence no larger share of the child's graphs is better than the best one seen."""
    regret: Regret
    interaction: Interaction | None
    """The worst reversal of the order within a level of another condition; None if there is none for sure."""

    @property
    def phrase(self) -> str:
        return self.candidate.phrase

    @property
    def is_sure(self) -> bool:
        """True if the child is better even after counting every candidate and look."""
        return self.lift.low > 0


@dataclass(frozen=True, eq=False)
class Advised:
    """All candidates of a sample, the best founded first (by the lower end of their lift)."""

    ranked: tuple[Advice, ...]
    too_few: tuple[Candidate, ...]
    """Candidates with fewer than 10 graphs or trainings on one side."""
    parent: Edf
    coverage: float
    looked: int
    critical: float
    """Standard errors that the lift intervals reach to either side."""

    @property
    def sure(self) -> tuple[Advice, ...]:
        return tuple(a for a in self.ranked if a.is_sure)


def advise(sample: Sample, coverage: float = 0.95, seed: int = 0) -> Advised:
    """Rank the constraints of the five conditions. Raises AnalysisError if none has 10 graphs on either side."""
    every = candidates(sample)
    large = [c for c in every if enough(sample, c)]
    if not large:
        raise AnalysisError(f"{sample.name}: {len(sample)} graphs are too few for advice",
                            f"a constraint is judged from {LEAST} graphs on either side")
    score = scores(sample.errors)
    masks = np.stack([c.mask for c in large], axis=1).astype(np.float64)
    looked = looks(len(sample))
    found = lifts(score, masks, coverage=coverage, fraction=sample.fraction, looked=looked, seed=seed)
    reversals = interactions(sample, large, score, masks, found.value)
    order = np.argsort(np.argsort(sample.errors, kind="stable"), kind="stable")
    advice = [_judge(sample, c, found, i, reversals[i], order) for i, c in enumerate(large)]
    ranked = tuple(sorted(advice, key=lambda a: -a.lift.low))
    too_few = tuple(c for c in every if c not in large)
    return Advised(ranked, too_few, of_sample(sample), coverage, looked, found.critical)


def enough(sample: Sample, candidate: Candidate, least: int = LEAST) -> bool:
    """Whether a constraint keeps and drops graphs of at least `least` different trainings."""
    sides = (sample.trainings[candidate.mask], sample.trainings[~candidate.mask])
    return all(len(np.unique(side)) >= least for side in sides)


def _judge(
    sample: Sample, candidate: Candidate, found: Lifts, place: int, reversal: Interaction | None, order: Ranks
) -> Advice:
    child = of_sample(sample, candidate.mask, candidate.phrase)
    lift = Interval(*(float(bound[place]) for bound in (found.value, found.low, found.high)))
    best = int(np.argmin(order))
    lost = _lost(candidate, order, 0.01), _lost(candidate, order, 0.05)
    regret = Regret(*lost, best_lost=not candidate.mask[best], best=float(sample.errors[best]))
    beyond = 0.0 if sample.fraction >= 1 else 1 - 0.05 ** (1 / child.graphs)
    quantiles = quantile_interval(child, 0.5), quantile_interval(child, 0.1)
    return Advice(candidate, child, lift, *quantiles, child.best, beyond, regret, reversal)


def _lost(candidate: Candidate, order: Ranks, share: float) -> Interval:
    """Share of the best `share` of all graphs that the constraint drops."""
    from scipy.special import betaincinv

    best = order < max(1, int(np.ceil(share * len(order) - 1e-9)))
    n, lost = int(best.sum()), int((best & ~candidate.mask).sum())
    low = float(betaincinv(lost, n - lost + 1, 0.025)) if lost else 0.0
    high = float(betaincinv(lost + 1, n - lost, 0.975)) if lost < n else 1.0
    return Interval(lost / n, low, high)


def quantile_interval(curve: Edf, share: float) -> Interval:
    """A quantile and its 95 % interval between order statistics (binomial ranks), narrowed for a finite space."""
    from scipy.special import bdtr

    n = curve.graphs
    # Ranks further than 6 deviations out have no chance worth adding up.
    reach = 6 * np.sqrt(n * share * (1 - share)) + 6
    ranks = np.arange(max(0, int(n * share - reach)), min(n, int(n * share + reach)) + 1)
    tails = bdtr(ranks, n, share)
    low_rank = int(ranks[0] + np.searchsorted(tails, 0.025))
    high_rank = int(ranks[0] + np.searchsorted(tails, 0.975)) + 1
    centre = quantile(curve.errors, share)
    shrink = np.sqrt(1 - curve.fraction)
    low = float(curve.errors[min(max(low_rank, 1) * curve.passes, curve.n) - 1])
    high = float(curve.errors[min(high_rank * curve.passes, curve.n) - 1])
    return Interval(centre, centre - shrink * (centre - low), centre + shrink * (high - centre))


def reason(advice: Advice, advised: Advised) -> str:
    """Why a constraint stands where it does, in words with their n."""
    child, parent, regret, lift = advice.child, advised.parent, advice.regret, advice.lift
    tenth, median = quantile(parent.errors, 0.1), parent.median
    reached = [100 * float((e.errors <= at).mean()) for at in (tenth, median) for e in (child, parent)]
    parts = [
        f"of {child.n} graphs {reached[0]:.0f} % reach the parent's q10 of {tenth:.2f} % (of all: {reached[1]:.0f} %) and "
        f"{reached[2]:.0f} % its median (of all: {reached[3]:.0f} %), "
        f"lift {lift.value:+.2f} ({lift.low:+.2f} to {lift.high:+.2f})",
        f"drops {100 * regret.top5.value:.0f} % of the best 5 %",
    ]
    if regret.best_lost:
        parts.append(f"and the best graph seen ({regret.best:.2f} %)")
    if advice.interaction:
        parts.append(f"but {advice.interaction}")
    if not advice.is_sure:
        parts.append("no sure gain" if advice.lift.high > 0 else "surely worse")
    return "; ".join(parts).replace("; and", " and")
