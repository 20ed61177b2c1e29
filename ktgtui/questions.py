"""What pages ask of the chosen run's trials; answered in the thinker's thread, frozen, Textual-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.analysis import sample as samples
from engine.analysis.bands import Band, band
from engine.analysis.conditions import CONDITIONS, Condition, Split, split
from engine.analysis.edf import Edf
from engine.analysis.sample import Sample
from engine.analysis.verdict import Verdict, against_rest
from engine.store.trials import Trial
from ktgtui.snapshot import RunDetail

LETTERED: tuple[Condition, ...] = tuple(CONDITIONS.values())
"""The five of the paper first, then the others, in the order the pages turn."""


class Samples:
    """Samples of the runs asked about last: reading 10,000 graphs takes 0.1 s, and every question needs it."""

    KEPT = 4

    def __init__(self) -> None:
        self._known: list[tuple[tuple[Trial, ...], Sample]] = []

    def of(self, run: RunDetail) -> Sample:
        """Raises AnalysisError if no trial has a result."""
        for trials, found in self._known:
            if trials is run.trials:
                return found
        made = samples.sample(run.trials, run.space.protocol, name=run.view.name, population=run.space.keys)
        self._known = [(run.trials, made), *self._known[: self.KEPT - 1]]
        return made


@dataclass(frozen=True, eq=False)
class Answer:
    """A run split by a condition."""

    run: RunDetail
    condition: Condition
    split: Split
    edfs: tuple[Edf, ...]
    bands: tuple[Band | None, ...]
    """One a value; None for a value without graphs."""
    verdicts: tuple[Verdict | None, ...]
    """Each value against all other graphs; None where there are too few."""


def by_condition(known: Samples, run: RunDetail, condition: Condition) -> Answer:
    """EDFs of the run by a condition, how sure they are, and what they say. Raises AnalysisError."""
    parted = split(known.of(run), condition)
    edfs = parted.edfs()
    return Answer(run, condition, parted, edfs, bands(edfs), against_rest(parted))


def bands(edfs: Sequence[Edf]) -> tuple[Band | None, ...]:
    return tuple(band(edf) if edf.graphs else None for edf in edfs)
