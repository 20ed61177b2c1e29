"""What the next step of a refinement would be and cost, once a constraint is chosen."""

from __future__ import annotations

from dataclasses import dataclass

from engine.space.space import Space
from engine.space.what_if import whatif


@dataclass(frozen=True, slots=True)
class Step:
    """A child space and the search of it that follows."""

    raw: int
    paper: int | None
    """None where the constraint tells auxiliary nodes apart."""
    keys: int
    """Graphs up to relabelling."""
    inherited: int
    """Trials of the parent that the child starts from."""
    graphs: int
    """Graphs still to draw for a sample as large as the parent's, or for all of them if there are fewer."""
    seconds: float | None
    """Time those would take at the parent's mean; None if not known. An upper bound: shared trainings are paid once."""

    @property
    def is_exhaustive(self) -> bool:
        """True if the next search would cover the whole child."""
        return self.inherited + self.graphs >= self.keys


def next_step(space: Space, phrase: str, drawn: int, inherited: int, seconds: float | None) -> Step:
    """The step that adds `phrase` to `space` after `drawn` trials, `inherited` of which satisfy it (left-out ones too)."""
    found = whatif(space, phrase)
    graphs = max(0, min(drawn, found.keys) - inherited)
    return Step(found.raw, found.paper, found.keys, inherited, graphs, None if seconds is None else graphs * seconds)
