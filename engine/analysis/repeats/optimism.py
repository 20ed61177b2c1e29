"""How much too good the best graph looks: of many graphs trained once, the best was picked for its luck too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np

from engine.analysis.repeats.noise import between_repeats
from engine.analysis.repeats.retrained import repeated
from engine.analysis.sample import Floats
from engine.formatting import count
from engine.store.files.evaluations import Evaluation

FREE = 4
"""Degrees of freedom from which retrainings tell the noise: of one graph five. With one, 21 of 200 simulated runs were told a
noise of 0."""
GRID = 200
"""Points of the distribution of true errors that is fitted."""
BINS = 10
"""Bins a standard deviation of the noise: 10,000 means then differ in some hundred values."""
STEPS = 300
"""Rounds of the fit: a hundred more move the best graph's expected error by 2 % of the noise, ten times as many by 1 to 4 %
(400 graphs, three shapes)."""


@dataclass(frozen=True, slots=True)
class Optimism:
    """Expected optimism of a choice."""

    points: float | None
    """Points (%) by which the error of the best graph is expected to be higher when it is trained again; None if not known."""
    basis: str
    """What it rests on: `its 5 retrainings`, `the noise between 5 repeats`, `one pass`."""

    def words(self) -> str:
        """`expected optimism +0.42 points (the noise between 5 repeats)`, `expected optimism not known: one pass`."""
        if self.points is None:
            return f"expected optimism not known: {self.basis}"
        return f"expected optimism {self.points:+.2f} points ({self.basis})"


def optimism(
    errors: Mapping[str, Sequence[float]], best: Sequence[str], evaluations: Iterable[Evaluation] = ()
) -> Optimism:
    """Of the graphs that tie as the `best` (their keys) among all in `errors`: validation errors (%) over repeats, by key.

    Where some of the best were trained again, the mean of all these says it: the best of them was chosen by its
    retrainings, so those alone would flatter it again. Else the noise of a training does, known from repeats or, in one
    pass, from graphs of the better half that were trained again: `expected_error` of what was seen.
    """
    again = {r.key: r.target.validation for r in repeated(evaluations) if r.target.validation}
    seen, repeats = fmean(errors[best[0]]), len(errors[best[0]])
    if own := [found for key in best if (found := again.get(key))]:
        points = fmean(100.0 - found.mean for found in own) - seen
        said = count(sum(len(found.values) for found in own), "retraining")
        return Optimism(points, f"its {said}" if len(own) == 1 else f"{said} of {len(own)} equal graphs")
    means = {key: fmean(held) for key, held in errors.items()}
    if repeats > 1 and (noise := _between_repeats(errors, means)) is not None:
        expected = expected_error(means, seen, noise / repeats**0.5)
        return Optimism(expected - seen, f"the noise between {count(repeats, 'repeat')}")
    middle = median(means.values())
    several = [found for key, found in again.items() if found.std is not None and means.get(key, middle) <= middle]
    free = sum(len(found.values) - 1 for found in several)
    if free >= FREE and len(means) > 1:
        variance = sum((len(found.values) - 1) * (found.std or 0.0) ** 2 for found in several) / free
        points = expected_error(means, seen, (variance / repeats) ** 0.5) - seen
        return Optimism(points, f"the noise of {count(len(several), 'graph')} trained again")
    return Optimism(None, "one pass" if repeats == 1 else "too few graphs")


def _between_repeats(errors: Mapping[str, Sequence[float]], means: Mapping[str, float]) -> float | None:
    """Standard deviation (%) of a training, of the better half of the graphs: broken ones are noisier. None if not known."""
    middle = median(means.values())
    every = [(key, value) for key, held in errors.items() for value in held]
    for rows in ([(key, value) for key, value in every if means[key] <= middle], every):
        if found := between_repeats(np.array([value for _, value in rows]), [key for key, _ in rows]):
            return found.replicate
    return None


def expected_error(means: Mapping[str, float], seen: float, noise: float) -> float:
    """The true error (%) to expect of a graph that was seen with `seen`, one of the `means` of all (%), each with this `noise`.

    Empirical Bayes: the distribution of true errors is fitted to the means without any form (nonparametric maximum
    likelihood, Kiefer & Wolfowitz 1956; by EM on a grid, Jiang & Zhang 2009), so that a few broken graphs say nothing of
    the good ones; then Bayes' rule with normal noise.
    """
    if noise <= 0 or len(set(means.values())) == 1:
        return seen
    bins = np.round(np.array(list(means.values())) * BINS / noise)
    values, number = np.unique(bins * noise / BINS, return_counts=True)
    # The finest grid that matters spans the noise; far clusters keep points of their own.
    near = np.linspace(values[0], min(values[-1], values[0] + 8 * noise), GRID // 2)
    grid = np.unique(np.concatenate([near, np.quantile(values, np.linspace(0, 1, GRID // 2))]))
    weights = np.full(len(grid), 1 / len(grid))
    likelihood = _density(values, grid, noise)
    for _ in range(STEPS):
        joint = likelihood * weights
        weights = number @ (joint / joint.sum(axis=1, keepdims=True)) / number.sum()
    posterior = _density(np.array([seen]), grid, noise)[0] * weights
    return max(seen, float(posterior @ grid / posterior.sum()))


def _density(values: Floats, grid: Floats, noise: float) -> Floats:
    """Normal likelihood of each value [v] at each true error [g], up to a factor a row."""
    exponent = -0.5 * ((values[:, None] - grid) / noise) ** 2
    density: Floats = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return density
