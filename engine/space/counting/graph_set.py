"""The set of graphs a space means, as something to count: domains, phrases, and relabelling.

The labelled set S holds the graphs whose values lie in the domains and which satisfy every phrase, as written. The
*closure* T holds every relabelling of a member of S: a graph is in the space exactly if its labelled form is in T,
that is, if one relabelling satisfies all phrases together. T is closed under relabelling, so Burnside's lemma counts
its orbits, which are the space's keys: |T / G| = (1 / |G|) * sum over g of |{x in T : g x = x}|. A graph fixed by g
has one value along each cycle of g, so fixed graphs are assignments of the cycles: one diagram a conjugacy class.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import factorial

from engine.space.counting import formula as f
from engine.space.counting import variables
from engine.space.counting.decision_diagram import Cell, Diagram, Effort
from engine.space.counting.formula import Formula, Within
from engine.space.counting.variables import Move


@dataclass(frozen=True)
class Ground:
    """Domains and the conjunction of a space's phrases. `domains[v]` are variable v's values, in canonical order."""

    nodes: int
    domains: tuple[tuple[str, ...], ...]
    phrases: Formula

    def wide(self, variable: int) -> tuple[str, ...]:
        """All values the variable takes in the closure: the domains of its relabellings together."""
        return _wide(self)[variable]

    def written(self) -> Formula:
        """The labelled set as a formula over the closure's wider domains."""
        narrow = (Within(v, frozenset(d)) for v, d in enumerate(self.domains) if d != self.wide(v))
        return f.every(chain(narrow, (self.phrases,)))

    def images(self) -> tuple[Formula, ...]:
        """The different relabellings of the labelled set; their union is the closure."""
        return _images(self)

    def closure(self, relabelling: Move, effort: Effort | None = None) -> tuple[Diagram, int]:
        """The graphs of the closure that `relabelling` leaves as they are; cells are its cycles, in canonical order."""
        every = range(variables.count(self.nodes))
        cells = [Cell(c, self.wide(c[0])) for c in variables.cycles(relabelling, every)]
        diagram = Diagram(cells, effort=effort)
        return diagram, diagram.either([diagram.compile(image) for image in self.images()])

    def orbits(self, effort: Effort | None = None) -> int:
        """Graphs up to relabelling: the number of distinct keys."""
        fixed = (
            size * diagram.count(node)
            for relabelling, size in variables.classes(self.nodes, self.nodes)
            for diagram, node in (self.closure(relabelling, effort),)
        )
        return sum(fixed) // factorial(self.nodes - 1)


@lru_cache(maxsize=256)
def _wide(ground: Ground) -> tuple[tuple[str, ...], ...]:
    wide = [set(domain) for domain in ground.domains]
    for relabelling in variables.swaps(ground.nodes) * (ground.nodes - 2):
        for variable, source in enumerate(relabelling):
            wide[variable] |= wide[source]
    return tuple(tuple(sorted(values)) for values in wide)


@lru_cache(maxsize=256)
def _images(ground: Ground) -> tuple[Formula, ...]:
    """Breadth first over exchanges of neighbours: a space symmetric in its auxiliaries stops after N - 2 of them."""
    found = [ground.written()]
    for image in found:
        for swap in variables.swaps(ground.nodes):
            if (other := f.moved(image, swap)) not in found:
                found.append(other)
    return tuple(found)
