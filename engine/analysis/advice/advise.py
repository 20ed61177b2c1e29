"""What constraint to add next: every candidate's child as the parent's own trials show it, ranked, with reasons.

Many constraints are tried on one sample, and a person looks while trials come in; so the intervals hold for all
candidates at once (the largest of their correlated errors) and for a look at 50 graphs and at every doubling
since (Bonferroni). Advice is a constraint whose interval lies above zero; under no effect that happens to any of
them in at most 5 % of searches. The estimates still flatter the winner: `engine.analysis.advice.stability` says by how much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.advice.candidates import Candidate, candidates
from engine.analysis.advice.interaction import Interaction, interactions
from engine.analysis.advice.lift import Lifts, lifts, looks, scores
from engine.analysis.advice.regret import Interval, Regret, regret
from engine.analysis.edf import Edf, of_sample, quantile
from engine.analysis.sample import Sample
from engine.analysis.ties import require_spread
from engine.errors import AnalysisError

LEAST = 10
"""Graphs, and trainings behind them, that either side needs to be ranked.

Below, an interval says more about the method than about the space: the 45 graphs of a sample of 600 whose auxiliary
nodes cannot reach the target are one training, and its luck would be the luck of all of them.
"""


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
    """Rank the constraints of the five conditions.

    Raises AnalysisError if none has 10 graphs on either side, and if all errors are equal: no spread, no advice.
    """
    every = candidates(sample)
    large = [c for c in every if enough(sample, c)]
    if not large:
        raise AnalysisError(f"{sample.name}: {len(sample)} graphs are too few for advice",
                            f"a constraint is judged from {LEAST} graphs on either side")
    require_spread(sample, "advice")
    score = scores(sample.errors)
    masks = np.stack([c.mask for c in large], axis=1).astype(np.float64)
    looked = looks(len(sample))
    found = lifts(score, masks, coverage=coverage, fraction=sample.fraction, looked=looked, seed=seed)
    reversals = interactions(sample, large, score, masks, found.value)
    advice = [_judge(sample, c, found, i, reversals[i]) for i, c in enumerate(large)]
    ranked = tuple(sorted(advice, key=lambda a: -a.lift.low))
    too_few = tuple(c for c in every if c not in large)
    return Advised(ranked, too_few, of_sample(sample), coverage, looked, found.critical)


def enough(sample: Sample, candidate: Candidate, least: int = LEAST) -> bool:
    """Whether a constraint keeps and drops graphs of at least `least` different trainings."""
    sides = (sample.trainings[candidate.mask], sample.trainings[~candidate.mask])
    return all(len(np.unique(side)) >= least for side in sides)


def _judge(sample: Sample, candidate: Candidate, found: Lifts, place: int, reversal: Interaction | None) -> Advice:
    child = of_sample(sample, candidate.mask, candidate.phrase)
    lift = Interval(*(float(bound[place]) for bound in (found.value, found.low, found.high)))
    beyond = 0.0 if sample.fraction >= 1 else 1 - 0.05 ** (1 / child.graphs)
    quantiles = quantile_interval(child, 0.5), quantile_interval(child, 0.1)
    return Advice(candidate, child, lift, *quantiles, child.best, beyond, regret(sample, candidate.mask), reversal)


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
    child, parent, lost, lift = advice.child, advised.parent, advice.regret, advice.lift
    tenth, median = quantile(parent.errors, 0.1), parent.median
    reached = [100 * float((e.errors <= at).mean()) for at in (tenth, median) for e in (child, parent)]
    parts = [
        f"of {child.n} graphs {reached[0]:.0f} % reach the parent's q10 of {tenth:.2f} % (of all: {reached[1]:.0f} %) and "
        f"{reached[2]:.0f} % its median (of all: {reached[3]:.0f} %), "
        f"lift {lift.value:+.2f} ({lift.low:+.2f} to {lift.high:+.2f})",
        f"drops {100 * lost.top5.value:.0f} % of the best 5 %",
    ]
    if lost.best_lost or lost.best_tied > 1:
        parts.append(lost.words())
    if advice.interaction:
        parts.append(f"but {advice.interaction}")
    if not advice.is_sure:
        parts.append("no sure gain" if advice.lift.high > 0 else "surely worse")
    return "; ".join(parts)
