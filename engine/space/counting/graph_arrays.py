"""Graphs as rows of small integers, so that thousands are relabelled, compared and drawn at once with numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.space.counting import variables
from engine.space.counting.decision_diagram import FALSE, Diagram
from engine.space.counting.graph_set import Ground
from engine.space.graph import Graph

Rows = NDArray[np.uint8]
"""`[graph, variable]`: the place of each value in the sorted models or gates of the space."""


class Codebook:
    """Numbers for a space's names, in canonical (alphabetic) order, and rows back into graphs."""

    def __init__(self, ground: Ground) -> None:
        self.nodes = ground.nodes
        wide = [ground.wide(v) for v in range(variables.count(ground.nodes))]
        self.models = sorted({name for values in wide[: self.nodes] for name in values})
        self.gates = sorted({name for values in wide[self.nodes :] for name in values})
        self.codes = [
            np.array([(self.models if v < self.nodes else self.gates).index(name) for name in values], np.uint8)
            for v, values in enumerate(wide)
        ]
        """`codes[v][i]`: the number of the i-th value of variable v's cell."""

    def canonical(self, rows: Rows) -> Rows:
        """Each row's least relabelling: the row of `Graph.canonical()`."""
        best = _text(rows)
        for relabelling in variables.moves(self.nodes)[1:]:
            other = _text(rows[:, relabelling])
            best = np.where(other < best, other, best)
        return best.view(np.uint8).reshape(rows.shape)

    def is_canonical(self, rows: Rows) -> NDArray[np.bool_]:
        """Which rows are their own least relabelling."""
        plain = _text(rows)
        kept = np.ones(len(rows), bool)
        for relabelling in variables.moves(self.nodes)[1:]:
            kept &= plain <= _text(rows[:, relabelling])
        return kept

    def graphs(self, rows: Rows) -> list[Graph]:
        """The graphs of rows."""
        n = self.nodes
        models = np.array(self.models, object)[rows[:, :n]].tolist()
        gates = np.array(self.gates, object)[rows[:, n:]].tolist()
        return [Graph(tuple(m), tuple(g)) for m, g in zip(models, gates, strict=True)]


def _text(rows: Rows) -> NDArray[np.bytes_]:
    """Rows as byte strings: they compare as the canonical order does (padding zeros change no comparison)."""
    whole = np.ascontiguousarray(rows, np.uint8)
    return whole.view(f"S{whole.shape[1]}").ravel()


def identities(rows: Rows) -> list[bytes]:
    """One hashable a row, equal for equal rows."""
    whole: list[bytes] = _text(rows).tolist()
    return whole


class Layers:
    """A diagram laid out level by level, for walking many paths at once. The diagram hides no cell."""

    def __init__(self, diagram: Diagram, root: int) -> None:
        self.diagram = diagram
        self.total = diagram.count(root)
        self.places: list[dict[int, int]] = [{root: 0}]
        """`places[level][node]`: the node's place in that level's tables; nodes that skip the level pass through it."""
        self.branches: list[NDArray[np.int64]] = []
        """`branches[level][place, value]`: the place in the next level; -1 for false."""
        self.shares: list[NDArray[np.float64]] = []
        """`shares[level][place, value]`: the share of the node's solutions whose value is at most this one."""
        for level in range(len(diagram.cells)):
            self._lay(level)

    def _lay(self, level: int) -> None:
        size = len(self.diagram.cells[level].values)
        below: dict[int, int] = {}
        branches, shares = [], []
        for node in self.places[level]:
            arms = self.diagram.branches[node] if self.diagram.levels[node] == level else (node,) * size
            branches.append([below.setdefault(arm, len(below)) if arm != FALSE else -1 for arm in arms])
            shares.append(_cumulated([self.solutions(arm, level + 1) for arm in arms]))
        self.places.append(below)
        self.branches.append(np.array(branches, np.int64))
        self.shares.append(np.array(shares, np.float64))

    def solutions(self, node: int, level: int) -> int:
        """Paths from `node`, entered at `level`, to true."""
        return self.diagram.count_from(node, level)

    def walk(self, chances: NDArray[np.float64]) -> NDArray[np.int64]:
        """One solution a row of `chances` (`[row, level]`, in [0, 1)): places of values, uniform over solutions."""
        state = np.zeros(len(chances), np.int64)
        taken = np.empty(chances.shape, np.int64)
        for level, (branches, shares) in enumerate(zip(self.branches, self.shares, strict=True)):
            taken[:, level] = (chances[:, level, None] >= shares[state]).sum(axis=1)
            state = branches[state, taken[:, level]]
        return taken

    def unfold(self, node: int, level: int) -> NDArray[np.int64]:
        """All solutions below `node` entered at `level`, in lexicographic order: `[solution, cell - level]`."""
        state = np.array([self.places[level][node]], np.int64)
        taken = np.empty((1, 0), np.int64)
        for branches in self.branches[level:]:
            into = branches[state]
            row, value = np.nonzero(into >= 0)
            taken = np.column_stack((taken[row], value))
            state = into[row, value]
        return taken


def _cumulated(counts: Sequence[int]) -> list[float]:
    """Running shares, exact at both ends: an impossible value has no width."""
    total, running, shares = sum(counts) or 1, 0, []
    for count in counts:
        running += count
        shares.append(running / total)
    return shares
