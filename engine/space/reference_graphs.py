"""Graphs that are trained besides the draws: deep mutual learning of the same nodes, which results are held against."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from engine.space.catalogue import THROUGH
from engine.space.files.load import Space
from engine.space.graph import Graph
from engine.space.what_if import whatif

MOST_REFERENCES = 16
"""Combinations of models for which the all-through graph is trained besides; spaces with more go without."""


def references(space: Space) -> list[Graph]:
    """The effective all-through graph (DML, node losses summed) of each combination of models in the space."""
    combinations = list(product(*space.models))
    if len(combinations) > MOST_REFERENCES:
        return []
    graphs = {dml(models).effective().graph for models in combinations if _may_have(space, models)}
    return sorted(g for g in graphs if g is not None)


def _may_have(space: Space, models: Sequence[str]) -> bool:
    """Is there a graph with these models in the space? Its constraints may leave out what its domains list."""
    return whatif(space, " and ".join(f"m[{node}] = {model}" for node, model in enumerate(models, 1))).keys > 0


def dml(models: Sequence[str]) -> Graph:
    """Deep mutual learning of these models as a transfer graph: every edge through (the paper's "DML" row)."""
    return Graph(tuple(models), (THROUGH,) * len(models) ** 2)
