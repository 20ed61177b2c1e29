"""Variables of a design space and how relabelling auxiliary nodes moves them.

A graph of N nodes is an assignment to N + N*N variables: first the models of nodes 1..N, then the gates in the order
of `edges(N)`; so `(*graph.models, *graph.gates)` is the assignment, and its lexicographic order is the canonical one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import permutations
from math import factorial, prod

from engine.space.graph import MAX_NODES, Edge, edges, positions

Move = tuple[int, ...]
"""A relabelling seen on variables: variable v of the new graph is variable `move[v]` of the old one."""


def count(nodes: int) -> int:
    """Variables of a graph: N models and N*N gates."""
    return nodes + nodes * nodes


def model(node: int) -> int:
    """The variable of a node's model."""
    return node - 1


def edge(nodes: int, source: int, target: int) -> int:
    """The variable of the gate on source -> target (source 0: the label)."""
    return nodes + positions(nodes)[Edge(source, target)]


def move(nodes: int, order: Sequence[int]) -> Move:
    """How `Graph.relabel(order)` moves the variables; `order` names every node and starts with 1."""
    old = (0, *order)
    models = (model(node) for node in order)
    return (*models, *(edge(nodes, old[s], old[t]) for s, t in edges(nodes)))


@lru_cache(maxsize=MAX_NODES)
def moves(nodes: int) -> tuple[Move, ...]:
    """Every relabelling of the auxiliary nodes, the identity first: (N - 1)! of them."""
    return tuple(move(nodes, (1, *rest)) for rest in permutations(range(2, nodes + 1)))


@lru_cache(maxsize=MAX_NODES)
def swaps(nodes: int) -> tuple[Move, ...]:
    """Exchanges of neighbouring auxiliary nodes: they generate every relabelling."""
    orders = []
    for node in range(2, nodes):
        order = list(range(1, nodes + 1))
        order[node - 1], order[node] = node + 1, node
        orders.append(move(nodes, order))
    return tuple(orders)


@lru_cache(maxsize=64)
def classes(nodes: int, moved: int) -> tuple[tuple[Move, int], ...]:
    """Conjugacy classes of the relabellings of nodes 2..`moved`: one member of each, and how many it stands for.

    Burnside's count of a set closed under relabelling needs one fixed-point count a class (its cycle lengths decide).
    """
    rest = range(moved + 1, nodes + 1)
    return tuple(
        (move(nodes, (1, *(1 + place for place in order), *rest)), size) for order, size in orders(moved - 1)
    )


def orders(things: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Conjugacy classes of the permutations of 1..`things`: one member of each, and how many it stands for."""
    for lengths in _partitions(things, things):
        order: list[int] = []
        for length in lengths:
            start = len(order) + 1
            order += [start + (i + 1) % length for i in range(length)]
        centraliser = prod(n**k * factorial(k) for n, k in Counter(lengths).items())
        yield tuple(order), factorial(things) // centraliser


def _partitions(total: int, most: int) -> Iterator[tuple[int, ...]]:
    if total == 0:
        yield ()
    for first in range(min(total, most), 0, -1):
        for rest in _partitions(total - first, first):
            yield (first, *rest)


def cycles(relabelling: Sequence[int] | Mapping[int, int], among: Sequence[int]) -> list[tuple[int, ...]]:
    """The cycles of a relabelling on the variables `among` (closed under it), by first member."""
    left = set(among)
    found = []
    for start in among:
        cycle = []
        while start in left:
            left.discard(start)
            cycle.append(start)
            start = relabelling[start]
        if cycle:
            found.append(tuple(cycle))
    return found
