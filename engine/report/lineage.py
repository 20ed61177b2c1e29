"""The runs of a report in the order of their refinement, and the condition by which each next step was chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.analysis.conditions import Condition, Split, by_phrase, find, split
from engine.analysis.run_sample import Searched
from engine.errors import AnalysisError
from engine.space.constraints import Phrase

_VARIABLE = re.compile(r"[mL]\[[^\]]+\]|pretrained")


@dataclass(frozen=True, eq=False)
class Chapter:
    """One run of the report."""

    run: Searched
    added: tuple[Phrase, ...]
    """What this space's file adds to its parent."""
    chosen: Split | None
    """The trials by the condition that the next space constrains; None where no run of a child follows."""
    next_name: str | None
    next_phrases: tuple[Phrase, ...]
    slug: str
    """For file names: the space's, numbered where several runs of one space are told."""

    @property
    def is_exhaustive(self) -> bool:
        return self.run.info.strategy.get("name") == "exhaustive"


def chapters(runs: Sequence[Searched]) -> tuple[Chapter, ...]:
    """Order runs by the length of their lineage (then by name) and find what each step to the next one constrained.

    Raises AnalysisError for runs of which none is another's ancestor, unless there is only one: that is a comparison,
    not a lineage.
    """
    ordered = sorted(runs, key=lambda r: (len(r.space.lineage), r.space.name, str(r.folder)))
    for earlier, later in pairwise(ordered):
        if _names(earlier) != _names(later)[: len(_names(earlier))]:
            raise AnalysisError(
                f"{later.space.name} does not descend from {earlier.space.name}, a report tells one lineage",
                f"python -m engine.analysis {earlier.folder} {later.folder} compares them",
            )
    followed = zip(ordered, [*ordered[1:], None], _slugs(ordered), strict=True)
    return tuple(_chapter(run, later, slug) for run, later, slug in followed)


def _slugs(runs: Sequence[Searched]) -> list[str]:
    names = [run.space.slug for run in runs]
    return [n if names.count(n) == 1 else f"{n}-{names[: i + 1].count(n)}" for i, n in enumerate(names)]


def _names(run: Searched) -> list[tuple[str, tuple[str, ...]]]:
    return [(a.name, tuple(map(str, a.phrases))) for a in run.space.lineage]


def _chapter(run: Searched, later: Searched | None, slug: str) -> Chapter:
    own = run.space.lineage[-1].phrases
    if later is None or len(later.space.lineage) == len(run.space.lineage):
        return Chapter(run, own, None, None, (), slug)
    steps = later.space.lineage[len(run.space.lineage) :]
    phrases = tuple(p for step in steps for p in step.phrases)
    return Chapter(run, own, _chosen(run, phrases), later.space.name, phrases, slug)


def _chosen(run: Searched, phrases: Sequence[Phrase]) -> Split | None:
    """The trials by the first condition the phrases name; by the phrase itself if it names none."""
    for phrase in phrases:
        for name in _VARIABLE.findall(str(phrase)):
            if condition := _condition(name):
                return split(run.sample, condition)
    return by_phrase(run.sample, str(phrases[0]), run.space) if phrases else None


def _condition(name: str) -> Condition | None:
    try:
        return find(name)
    except AnalysisError:
        return None
