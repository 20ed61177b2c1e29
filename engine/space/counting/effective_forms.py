"""Counting effective forms: what the target can feel of a space's graphs, without listing them.

A graph's effective form keeps its live nodes, the open edges among them and from the label, and reads `correct` on a
label edge as `through` (`Graph.effective`). Since a space is closed under relabelling, the live nodes may be taken to
be 1..k: the forms with k live nodes are the closure's graphs whose edges from dead to live nodes are cutoff and whose
nodes 2..k all reach the target, seen through the variables that are felt, up to relabelling nodes 2..k.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from math import factorial

from engine.space.catalogue import on_label
from engine.space.counting import formula as f
from engine.space.counting import variables
from engine.space.counting.decision_diagram import Cell, Diagram, Effort
from engine.space.counting.formula import CLOSED, Formula, Within
from engine.space.counting.graph_set import Ground
from engine.space.counting.variables import Move
from engine.space.graph import LABEL, Edge, edges

MERGED = 1_000
"""Added to a label edge's variable: the variable of what its gate amounts to, where phrases tell `correct` apart."""


def forms(ground: Ground, only_taught: bool = False, effort: Effort | None = None) -> int:
    """Distinct effective forms of the valid graphs of a space; with `only_taught`, of those that labels reach."""
    return sum(_orbits(ground, live, only_taught, effort) for live in range(1, ground.nodes + 1))


def _orbits(ground: Ground, live: int, only_taught: bool, effort: Effort | None) -> int:
    """Forms with `live` nodes, by Burnside's lemma over the relabellings of nodes 2..live."""
    view = _view(ground, live)
    if not all(view.values.values()):
        return 0
    fixed = (
        size * _fixed(ground, view, relabelling, only_taught, effort)
        for relabelling, size in variables.classes(ground.nodes, live)
    )
    return sum(fixed) // factorial(live - 1)


@dataclass(frozen=True)
class _View:
    """The variables of a space's graphs, sorted by whether the target can feel them when nodes 1..live are alive."""

    live: int
    felt: tuple[int, ...]
    unseen: tuple[int, ...]
    values: dict[int, tuple[str, ...]]
    links: tuple[Formula, ...]
    """What ties a hidden label gate to the visible variable of what it amounts to."""


@lru_cache(maxsize=256)
def _view(ground: Ground, live: int) -> _View:
    nodes = ground.nodes
    read = frozenset(chain.from_iterable(f.support(image) for image in ground.images()))
    values = {v: ground.wide(v) for v in range(variables.count(nodes))}
    felt, unseen, links = list(range(live)), list(range(live, nodes)), []
    for edge in edges(nodes):
        v = variables.edge(nodes, *edge)
        merged = _merged(edge, values[v])
        if edge.target > live:
            unseen.append(v)
        elif edge.source > live:
            values[v] = tuple(g for g in values[v] if g in CLOSED)
            unseen.append(v)
        elif v in read and len(merged) < len(values[v]):
            links.append(_link(v, values[v]))
            values[v + MERGED] = merged
            felt.append(v + MERGED)
            unseen.append(v)
        else:
            values[v] = values[v] if v in read else merged
            felt.append(v)
    return _View(live, tuple(felt), tuple(unseen), values, tuple(links))


def _merged(edge: Edge, gates: tuple[str, ...]) -> tuple[str, ...]:
    """What an edge's gates amount to."""
    return tuple(sorted({on_label(g) for g in gates})) if edge.source == LABEL else gates


def _link(variable: int, gates: tuple[str, ...]) -> Formula:
    alike: dict[str, list[str]] = {}
    for gate in gates:
        alike.setdefault(on_label(gate), []).append(gate)
    return f.some(
        f.every((Within(variable + MERGED, frozenset((name,))), Within(variable, frozenset(members))))
        for name, members in alike.items()
    )


def _fixed(
    ground: Ground, view: _View, relabelling: Move, only_taught: bool, effort: Effort | None
) -> int:
    """Forms that `relabelling` leaves as they are: visible cells are its cycles on what is felt, the rest is hidden."""
    by = {v: relabelling[v] for v in view.felt if v < MERGED}
    by.update({v: relabelling[v - MERGED] + MERGED for v in view.felt if v >= MERGED})
    cells = [Cell(c, view.values[c[0]]) for c in variables.cycles(by, view.felt)]
    hidden = [Cell((v,), view.values[v]) for v in view.unseen]
    diagram = Diagram([*cells, *hidden], len(cells), effort)
    conditions = [f.alive(ground.nodes, view.live), *view.links]
    if only_taught:
        conditions.append(f.knows_labels(ground.nodes, view.live))
    union = diagram.either([diagram.compile(image) for image in ground.images()])
    return diagram.count(diagram.both([union, *map(diagram.compile, conditions)]))
