"""Decision diagrams over many-valued variables: counting the solutions of a formula without listing them.

A diagram is a reduced, ordered graph of decisions (Bryant 1986, with one branch a value): equal functions are one
node, so counting is one pass over the nodes. A box of domains takes one node a variable; a count over n edges takes
n * (limit + 1). Everything here is exact, in Python's integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod

import msgspec

from engine.errors import SpaceError
from engine.space.counting.formula import All, Any, Formula, Not, Same, Tally, Within

FALSE, TRUE = 0, 1

STRIDE = 4_096
"""Nodes a diagram builds between two looks at its effort: small diagrams are free."""

REPORT_EVERY = 25 * STRIDE
"""Nodes between two reports: two seconds or so."""

Report = Callable[[int], None]
"""Called with the number of nodes built so far."""


class TooEntangledError(SpaceError):
    """A formula whose diagram is larger than the limit."""


@dataclass(slots=True)
class Effort:
    """What one question may cost, over all the diagrams it takes."""

    limit: int = 3_000_000
    """Nodes after which counting gives up; 3,000,000 in one diagram are about 1 GB and a minute."""
    report: Report | None = None
    built: int = 0

    def spend(self, nodes: int) -> None:
        """Raises TooEntangledError past the limit."""
        self.built += nodes
        if self.built >= self.limit:
            raise TooEntangledError(
                f"the constraints couple too many edges to be counted exactly (more than {self.limit:,} decisions)",
                "write them as several simpler phrases",
            )
        if self.report is not None and self.built % REPORT_EVERY < nodes:
            self.report(self.built)


class Cell(msgspec.Struct, frozen=True):
    """One decision: variables that take their value together, and the values open to them."""

    variables: tuple[int, ...]
    values: tuple[str, ...]


class Diagram:
    """Diagrams over one order of cells. A node is a number; 0 is false, 1 is true.

    Cells from `hidden` on are projected away when counting: an assignment of the visible cells counts once if any
    assignment of the hidden ones completes it.
    """

    def __init__(self, cells: Sequence[Cell], hidden: int | None = None, effort: Effort | None = None) -> None:
        self.cells = tuple(cells)
        self.hidden = len(self.cells) if hidden is None else hidden
        self.levels = [len(self.cells), len(self.cells)]
        self.branches: list[tuple[int, ...]] = [(), ()]
        self._level_of = {v: level for level, cell in enumerate(self.cells) for v in cell.variables}
        self._unique: dict[tuple[int, tuple[int, ...]], int] = {}
        self._chosen: dict[tuple[int, int, int], int] = {}
        self._compiled: dict[Formula, int] = {}
        self._counted: dict[int, int] = {}
        sizes = [len(cell.values) if level < self.hidden else 1 for level, cell in enumerate(self.cells)]
        self._free = [prod(sizes[level:]) for level in range(len(sizes) + 1)]
        self._effort = effort or Effort()

    def node(self, level: int, branches: tuple[int, ...]) -> int:
        """The node deciding cell `level`; a decision that does not matter is no node."""
        first = branches[0]
        if branches.count(first) == len(branches):
            return first
        key = (level, branches)
        found = self._unique.get(key)
        if found is None:
            found = self._unique[key] = len(self.levels)
            self.levels.append(level)
            self.branches.append(branches)
            if found % STRIDE == 0:
                self._effort.spend(STRIDE)
        return found

    def choose(self, which: int, then: int, otherwise: int) -> int:
        """`which ? then : otherwise`, the one operation that all others are."""
        if which < 2:
            return then if which else otherwise
        if then == otherwise:
            return then
        if then == TRUE and otherwise == FALSE:
            return which
        if otherwise == FALSE and which > then > TRUE:
            which, then = then, which
        key = (which, then, otherwise)
        found = self._chosen.get(key)
        if found is None:
            levels = self.levels
            level = min(levels[which], levels[then], levels[otherwise])
            size = len(self.cells[level].values)
            arms = (self.branches[n] if levels[n] == level else (n,) * size for n in key)
            found = self._chosen[key] = self.node(level, tuple(map(self.choose, *arms)))
        return found

    def both(self, nodes: Iterable[int]) -> int:
        """The conjunction, deepest decisions first: a box then costs one node a cell."""
        result = TRUE
        for node in sorted(nodes, key=self.levels.__getitem__, reverse=True):
            result = self.choose(node, result, FALSE)
        return result

    def either(self, nodes: Iterable[int]) -> int:
        result = FALSE
        for node in sorted(nodes, key=self.levels.__getitem__, reverse=True):
            result = self.choose(node, TRUE, result)
        return result

    def compile(self, formula: Formula) -> int:
        """The node of a formula over the cells' variables."""
        found = self._compiled.get(formula)
        if found is None:
            found = self._compiled[formula] = self._compile(formula)
        return found

    def _compile(self, formula: Formula) -> int:
        match formula:
            case Within(variable, values):
                level = self._level_of[variable]
                return self.node(level, tuple(int(value in values) for value in self.cells[level].values))
            case Same(tied):
                return self._same(sorted({self._level_of[v] for v in tied}))
            case Tally(parts, low, high):
                return self._tally([node for p, number in parts for node in [self.compile(p)] * number], low, high)
            case Not(part):
                return self.choose(self.compile(part), FALSE, TRUE)
            case All(parts):
                return self.both([self.compile(p) for p in parts])
            case Any(parts):
                return self.either([self.compile(p) for p in parts])

    def _same(self, levels: Sequence[int]) -> int:
        if len(levels) == 1:
            return TRUE
        values = {value for level in levels for value in self.cells[level].values}
        boxes = (
            self.both([self.node(k, tuple(int(v == value) for v in self.cells[k].values)) for k in levels])
            for value in sorted(values)
        )
        return self.either(list(boxes))

    def _tally(self, nodes: Sequence[int], low: int, high: int) -> int:
        """`exactly[j]`: j of the parts seen so far hold; built from the last level up, so each step is one node."""
        if high < 0 or low > len(nodes):
            return FALSE
        exactly = [TRUE]
        for node in sorted(nodes, key=self.levels.__getitem__, reverse=True):
            longer = [*exactly, FALSE]
            exactly = [self.choose(node, longer[j - 1] if j else FALSE, longer[j]) for j in range(len(longer))]
            del exactly[high + 1 :]
        return self.either(exactly[max(low, 0) :])

    def count(self, node: int) -> int:
        """Assignments of the visible cells that reach true."""
        return self.count_from(node, 0)

    def count_from(self, node: int, level: int) -> int:
        """Assignments of the visible cells from `level` on that lead from `node` to true."""
        return self._span(level, self.levels[node]) * self._count(node)

    def _span(self, start: int, stop: int) -> int:
        """Assignments of the visible cells start..stop-1, all free."""
        return self._free[start] // self._free[stop]

    def _count(self, node: int) -> int:
        level = self.levels[node]
        if level >= self.hidden:
            return int(node != FALSE)
        found = self._counted.get(node)
        if found is None:
            found = self._counted[node] = sum(self.count_from(n, level + 1) for n in self.branches[node])
        return found
