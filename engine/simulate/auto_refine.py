"""The automatic person on a table: random searches, the rule's constraints, an exhaustive search at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.analysis.sample import sample
from engine.errors import AnalysisError
from engine.refine.rule import decide
from engine.simulate.regret import Path
from engine.simulate.replay import whole
from engine.simulate.table import Table
from engine.space.graph import Graph
from engine.space.space import Space
from engine.space.what_if import refine
from engine.store.records import Trial
from engine.strategies.interface import Draw


def refined(table: Table, graphs: int, seed: int) -> Path:
    """`engine.refine --auto` with `graphs` draws a space, trained whole at as many graphs or fewer; inherits as it does.

    Where too few trials are left for a decision, the search ends with what it has.
    """
    path = Path(seed % table.repeats)
    paid: dict[int, int] = {}
    space: Space = table.space
    drawn: dict[Graph, Trial] = {}
    while space.keys > graphs:
        inherited = {g: t for g, t in drawn.items() if space.contains(g)}
        fresh = space.sample(max(0, graphs - len(inherited)), seed + 1_000_003 * len(space.lineage), {g.key for g in inherited})
        drawn = inherited | _trained(table, fresh, path, paid)
        try:
            decision = decide(sample(drawn.values(), space.protocol, name=space.name), space, seed)
        except AnalysisError:
            return path
        space = refine(space, decision.phrase).child
    rest = [g for g in space.enumerate() if g not in drawn]
    # Not in their canonical order: the first of several equal graphs would be one of certain gates.
    _trained(table, [rest[i] for i in np.random.default_rng([seed, len(space.lineage)]).permutation(len(rest))], path, paid)
    return path


def _trained(table: Table, graphs: Sequence[Graph], path: Path, paid: dict[int, int]) -> dict[Graph, Trial]:
    first = path.drawn
    found = {graph: whole(table, Draw(first + place, graph, path.repeat), path, paid) for place, graph in enumerate(graphs)}
    path.trained = len(paid)
    return found
