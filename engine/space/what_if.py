"""Narrowing a space by a phrase: what it would do, what it did, and whether one space lies in another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.errors import SpaceError
from engine.space.constraints import Phrase
from engine.space.counting import formula as f
from engine.space.counting.counts import Counts, basic, counts
from engine.space.counting.decision_diagram import FALSE, Cell, Diagram, Report, TooEntangledError
from engine.space.counting.formula import Within
from engine.space.counting.graph_set import Ground
from engine.space.counting.solver import Solver
from engine.space.files.checks import checked
from engine.space.space import Ancestor, Space


class Verdict(StrEnum):
    """What a phrase does to a space."""

    NARROWS = "narrows"
    CHANGES_NOTHING = "changes nothing"
    LEAVES_NONE_VALID = "leaves no valid graph"
    EMPTIES = "empties the space"

    @property
    def is_usable(self) -> bool:
        """Whether a child with this phrase could be searched."""
        return self in (Verdict.NARROWS, Verdict.CHANGES_NOTHING)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A space with one more phrase, before anybody decides on it."""

    phrase: Phrase
    verdict: Verdict
    raw: int
    paper: int | None
    """None where the phrases are not closed under relabelling."""
    keys: int
    conflict: tuple[Phrase, ...]
    """The phrases that cannot hold together, the new one among them; empty unless the verdict says so."""
    ground: Ground
    """The child's set of graphs."""

    def counts(self, report: Report | None = None) -> Counts:
        """All counts, the effective ones too (slower: up to 0.1 s for a shipped space)."""
        return counts(self.ground, report)


def whatif(space: Space, phrase: Phrase | str, report: Report | None = None) -> WhatIf:
    """What the phrase would leave of the space. Nothing is checked beyond that: the verdict says what is wrong.

    `report` hears of decisions made, if the phrase couples so many edges that counting takes long.
    """
    read = space.parse(phrase) if isinstance(phrase, str) else phrase
    ground = narrowed(space, (read,))
    raw, paper, keys = basic(ground, report)
    verdict = Verdict.NARROWS
    conflict: tuple[Phrase, ...] = ()
    if keys == space.keys:
        verdict = Verdict.CHANGES_NOTHING
    elif found := _conflict(space, read, bool(raw)):
        verdict, conflict = (Verdict.LEAVES_NONE_VALID if raw else Verdict.EMPTIES), found
    return WhatIf(read, verdict, raw, paper, keys, conflict, ground)


def narrowed(space: Space, phrases: tuple[Phrase, ...]) -> Ground:
    """The set of graphs of the child that adds `phrases`."""
    ground = space.ground
    return replace(ground, phrases=f.every((ground.phrases, *(p.formula(space.nodes) for p in phrases))))


def _conflict(space: Space, phrase: Phrase, nonempty: bool) -> tuple[Phrase, ...]:
    """The phrases that leave no graph, or (if there are graphs) none that trains the target."""
    phrases = (*space.phrases, phrase)
    conditions = [p.formula(space.nodes) for p in phrases]
    extra = [f.valid(space.nodes)] if nonempty else []
    found = Solver(space.ground).conflict([*extra, *conditions])
    return tuple(phrases[k - len(extra)] for k in found if k >= len(extra))


@dataclass(frozen=True, slots=True)
class Step:
    """What one phrase of a refinement took away, given those before it."""

    phrase: Phrase
    before: int
    """Graphs (keys) before it."""
    after: int

    @property
    def changes_nothing(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True, slots=True)
class Refinement:
    """A child space, and what its phrases took away from the parent."""

    child: Space
    before: Counts
    after: Counts
    steps: tuple[Step, ...]


def refine(
    space: Space, *phrases: Phrase | str, name: str | None = None, note: str = "", report: Report | None = None
) -> Refinement:
    """The child that adds `phrases` (named `name`, else the parent's name and "+"), counted before and after.

    Raises SpaceError naming the phrases in conflict if no graph, or none that trains the target, would be left.
    """
    if not phrases:
        raise SpaceError("refine: no phrase given", "a child adds at least one, such as 'm[aux] = wrn28-2'")
    read = tuple(space.parse(p, f"phrase {k}") if isinstance(p, str) else p for k, p in enumerate(phrases, 1))
    called = name or f"{space.name}+"
    child = replace(space, name=called, lineage=(*space.lineage, Ancestor(called, read)), note=note, file=None)
    checked(child, called)
    keys = [basic(narrowed(space, read[:k]), report)[2] for k in range(1, len(read))]
    after = child.counts(report)
    sizes = [space.keys, *keys, after.keys]
    steps = (Step(p, b, a) for p, b, a in zip(read, sizes, sizes[1:], strict=False))
    return Refinement(child, space.counts(report), after, tuple(steps))


def inside(child: Space, parent: Space) -> bool | None:
    """Whether every graph of `child` is one of `parent`, whatever their lineages; None if that is not shown.

    Exact: no graph of the child's closure lies outside the parent's.
    """
    if child.nodes != parent.nodes:
        return False
    grounds = child.ground, parent.ground
    values = ({name for g in grounds for name in g.wide(v)} for v in range(len(child.ground.domains)))
    diagram = Diagram([Cell((v,), tuple(sorted(names))) for v, names in enumerate(values)])
    try:
        own, other = (_closure(diagram, ground) for ground in grounds)
        return diagram.choose(own, diagram.choose(other, FALSE, 1), FALSE) == FALSE
    except TooEntangledError:
        return None


def _closure(diagram: Diagram, ground: Ground) -> int:
    """A space's closure among assignments of wider cells than its own."""
    box = diagram.compile(f.every(Within(v, frozenset(ground.wide(v))) for v in range(len(ground.domains))))
    return diagram.both([box, diagram.either([diagram.compile(image) for image in ground.images()])])
