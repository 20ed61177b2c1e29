"""The automatic person: which constraint a sample of trials leads to, and why.

Rule `best-condition`: of all values of the five conditions (`engine.analysis.advice.candidates`), the one whose graphs' EDF
dominates most surely: the largest lower end of its lift (`engine.analysis.advice.advise`), whose intervals hold for all
candidates and looks at once. One that drops more than half of the best 5 % is passed over while there is another. If none
is sure the first of them is taken all the same, and its reason says so: a person at the plot would decide too. It never
looks back, never combines conditions, never weighs what the space will cost; it is a reference for people to beat.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.analysis.advice.advise import advise, reason
from engine.analysis.sample import Sample
from engine.errors import AnalysisError
from engine.space.space import Space
from engine.space.what_if import Verdict, whatif

RULES = ("best-condition",)

DEAR = 0.5
"""Share of the best 5 % that a constraint may drop before any other goes first."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A constraint that was decided on."""

    phrase: str
    reason: str
    sure: bool
    """Does its interval lie above zero, all candidates and looks counted?"""
    lift: float
    n: int
    """Graphs that were looked at."""
    kept: int
    """How many of them satisfy it."""
    lost: float
    """Share of the best 5 % that it drops."""
    keys: int
    """Graphs of the child up to relabelling."""


def decide(sample: Sample, space: Space, seed: int = 0) -> Decision:
    """The constraint that the rule adds to `space`. Raises AnalysisError if there are too few trials for any."""
    advised = advise(sample, seed=seed)
    for advice in sorted(advised.ranked, key=lambda a: a.regret.top5.value > DEAR):
        found = whatif(space, advice.phrase)
        if found.verdict is Verdict.NARROWS:
            told = reason(advice, advised)
            return Decision(advice.phrase, told, advice.is_sure, advice.lift.value, len(sample), advice.candidate.n,
                            advice.regret.top5.value, found.keys)
    raise AnalysisError(f"{sample.name}: no constraint narrows it any further", "raise --until to its number of graphs")
