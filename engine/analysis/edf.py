"""The empirical distribution of error rates (paper equation 1): how a design space is judged.

F(e) = (1/n) sum_i 1[e_i < e], e_i the target's validation error rate (%), strictly below: F is continuous from the
left. A space is better when its EDF lies higher. Every graph counts where it occurs: graphs with an equal effective
form share a training and each of them counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from engine.analysis.sample import Floats, LeftOut, Mask, Sample, chance_rule, exact_errors, with_results
from engine.errors import AnalysisError
from engine.space.protocol import Protocol
from engine.store.records import Trial


@dataclass(frozen=True, eq=False)
class Edf:
    """One curve: the sorted errors and everything a legend must say of them. May be empty (n = 0, quantiles NaN)."""

    label: str
    errors: Floats
    """Ascending error rates (%), shape [n]."""
    inherited: int = 0
    """How many of the n were taken from a parent's run."""
    left_out: LeftOut = field(default_factory=LeftOut)
    """Trials of the same draw that are in no EDF."""
    passes: int = 1
    """Whole passes over the same graphs among the n: the n hold n / passes independent graphs."""
    averaged: int = 1
    """Repeats that each error is the mean of."""
    fraction: float = 0.0
    """Share of the space that was drawn (0: not known or negligible, 1: exhaustive, no sampling width left)."""
    images: int | None = None
    """Validation images that each error counts the wrong ones of; None if not known."""

    @property
    def n(self) -> int:
        return len(self.errors)

    @property
    def fresh(self) -> int:
        return self.n - self.inherited

    @property
    def graphs(self) -> int:
        """Independent graphs: what bands may count on when passes repeat the same graphs."""
        return self.n // self.passes

    @property
    def best(self) -> float:
        """The lowest error rate (%)."""
        return self.quantile(0.0)

    @property
    def median(self) -> float:
        return self.quantile(0.5)

    def at(self, error: npt.ArrayLike) -> Floats:
        """F at error rates (%) of any shape; NaN for an empty EDF."""
        below = np.searchsorted(self.errors, np.asarray(error, dtype=np.float64), side="left")
        return below / self.n if self.n else np.full(np.shape(error), np.nan)

    def quantile(self, share: float) -> float:
        """The least observed error rate (%) that at least `share` of the graphs do not exceed; NaN for an empty EDF."""
        return quantile(self.errors, share)

    def steps(self) -> tuple[Floats, Floats]:
        """Corners of the curve, drawn as `steps-pre`: at each distinct error e the value F(e), then one past the last.

        Two arrays of length (distinct errors + 1); the last error is repeated with F = 1 (its limit from the right).
        """
        distinct = np.unique(self.errors)
        ends = np.append(distinct, distinct[-1:])
        return ends, np.append(self.at(distinct), np.ones(len(distinct[-1:])))

    def legend(self) -> str:
        """`through  n = 285 (120 inherited)  median 31.2 %  best 26.9 %`: no curve is drawn without its n."""
        if not self.n:
            return f"{self.label}  n = 0"
        parts = [f"{self.inherited} inherited"] if self.inherited else []
        parts += [f"{self.passes} passes"] if self.passes > 1 else []
        parts += [f"means of {self.averaged}"] if self.averaged > 1 else []
        note = f" ({', '.join(parts)})" if parts else ""
        return f"{self.label}  n = {self.n}{note}  median {self.median:.2f} %  best {self.best:.2f} %"


def resolution(images: int, repeats: int = 1) -> float:
    """Points (%) below which no two graphs are told apart: one of the validation images, in one of the repeats of a mean."""
    return 100.0 / (images * repeats)


def resolution_words(images: int, repeats: int = 1) -> str:
    """`resolution 0.21 points (one of 476 images)`; of means over repeats `..., 0.042 for means of 5 repeats`."""
    means = f", {resolution(images, repeats):.2g} for means of {repeats} repeats" if repeats > 1 else ""
    return f"resolution {resolution(images):.2g} points (one of {images:,} images){means}"


def quantile(ascending: Floats, share: float) -> float:
    """The least value v of an ascending array with at least `share` of the values <= v; NaN if it is empty."""
    if not len(ascending):
        return float("nan")
    # 1e-9: 0.1 * 30 is 3.0000000000000004 in binary, and must not move on to the fourth value.
    place = int(np.ceil(share * len(ascending) - 1e-9)) - 1
    return float(ascending[min(max(place, 0), len(ascending) - 1)])


def of_trials(trials: Iterable[Trial], protocol: Protocol, label: str) -> Edf:
    """The EDF of a list of trials as a search holds them; may be empty."""
    kept, left_out = with_results(trials, chance_rule(protocol))
    errors = np.sort(exact_errors(kept, protocol.validation))
    return Edf(label, errors, sum(t.inherited is not None for t in kept), left_out, len({t.repeat for t in kept}) or 1,
               images=protocol.validation)


def of_sample(sample: Sample, mask: Mask | None = None, label: str | None = None) -> Edf:
    """The EDF of a sample, or of the rows that `mask` [n] selects."""
    rows = np.ones(len(sample), bool) if mask is None else mask
    return Edf(
        label or sample.name, np.sort(sample.errors[rows]), int(sample.inherited[rows].sum()), sample.left_out,
        sample.passes, sample.averaged, sample.fraction, sample.protocol.validation,
    )


def by_pass(sample: Sample) -> tuple[Edf, ...]:
    """One EDF a whole pass: how far training noise alone moves the curve."""
    repeats = sample.repeats
    return tuple(
        Edf(f"{sample.name} pass {r}", np.sort(sample.errors[repeats == r]), left_out=sample.left_out,
            fraction=sample.fraction, images=sample.protocol.validation)
        for r in np.unique(repeats)
    )


def comparable(samples: Sequence[Sample]) -> None:
    """Refuse to put samples into one plot that were not trained alike or not averaged alike.

    Raises AnalysisError naming the protocol fields that differ, or the numbers of repeats.
    """
    first = samples[0]
    for other in samples[1:]:
        if differing := first.protocol.differing(other.protocol):
            fields = ", ".join(f"{f} {getattr(first.protocol, f)} / {getattr(other.protocol, f)}" for f in differing)
            raise AnalysisError(f"{first.name} and {other.name} follow different protocols: {fields}",
                                "--force-mixed draws them together with a warning")
        if first.averaged != other.averaged:
            raise AnalysisError(
                f"{first.name} shows means of {first.averaged} repeats and {other.name} of {other.averaged}: "
                "averaging thins the tails of an EDF", "compare separate passes")
