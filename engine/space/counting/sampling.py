"""Drawing graphs uniformly from a space, up to relabelling, without replacement and without rejection.

Uniform over labelled graphs would be wrong: a graph that relabelling leaves as it is has fewer labellings, so it would
be drawn less often. Instead a pair (g, x) of a relabelling and a graph it leaves as it is, is drawn uniformly among
all such pairs: each graph up to relabelling has exactly (N - 1)! of them (the orbit-stabiliser theorem). The pair is
walked down the diagram of the graphs fixed by g, so a space with a tiny share of its parent costs no more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.errors import SpaceError
from engine.space.counting import variables
from engine.space.counting.enumeration import canonical_rows
from engine.space.counting.graph_arrays import Codebook, Layers, Rows, identities
from engine.space.counting.graph_set import Ground
from engine.space.graph import Graph

_FIRST, _LARGEST = 256, 32_768
"""Draws of the first batch, and of the largest: batches double, so that ten graphs cost little and many are fast."""


class Sampler:
    """One fixed random order of all graphs of a space for each seed."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.book = Codebook(ground)
        kinds = [
            (size * diagram.count(root), diagram, root)
            for relabelling, size in variables.classes(ground.nodes, ground.nodes)
            for diagram, root in (ground.closure(relabelling),)
        ]
        pairs = sum(weight for weight, _, _ in kinds)
        self.keys = pairs // len(variables.moves(ground.nodes))
        self.layers = [Layers(diagram, root) for weight, diagram, root in kinds if weight]
        running = np.cumsum([weight / pairs for weight, _, _ in kinds if weight])
        self.bounds = running[:-1]

    def order(self, seed: int) -> Iterator[Graph]:
        """Every graph of the space once, in the seed's random order: any beginning of it is a uniform sample."""
        for rows in self.rows(seed):
            yield from self.book.graphs(rows)

    def rows(self, seed: int) -> Iterator[Rows]:
        """The same graphs as canonical rows, in batches."""
        if seed < 0:
            raise SpaceError(f"seed: must be at least 0, got {seed}")
        yield from self._order(np.random.Generator(np.random.PCG64(seed)))

    def _order(self, random: np.random.Generator) -> Iterator[Rows]:
        """New draws until half of the space is seen, then the rest shuffled: the last graphs are not waited for."""
        seen: set[bytes] = set()
        batch = _FIRST
        while len(seen) * 2 < self.keys:
            rows = self.draw(random, batch)
            fresh = {name: place for place, name in reversed([*enumerate(identities(rows))]) if name not in seen}
            seen.update(fresh)
            yield rows[sorted(fresh.values())]
            batch = min(2 * batch, _LARGEST)
        rest = [self._unseen(rows, seen) for rows in canonical_rows(self.ground, self.book)] if self.keys else []
        if rest:
            rows = np.concatenate(rest)
            yield rows[np.argsort(random.random(len(rows)), kind="stable")]

    @staticmethod
    def _unseen(rows: Rows, seen: set[bytes]) -> Rows:
        return rows[[name not in seen for name in identities(rows)]]

    def draw(self, random: np.random.Generator, number: int) -> Rows:
        """`number` canonical rows, independent and uniform over the space's graphs (so with repeats)."""
        chances = random.random((number, 1 + len(self.book.codes)))
        kind = np.searchsorted(self.bounds, chances[:, 0], side="right")
        rows = np.empty((number, len(self.book.codes)), np.uint8)
        for place, layers in enumerate(self.layers):
            drawn = np.flatnonzero(kind == place)
            cells = layers.diagram.cells
            taken = layers.walk(chances[drawn, 1 : 1 + len(cells)])
            for level, cell in enumerate(cells):
                for variable in cell.variables:
                    rows[drawn, variable] = self.book.codes[cell.variables[0]][taken[:, level]]
        return self.book.canonical(rows)
