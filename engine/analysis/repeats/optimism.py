"""How much too good the best graph looks: of many graphs trained once, the best was picked for its luck too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from engine.analysis.repeats.noise import between_repeats
from engine.analysis.repeats.retrained import repeated
from engine.store.files.evaluations import Evaluation


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


UNKNOWN = Optimism(None, "one pass")


def optimism(
    errors: Mapping[str, Sequence[float]], best: str, evaluations: Iterable[Evaluation] = ()
) -> Optimism:
    """Of the graph with key `best`, chosen from all in `errors`: validation errors (%) over its repeats, by key.

    Where it was trained again, the mean of that says it. Else the noise of a training does, known from repeats or, in one
    pass, from any graphs that were trained again twice: the best mean is shrunk towards the mean of all graphs by the part of
    their variance that is noise (normal errors; Efron & Morris 1975).
    """
    again = {r.key: r.target.validation for r in repeated(evaluations) if r.target.validation}
    seen = fmean(errors[best])
    if found := again.get(best):
        return Optimism(100.0 - found.mean - seen, f"its {_count(len(found.values), 'retraining')}")
    means = np.array([fmean(values) for values in errors.values()])
    gap, repeats = float(means.mean()) - seen, len(errors[best])
    values = [(key, value) for key, held in errors.items() for value in held]
    if noise := between_repeats(np.array([v for _, v in values]), [k for k, _ in values]):
        own = noise.replicate**2 / repeats
        total = own + noise.graphs**2
        return Optimism(gap * own / total if total else 0.0, f"the noise between {_count(repeats, 'repeat')}")
    several = [found for found in again.values() if found.std is not None]
    spread = float(means.var(ddof=1)) if len(means) > 1 else 0.0
    if several and spread > 0:
        free = sum(len(found.values) - 1 for found in several)
        noisy = sum((len(found.values) - 1) * (found.std or 0.0) ** 2 for found in several) / free / repeats
        return Optimism(gap * min(1.0, noisy / spread), f"the noise of {_count(len(several), 'graph')} trained again")
    return UNKNOWN


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
