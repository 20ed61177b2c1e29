"""What a search found for what it spent: best so far against graphs, graph-epochs and seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.analysis.sample import Floats, chance_rule, with_results
from engine.space.protocol import Protocol
from engine.store.records import Training, Trial


@dataclass(frozen=True, eq=False)
class Trajectory:
    """One point a trial drawn, in the order of draws, shape [n] each; what was stopped or left out costs too."""

    graphs: npt.NDArray[np.int64]
    """Trials drawn so far."""
    epochs: Floats
    """Graph-epochs trained so far; a training shared by several graphs is paid once."""
    seconds: Floats
    """Seconds of packs, shared out to their graphs."""
    best: Floats
    """Lowest error rate (%) so far among results that count; NaN before the first."""


def trajectory(trials: Iterable[Trial], trainings: Mapping[str, Training], protocol: Protocol) -> Trajectory:
    """Follow a search by trial number. Inherited trials cost nothing here: their training was another run's."""
    drawn = sorted(trials, key=lambda t: t.number)
    counted = {t.number for t in with_results(drawn, chance_rule(protocol))[0]}
    cost = np.zeros((len(drawn), 2))
    paid: set[str] = set()
    for i, trial in enumerate(drawn):
        training = trainings.get(trial.training or "")
        if training is not None and training.id not in paid and trial.inherited is None:
            paid.add(training.id)
            cost[i] = training.epochs, training.wall
    errors = np.array([t.error if t.number in counted else np.nan for t in drawn], dtype=np.float64)
    best = np.fmin.accumulate(errors) if len(errors) else errors
    spent = cost.cumsum(axis=0)
    return Trajectory(np.arange(1, len(drawn) + 1), spent[:, 0], spent[:, 1], best)
