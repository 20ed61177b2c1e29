"""A run folder as the analysis takes it: its space, its trials as a sample, and what must be said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from engine.analysis.constraint_mask import holding
from engine.analysis.ranking import Best, Ranking, rank
from engine.analysis.sample import Sample, sample
from engine.errors import AnalysisError
from engine.space.space import Ancestor, Space
from engine.store.files.evaluations import Evaluation, read_evaluations, remark
from engine.store.folder import space_of
from engine.store.reader import RunReader
from engine.store.records import Curve, RunInfo, Training, Trial

UNIFORM = ("random", "exhaustive")
"""Strategies whose trials, once all are in, are a uniform sample of the space (DESIGN.md: ASHA's and TPE's are not)."""


@dataclass(frozen=True, eq=False)
class Searched:
    """One run, read once."""

    folder: Path
    info: RunInfo
    space: Space
    """The run's, or the child of it that was asked for."""
    trials: tuple[Trial, ...]
    trainings: Mapping[str, Training]
    sample: Sample
    curves: Mapping[str, Curve]
    """By training id; empty unless asked for."""
    evaluations: Sequence[Evaluation] = ()
    """Graphs of the run trained again with fresh seeds."""

    @property
    def unsealed(self) -> str | None:
        """That the run's test set was opened, in words; None if it is unseen."""
        return remark(self.evaluations)

    @cached_property
    def ranking(self) -> Ranking:
        """The graphs of the sample, best first, each over its repeats (also where the sample holds their means)."""
        return rank(self.trials, self.space, self.info, self.evaluations, {t.key for t in self.sample.trials})

    @property
    def best(self) -> Best | None:
        """The best graph of the sample, how many tie with it and what choosing it is worth."""
        return self.ranking.best

    @property
    def is_complete(self) -> bool:
        return self.info.total is not None and len(self.trials) >= self.info.total

    @property
    def seconds(self) -> float | None:
        """Mean seconds a trained graph took; None if not known."""
        walls = [t.wall for t in self.trainings.values() if t.wall > 0]
        return sum(walls) / len(walls) if walls else None

    def notes(self) -> tuple[str, ...]:
        """What a reader must know before believing a curve."""
        found = []
        name = self.info.strategy.get("name")
        if name not in UNIFORM:
            found.append(f"drawn by {name}: not a uniform sample of {self.space.name}, bands and advice do not hold")
        if name == "exhaustive" and not self.is_complete:
            found.append("an exhaustive run in progress: not a uniform sample yet, bands and advice do not hold")
        elif not self.is_complete and self.info.total:
            found.append(f"partial: {len(self.trials)} of {self.info.total} trials")
        if self.unsealed:
            found.append(self.unsealed)
        return tuple(found)


def distinct(folders: Sequence[Path]) -> None:
    """Raises AnalysisError for a run named twice: it would be held against itself."""
    seen: set[Path] = set()
    for folder in folders:
        if folder.resolve() in seen:
            raise AnalysisError(f"{folder}: named twice", "name each run once")
        seen.add(folder.resolve())


def read(folder: Path, *, where: Sequence[str] = (), curves: bool = False) -> Searched:
    """Read a run folder; `where` keeps only the trials of the child with these constraints.

    Raises StoreError for a folder that holds no run, PhraseError for a constraint, AnalysisError if nothing is left.
    """
    with RunReader(folder) as reader:
        reader.refresh()
        space = space_of(folder, reader.info)
        info, trials, trainings = reader.info, tuple(reader.trials), reader.trainings
        kept = {i: c for i in trainings if (c := reader.curve(i)) is not None} if curves else {}
    name = info.strategy.get("name")
    whole = name == "random" or (name == "exhaustive" and info.total is not None and len(trials) >= info.total)
    table = sample(trials, space.protocol, name=space.name, population=space.keys if whole else None)
    if where:
        phrases = [space.parse(text, f"--where {i}") for i, text in enumerate(where, 1)]
        rows = holding(table, space, phrases)
        if not rows.any():
            raise AnalysisError(f"{table.name}: no trial with a result satisfies {' and '.join(map(str, phrases))}",
                                "look at a wider constraint")
        table = table.where(rows, f"{table.name} where {' and '.join(map(str, phrases))}")
        space = replace(space, lineage=(*space.lineage, Ancestor(table.name, tuple(phrases))))
    return Searched(folder, info, space, trials, trainings, table, kept, read_evaluations(folder))
