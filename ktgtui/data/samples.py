"""What pages ask of the chosen run's trials; answered in the thinker's thread, frozen, Textual-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.analysis import sample as samples
from engine.analysis.advice.regret import Regret, regret
from engine.analysis.conditions import CONDITIONS, Condition
from engine.analysis.constraint_mask import holding
from engine.analysis.edf import Edf, of_sample
from engine.analysis.run_sample import read
from engine.analysis.sample import Sample
from engine.analysis.verdict import Verdict, verdict
from engine.errors import AnalysisError
from engine.space.constraints import Phrase
from engine.space.counting.counts import Counts
from engine.space.space import Ancestor, Space
from engine.space.what_if import WhatIf, whatif
from engine.store.records import Trial
from ktgtui.data.snapshot import RunDetail, RunView

LETTERED: tuple[Condition, ...] = tuple(CONDITIONS.values())
"""The five of the paper first, then the others, in the order the pages turn."""


class Samples:
    """Samples of the runs asked about last: reading 10,000 graphs takes 0.1 s, and every question needs it."""

    KEPT = 4

    def __init__(self) -> None:
        self._known: list[tuple[tuple[Trial, ...], Sample]] = []
        self._read: dict[Path, tuple[int, Sample]] = {}

    def of(self, run: RunDetail) -> Sample:
        """Raises AnalysisError if no trial has a result."""
        for trials, found in self._known:
            if trials is run.trials:
                return found
        whole = run.view.strategy == "random" or (run.view.strategy == "exhaustive" and run.view.done == run.view.total)
        population = run.space.keys if whole else None
        made = samples.sample(run.trials, run.space.protocol, name=run.view.name, population=population)
        self._known = [(run.trials, made), *self._known[: self.KEPT - 1]]
        return made

    def at(self, view: RunView) -> Sample:
        """The sample of any run of the folder, read again once it has more trials. Raises StoreError, AnalysisError."""
        last = self._read.get(view.folder)
        if last is None or last[0] != view.done:
            last = self._read[view.folder] = (view.done, read(view.folder).sample)
        return last[1]


@dataclass(frozen=True, eq=False)
class Consequence:
    """A space with more constraints, before anybody decides on them."""

    phrases: tuple[Phrase, ...]
    whatif: WhatIf | None
    """The last phrase on top of the others; None without phrases."""
    before: Counts
    after: Counts
    parent: Edf | None
    """The trials at hand; None without a run, or where none has a result."""
    child: Edf | None
    """Those of them that stay."""
    regret: Regret | None
    verdict: Verdict | None
    """The child's trials against those it drops."""


def consequence(known: Samples, run: RunDetail | None, space: Space, texts: Sequence[str]) -> Consequence:
    """What constraints would do to a space and to the trials at hand. Raises SpaceError pointing into a phrase."""
    before = space.counts()
    phrases = tuple(space.parse(text, f"constraint {i}") for i, text in enumerate(texts, 1))
    sample = _sample(known, run)
    parent = of_sample(sample, label=space.name) if sample else None
    if not phrases:
        return Consequence((), None, before, before, parent, None, None, None)
    others = replace(space, lineage=(*space.lineage, Ancestor("draft", phrases[:-1])), file=None)
    found = whatif(others, phrases[-1])
    after = found.counts()
    if sample is None:
        return Consequence(phrases, found, before, after, None, None, None, None)
    kept = holding(sample, space, phrases)
    child = of_sample(sample, kept, "the child")
    dropped = of_sample(sample, ~kept, "those it drops")
    said = verdict(child, dropped) if min(child.graphs, dropped.graphs) >= 2 else None
    return Consequence(phrases, found, before, after, parent, child, regret(sample, kept), said)


def _sample(known: Samples, run: RunDetail | None) -> Sample | None:
    if run is None:
        return None
    try:
        return known.of(run)
    except AnalysisError:
        return None


def standing(label: str, verdict: Verdict | None) -> str:
    """A value against all others in a word."""
    if verdict is None:
        return "too few"
    if verdict.kind == "dominates":
        return "better" if verdict.leader == label else "worse"
    return verdict.kind
