"""Counterfactual ASHA: which graphs of a finished search would successive halving have stopped, and what was lost.

Replays stored learning curves, in the order of trial numbers, by the stop rule of the paper (section 4.3): at epochs
r, r eta, r eta^2, ... a graph in the lower part of all results seen at that epoch so far is stopped. The protocol's
schedules (cosine, linear gates) are those of the search that was run, not of a shorter one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from engine.errors import AnalysisError
from engine.store.trials import State, Trial

Ties = Literal["rank", "optuna"]


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
    trials: Sequence[Trial], curves: Mapping[str, Sequence[float | None]], chance: float, *, least: int = 1,
    factor: int = 2, ties: Ties = "rank", pack: int = 1,
) -> Replay:
    """Judge each trial at its rungs.

    `curves` holds the target's validation accuracy (%) an epoch, by `Training.id`; untaught trials enter at `chance`
    (%) and cost nothing, invalid and failed ones do not take part. Trials of a pack of `pack` reach a rung together
    and are judged jointly after all have entered. `ties`: by rank (equal values: the earlier trial first; keep the
    first max(1, n // factor)), or as Optuna's pruner (keep if at most max(n // factor - 1, 0) are strictly better).
    Raises AnalysisError if no trial has a curve.
    """
    taking = [(t, _curve(t, curves, chance)) for t in sorted(trials, key=lambda t: t.number)]
    taking = [(t, c) for t, c in taking if c]
    if not any(t.state is not State.UNTAUGHT for t, _ in taking):
        raise AnalysisError("no learning curve to replay", "inherited trials have theirs in the run they came from")
    last = max(len(c) for _, c in taking)
    marks = _marks(least, factor, last)
    seen: dict[int, list[tuple[float, int]]] = {mark: [] for mark in marks}
    kept = dict.fromkeys(marks, 0)
    stopped: dict[int, int] = {}
    for start in range(0, len(taking), pack):
        alive = taking[start : start + pack]
        for mark in marks:
            values = [(_badness(curve, mark), trial.number) for trial, curve in alive if len(curve) >= mark]
            for value in values:
                insort(seen[mark], value)
            fate = {value[1]: _keep(seen[mark], value, factor, ties) for value in values}
            kept[mark] += sum(fate.values())
            stopped.update({number: mark for number, keep in fate.items() if not keep})
            alive = [(t, c) for t, c in alive if fate.get(t.number, True)]
    rungs = tuple(Rung(mark, len(seen[mark]), kept[mark]) for mark in marks)
    return _outcome(taking, rungs, stopped)


def _marks(least: int, factor: int, last: int) -> list[int]:
    """Epochs of the rungs, before the last epoch: there every graph ends anyway."""
    marks, mark = [], least
    while mark < last:
        marks.append(mark)
        mark *= factor
    return marks


def _curve(trial: Trial, curves: Mapping[str, Sequence[float | None]], chance: float) -> Sequence[float | None]:
    if trial.state is State.UNTAUGHT:
        longest = max((len(c) for c in curves.values()), default=0)
        return [chance] * longest
    return curves.get(trial.training or "", ())


def _badness(curve: Sequence[float | None], mark: int) -> float:
    """Minus the accuracy (%) at an epoch, so that the best comes first; NaN and missing last."""
    value = curve[mark - 1]
    return float("inf") if value is None or isnan(value) else -value


def _keep(rung: list[tuple[float, int]], own: tuple[float, int], factor: int, ties: Ties) -> bool:
    if own[0] == float("inf"):
        return False
    if ties == "optuna":
        return bisect_left(rung, (own[0], -1)) <= max(len(rung) // factor - 1, 0)
    return bisect_right(rung, own) <= max(1, len(rung) // factor)


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
