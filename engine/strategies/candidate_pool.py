"""Graphs of a space that stand by, to take the place of a proposal that cannot be taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from engine.space.graph import Graph
from engine.space.space import Space
from engine.strategies.encoding import Codes, Variables

SIZE = 1024
"""Graphs drawn at first: enough that one is near, and ready in a third of a second. Twice as many when all are used."""


def is_trained(graph: Graph) -> bool:
    """Does it need a training of its own: valid, and reached by a label?"""
    effective = graph.effective().graph
    return effective is not None and effective.is_taught


@dataclass
class Pool:
    """Graphs that need training, in a random order; what each looks like is worked out once."""

    space: Space
    variables: Variables
    seed: int
    drawn: int = 0
    graphs: list[Graph] = field(default_factory=list)
    names: list[tuple[str, str | None]] = field(default_factory=list)
    """Key and effective key of each."""
    rows: Codes = field(default_factory=lambda: np.empty((0, 0), np.int16))

    def nearest(self, graph: Graph, keys: Collection[str], forms: Collection[str]) -> Graph | None:
        """The graph that differs in the fewest variables from `graph`, among those that train like none of `forms`
        (effective keys) and are none of `keys`; None if there is none in the whole space."""
        while True:
            left = [i for i, (key, form) in enumerate(self.names) if key not in keys and form not in forms]
            if left:
                return self.graphs[left[self.variables.nearest(graph, self.rows[left])]]
            if self.drawn >= self.space.keys:
                return None
            self._draw()

    def _draw(self) -> None:
        self.drawn = min(self.space.keys, max(SIZE, 2 * self.drawn))
        self.graphs = [graph for graph in self.space.sample(self.drawn, self.seed) if is_trained(graph)]
        self.names = [(graph.key, graph.effective().key) for graph in self.graphs]
        self.rows = self.variables.rows(self.graphs)
