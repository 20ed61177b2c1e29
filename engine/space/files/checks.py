"""What must hold of a space before anything is done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import SpaceError
from engine.space.counting import formula
from engine.space.counting.solver import Solver, named

if TYPE_CHECKING:
    from engine.space.space import Space


def checked(space: Space, where: str) -> Space:
    """The space, if it holds a graph that trains its target. Raises SpaceError naming the phrases in conflict."""
    solver = Solver(space.ground)
    conditions = [p.formula(space.nodes) for p in space.phrases]
    if together := solver.conflict(conditions):
        raise SpaceError(f"{where}: no graph is left: {named([space.phrases[k] for k in together])}")
    if together := solver.conflict([formula.valid(space.nodes), *conditions]):
        guilty = named([space.phrases[k - 1] for k in together if k])
        raise SpaceError(f"{where}: no valid graph is left, every edge into the target is cutoff: {guilty}")
    return space
