"""Counterfactual ASHA: which graphs of a finished search would successive halving have stopped, and what was lost.

Replays stored learning curves, in the order of trial numbers, by the stop rule of the paper (section 4.3): at epochs
r, r eta, r eta^2, ... a graph in the lower part of all results seen at that epoch so far is stopped. The protocol's
schedules (cosine, linear gates) are those of the search that was run, not of a shorter one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import AnalysisError
from engine.store.files.rung_decisions import Judgement
from engine.store.records import State, Trial
from engine.strategies.halving import Halving, Rungs


@dataclass(frozen=True, slots=True)
class Rung:
    """One epoch at which graphs were judged."""

    epoch: int
    entered: int
    kept: int


@dataclass(frozen=True, slots=True)
class Replay:
    """What the rule would have done."""

    rungs: tuple[Rung, ...]
    stopped: Mapping[int, int]
    """Trial number to the epoch it would have been stopped at."""
    epochs: int
    """Graph-epochs it would have cost."""
    full: int
    """Graph-epochs of the search as it was run."""
    best: int | None
    """Trial number of the best graph of the search; None if no trial has a result."""
    best_kept: int | None
    """Trial number of the best graph it would have run to the end."""
    lost: float | None
    """Points of error (%) between the two; None if either is missing."""


def replay(
    trials: Sequence[Trial], curves: Mapping[str, Sequence[float | None]], chance: float, *,
    halving: Halving = Halving(), cohort: int = 1,  # noqa: B008  a frozen value
) -> Replay:
    """Judge each trial at its rungs, by the very rule a search judges by.

    `curves` holds the target's validation accuracy (%) an epoch, by `Training.id`; untaught trials enter at `chance`
    (%) and cost nothing, invalid and failed ones do not take part. Graphs that train identically enter once, as the
    first of them. Raises AnalysisError if no trial has a curve.
    """
    taking = [(t, _curve(t, curves, chance)) for t in sorted(trials, key=lambda t: t.number)]
    taking = _once([(t, c) for t, c in taking if c])
    if not any(t.state is not State.UNTAUGHT for t, _ in taking):
        raise AnalysisError("no learning curve to replay", "inherited trials have theirs in the run they came from")
    last = max(len(c) for _, c in taking)
    marks, rungs = halving.marks(last), Rungs(halving)
    cohorts = sorted({t.number // cohort for t, _ in taking})
    made: list[Judgement] = []
    for number in cohorts:
        alive = {t.number for t, _ in taking if t.number // cohort == number}
        for mark in marks:
            entries = [(t.number, c[mark - 1] if mark <= len(c) else None) for t, c in taking if t.number in alive]
            made.append(rungs.judge(mark, number, entries, number == cohorts[-1]))
            alive = {*made[-1].kept}
    stopped = {number: judgement.epoch for judgement in made for number in judgement.stopped}
    of = {mark: [j for j in made if j.epoch == mark] for mark in marks}
    found = tuple(Rung(m, sum(len(j.entries) for j in of[m]), sum(len(j.kept) for j in of[m])) for m in marks)
    return _outcome(taking, found, stopped)


def _once(taking: list[tuple[Trial, Sequence[float | None]]]) -> list[tuple[Trial, Sequence[float | None]]]:
    """One trial a training: the first; untaught ones have none and are all different."""
    first: dict[str | int, tuple[Trial, Sequence[float | None]]] = {}
    for trial, curve in taking:
        first.setdefault(trial.training or trial.number, (trial, curve))
    return list(first.values())


def _curve(trial: Trial, curves: Mapping[str, Sequence[float | None]], chance: float) -> Sequence[float | None]:
    if trial.state is State.UNTAUGHT:
        longest = max((len(c) for c in curves.values()), default=0)
        return [chance] * longest
    return curves.get(trial.training or "", ())


def _outcome(
    taking: Sequence[tuple[Trial, Sequence[float | None]]], rungs: tuple[Rung, ...], stopped: dict[int, int]
) -> Replay:
    trained = {t.training: (t, c) for t, c in reversed(taking) if t.state is not State.UNTAUGHT}.values()
    results = sorted((t.error, t.number) for t, _ in taking if t.error is not None)
    survivors = [(e, n) for e, n in results if n not in stopped]
    lost = survivors[0][0] - results[0][0] if survivors else None
    return Replay(
        rungs, stopped, sum(stopped.get(t.number, len(c)) for t, c in trained), sum(len(c) for _, c in trained),
        results[0][1] if results else None, survivors[0][1] if survivors else None, lost,
    )
