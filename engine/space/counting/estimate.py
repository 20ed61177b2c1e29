"""Estimating the number of effective forms of a space too entangled to count them exactly.

Distinct images are not counted by sampling and looking: the unseen ones are the question. But for graphs drawn
uniformly, keys * mean(1 / f) is unbiased, where f is the size of the fibre: how many of the space's graphs have the
same effective form. A fibre is counted exactly: its form is given, so only what the target cannot feel is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import factorial

import numpy as np
from numpy.typing import NDArray

from engine.space.catalogue import on_label
from engine.space.counting import variables
from engine.space.counting.decision_diagram import Cell, Diagram
from engine.space.counting.formula import CLOSED
from engine.space.counting.graph_set import Ground
from engine.space.counting.sampling import Sampler
from engine.space.counting.variables import Move
from engine.space.graph import LABEL, MAX_NODES, Edge, Graph, edges

DRAWS = 300
"""Graphs drawn: at 1 ms a fibre of 4 nodes and 20 ms one of 8, at most some seconds."""

WIDTH = 2.576
"""Standard errors either side: 99 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Effective and taught forms, each with its 99 % interval."""

    effective: int
    taught: int
    effective_within: tuple[int, int]
    taught_within: tuple[int, int]


def estimate(ground: Ground, keys: int, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """Estimate the effective forms of a space of `keys` graphs from `draws` of them."""
    sampler = Sampler(ground)
    rows = sampler.draw(np.random.Generator(np.random.PCG64(seed)), draws)
    shares = [_share(ground, graph) for graph in sampler.book.graphs(rows)]
    effective, taught = (_scaled(keys, np.array(column)) for column in zip(*shares, strict=True))
    return Estimate(effective[0], taught[0], effective[1], taught[1])


def _share(ground: Ground, graph: Graph) -> tuple[float, float]:
    """One drawn graph's share of its form, and the same if it is taught."""
    if not graph.is_valid:
        return 0.0, 0.0
    share = 1 / fibre(ground, felt(graph))
    return share, share if graph.is_taught else 0.0


def _scaled(keys: int, shares: NDArray[np.float64]) -> tuple[int, tuple[int, int]]:
    mean, error = float(shares.mean()), WIDTH * float(shares.std(ddof=1)) / len(shares) ** 0.5
    return round(keys * mean), (round(keys * max(0.0, mean - error)), round(keys * min(1.0, mean + error)))


def felt(graph: Graph) -> Graph:
    """A valid graph's effective form in some labelling: the canonical one, of up to 5,040, is not needed here."""
    plain = tuple(on_label(gate) if edge.source == LABEL else gate for edge, gate in graph.items())
    return Graph(graph.models, plain).relabel(graph.live_nodes())


def fibre(ground: Ground, form: Graph) -> int:
    """Graphs of the space, up to relabelling, whose effective form is `form` (in any labelling).

    The form is laid on nodes 1..k; what remains is counted up to the form's own symmetries and any relabelling of the
    dead nodes, by Burnside's lemma over the products of the two.
    """
    nodes, live = ground.nodes, form.nodes
    values = _left_open(ground, form)
    if not all(values):
        return 0
    symmetries = _symmetries(form, nodes)
    dead = _dead_classes(nodes, live)
    fixed = (
        size * _completions(ground, values, _composed(symmetry, others))
        for symmetry, (others, size) in product(symmetries, dead)
    )
    return sum(fixed) // (len(symmetries) * factorial(nodes - live))


def _left_open(ground: Ground, form: Graph) -> list[tuple[str, ...]]:
    """What each variable may still be once the form is laid on nodes 1..k and all other nodes are dead."""
    nodes, live = ground.nodes, form.nodes
    values = [ground.wide(v) for v in range(variables.count(nodes))]
    for node, model in enumerate(form.models, 1):
        values[variables.model(node)] = _kept(values[variables.model(node)], {model})
    for edge in edges(nodes):
        v = variables.edge(nodes, *edge)
        if edge.target <= live:
            values[v] = _kept(values[v], _alike(values[v], edge, form) if edge.source <= live else CLOSED)
    return values


def _alike(gates: tuple[str, ...], edge: Edge, form: Graph) -> set[str]:
    """The gates that amount to the form's gate on this edge."""
    gate = form.gate(*edge)
    return {g for g in gates if on_label(g) == gate} if edge.source == LABEL else {gate}


def _kept(values: tuple[str, ...], allowed: set[str] | frozenset[str]) -> tuple[str, ...]:
    return tuple(v for v in values if v in allowed)


def _symmetries(form: Graph, nodes: int) -> list[Move]:
    """Relabellings of the form's nodes that leave it as it is, as moves of the whole graph's variables."""
    names = np.unique(np.array([*form.models, *form.gates]), return_inverse=True)[1]
    kept = np.flatnonzero((names[_moves(form.nodes)] == names).all(axis=1))
    dead = range(form.nodes + 1, nodes + 1)
    orders = list(form.relabellings())
    return [variables.move(nodes, (*orders[place], *dead)) for place in kept]


@lru_cache(maxsize=MAX_NODES)
def _moves(nodes: int) -> NDArray[np.int64]:
    """`[relabelling, variable]`, in the order of `Graph.relabellings`."""
    return np.array(variables.moves(nodes), np.int64)


def _dead_classes(nodes: int, live: int) -> list[tuple[Move, int]]:
    """Conjugacy classes of the relabellings of the nodes above `live`."""
    found = []
    for cycle, size in variables.orders(nodes - live):
        found.append((variables.move(nodes, (*range(1, live + 1), *(live + place for place in cycle))), size))
    return found


def _composed(first: Move, second: Move) -> Move:
    return tuple(first[v] for v in second)


def _completions(ground: Ground, values: list[tuple[str, ...]], relabelling: Move) -> int:
    """Graphs of the closure within `values` that `relabelling` leaves as they are."""
    cells = []
    for cycle in variables.cycles(relabelling, range(len(values))):
        common = tuple(v for v in values[cycle[0]] if all(v in values[other] for other in cycle))
        if not common:
            return 0
        cells.append(Cell(cycle, common))
    diagram = Diagram(cells)
    return diagram.count(diagram.either([diagram.compile(image) for image in ground.images()]))
