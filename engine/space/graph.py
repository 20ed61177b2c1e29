"""The transfer graph: networks taught together, an edge a distillation loss, a gate on every edge.

Paper section 3 (after Minami et al. 2020): N nodes, node 1 is the target; `L[y,t]` is the label's cross-entropy into
node t, `L[s,t]` the divergence from node s into node t. A graph is immutable and hashable. Relabelling auxiliary nodes
gives the same graph, so a graph has one canonical form and one key; nodes that cannot reach the target do not matter,
so it also has an *effective* form, and graphs with equal effective forms train identically.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from typing import NamedTuple

from engine.errors import SpaceError
from engine.space.catalogue import CUTOFF, is_open, on_label

LABEL = 0
"""The source number of the teacher label y; nodes are 1..N."""

MAX_NODES = 8


class Edge(NamedTuple):
    """A directed edge; `source` 0 is the teacher label y."""

    source: int
    target: int

    def __str__(self) -> str:
        return f"{'y' if self.source == LABEL else self.source}>{self.target}"


@lru_cache(maxsize=MAX_NODES)
def edges(nodes: int) -> tuple[Edge, ...]:
    """All N*N edges in the order gates are kept: for each destination 1..N its label edge, then sources ascending."""
    return tuple(Edge(s, t) for t in range(1, nodes + 1) for s in range(nodes + 1) if s != t)


@lru_cache(maxsize=MAX_NODES)
def positions(nodes: int) -> dict[Edge, int]:
    """Place of each edge in `edges(nodes)`."""
    return {edge: place for place, edge in enumerate(edges(nodes))}


@dataclass(frozen=True, slots=True, order=True)
class Graph:
    """A transfer graph as written: `models[i]` is node i+1's model, `gates[j]` the gate on `edges(N)[j]`."""

    models: tuple[str, ...]
    gates: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.gates) != len(self.models) ** 2:
            n = len(self.models)
            raise SpaceError(f"a graph of {n} nodes has {n * n} edges, not {len(self.gates)}")

    @property
    def nodes(self) -> int:
        return len(self.models)

    def gate(self, source: int, target: int) -> str:
        """The gate on the edge source -> target (source 0: the label)."""
        return self.gates[positions(self.nodes)[Edge(source, target)]]

    def items(self) -> Iterator[tuple[Edge, str]]:
        """Edges with their gates, in order."""
        return zip(edges(self.nodes), self.gates, strict=True)

    def open_into(self, target: int) -> tuple[int, ...]:
        """Sources with an open (not cutoff) edge into `target`."""
        return tuple(e.source for e, g in self.items() if e.target == target and is_open(g))

    def is_pretrained(self, node: int) -> bool:
        """An auxiliary node with only cutoff edges into it starts pre-trained and stays frozen."""
        return node != 1 and not self.open_into(node)

    @property
    def is_valid(self) -> bool:
        """False when nothing trains the target (only cutoff edges into it)."""
        return bool(self.open_into(1))

    @property
    def is_taught(self) -> bool:
        """True when a label reaches the target by an open path; a pre-trained node on the path knows labels."""
        return any(LABEL in self.open_into(n) or self.is_pretrained(n) for n in self.live_nodes())

    def live_nodes(self) -> tuple[int, ...]:
        """The target and every node with an open path to it, ascending."""
        live = {1}
        frontier = [1]
        while frontier:
            for source in self.open_into(frontier.pop()):
                if source != LABEL and source not in live:
                    live.add(source)
                    frontier.append(source)
        return tuple(sorted(live))

    def relabel(self, order: tuple[int, ...]) -> Graph:
        """The same graph with its nodes renumbered: node `order[i]` becomes node i+1. May drop nodes.

        `order` starts with 1: the target stays node 1.
        """
        old = (LABEL, *order)
        models = tuple(self.models[n - 1] for n in order)
        place = positions(self.nodes)
        gates = tuple(self.gates[place[Edge(old[s], old[t])]] for s, t in edges(len(order)))
        return Graph(models, gates)

    def relabellings(self) -> Iterator[tuple[int, ...]]:
        """Every order of the nodes that keeps the target first."""
        return ((1, *rest) for rest in permutations(range(2, self.nodes + 1)))

    def canonical(self) -> Graph:
        """The least (models, gates) over all relabellings of the auxiliary nodes: one form a graph."""
        return min(self.relabel(order) for order in self.relabellings())

    @property
    def key(self) -> str:
        """16 hex digits that name the graph, equal for relabelled graphs (64 bits of BLAKE2b of the canonical text)."""
        return _key(self)

    def effective(self) -> Effective:
        """What the target can feel of this graph, canonical; see `Effective`."""
        return _effective(self)

    def __str__(self) -> str:
        """`1:resnet32 2:wrn28-2 | y>1 through, 2>1 linear`; cutoff edges are not written. `parse` reads it back."""
        nodes = " ".join(f"{i}:{m}" for i, m in enumerate(self.models, 1))
        gates = ", ".join(f"{e} {g}" for e, g in self.items() if g != CUTOFF)
        return f"{nodes} | {gates}"

    @classmethod
    def parse(cls, text: str) -> Graph:
        """Read the text form back, with its key before it or without; edges not written are cutoff.

        Raises SpaceError naming the part that is wrong.
        """
        keyed = re.match(r"\s*([0-9a-f]{16})\s", text)
        graph = cls._parse(text[keyed.end() :] if keyed else text)
        if keyed and graph.key != keyed[1]:
            raise SpaceError(f"graph text: {keyed[1]} is the key of another graph, not {graph.key}", "leave the key out")
        return graph

    @classmethod
    def _parse(cls, text: str) -> Graph:
        head, bar, tail = text.partition("|")
        models = []
        for place, word in enumerate(head.split(), 1):
            number, colon, model = word.partition(":")
            if not colon or number != str(place) or not model:
                raise SpaceError(f"graph text: expected '{place}:MODEL' but got {word!r}")
            models.append(model)
        if len(models) > MAX_NODES:
            raise SpaceError(f"graph text: at most {MAX_NODES} nodes, got {len(models)}")
        if not bar or not models:
            raise SpaceError(f"graph text: expected '1:MODEL 2:MODEL | y>1 GATE, ...' but got {text[:80]!r}")
        gates = dict.fromkeys(edges(len(models)), CUTOFF)
        written: set[Edge] = set()
        for part in filter(None, (p.strip() for p in tail.split(","))):
            match = re.fullmatch(r"(y|\d+)\s*>\s*(\d+)\s+(\S+)", part)
            edge = match and Edge(LABEL if match[1] == "y" else int(match[1]), int(match[2]))
            if not match or edge not in gates:
                raise SpaceError(f"graph text: {part!r} is not an edge and its gate, such as '2>1 linear'")
            if edge in written:
                raise SpaceError(f"graph text: the edge {edge} is written twice", "write it once")
            written.add(edge)
            gates[edge] = match[3]
        return cls(tuple(models), tuple(gates.values()))


@dataclass(frozen=True, slots=True)
class Effective:
    """The part of a graph its target can feel.

    `graph` is canonical: live nodes only, `correct` on a label edge read as `through`; None if the graph is invalid.
    `nodes[i]` is the node of the drawn graph that became node i+1. Graphs with equal `graph` train identically.
    """

    graph: Graph | None
    nodes: tuple[int, ...]

    @property
    def key(self) -> str | None:
        return None if self.graph is None else _key(self.graph)


@lru_cache(maxsize=65536)
def _key(graph: Graph) -> str:
    return hashlib.blake2b(str(graph.canonical()).encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=65536)
def _effective(graph: Graph) -> Effective:
    if not graph.is_valid:
        return Effective(None, ())
    plain = tuple(on_label(g) if e.source == LABEL else g for e, g in graph.items())
    live = graph.live_nodes()
    kept = Graph(graph.models, plain).relabel(live)
    order = min(kept.relabellings(), key=kept.relabel)
    return Effective(kept.relabel(order), tuple(live[i - 1] for i in order))
