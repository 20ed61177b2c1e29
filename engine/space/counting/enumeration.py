"""Listing a space's graphs in canonical order, lazily: memory holds one block, whatever the space's size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.errors import SpaceError
from engine.space.counting import variables
from engine.space.counting.decision_diagram import FALSE
from engine.space.counting.graph_arrays import Codebook, Layers, Rows
from engine.space.counting.graph_set import Ground
from engine.space.graph import Graph

BLOCK = 16_384
"""Labelled graphs looked at together: 0.2 MB of rows at 3 nodes."""


def enumerate_graphs(ground: Ground, shard: tuple[int, int] | None = None) -> Iterator[Graph]:
    """Distinct canonical graphs in canonical order; with `shard` (i, n), 1 <= i <= n, the i-th of n parts.

    Parts are disjoint and cover the space; each is in canonical order and costs about 1 / n of the whole.
    """
    book = Codebook(ground)
    for rows in canonical_rows(ground, book, shard):
        yield from book.graphs(rows)


def canonical_rows(ground: Ground, book: Codebook, shard: tuple[int, int] | None = None) -> Iterator[Rows]:
    """The same as blocks of rows."""
    part, parts = shard or (1, 1)
    if not 1 <= part <= parts:
        raise SpaceError(f"shard: must be i/n with 1 <= i <= n, got {part}/{parts}")
    diagram, root = ground.closure(variables.moves(ground.nodes)[0])
    layers = Layers(diagram, root)
    block = BLOCK if parts == 1 else max(1, min(BLOCK, layers.total // (64 * parts)))
    for number, (prefix, node) in enumerate(_blocks(layers, root, (), block)):
        if number % parts == part - 1:
            rows = _rows(layers, book, prefix, node)
            kept = rows[book.is_canonical(rows)]
            if len(kept):
                yield kept


def _blocks(layers: Layers, node: int, prefix: tuple[int, ...], most: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """The diagram cut into beginnings of at most `most` solutions each, in order."""
    level = len(prefix)
    if node == FALSE:
        return
    if layers.diagram.count_from(node, level) <= most:
        yield prefix, node
        return
    size = len(layers.diagram.cells[level].values)
    arms = layers.diagram.branches[node] if layers.diagram.levels[node] == level else (node,) * size
    for value, arm in enumerate(arms):
        yield from _blocks(layers, arm, (*prefix, value), most)


def _rows(layers: Layers, book: Codebook, prefix: tuple[int, ...], node: int) -> Rows:
    rest = layers.unfold(node, len(prefix))
    rows = np.empty((len(rest), len(book.codes)), np.uint8)
    for variable, codes in enumerate(book.codes):
        place = variable - len(prefix)
        rows[:, variable] = codes[prefix[variable]] if place < 0 else codes[rest[:, place]]
    return rows
