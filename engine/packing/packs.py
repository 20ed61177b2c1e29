"""Which graphs ride in one pack: its shape, and how graphs fill it.

A pack's shape is fixed beforehand and unfilled places hold spare networks: equal shapes keep compiled code valid and make a
graph's last bits independent of the pack it rides in.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

from engine.packing.shared_networks import Network, networks
from engine.space.catalogue import CUTOFF, is_open
from engine.space.graph import Edge, Graph, edges


@dataclass(frozen=True, slots=True)
class PackShape:
    """What every pack of a search is filled up to."""

    graphs: int
    nodes: int
    slots: dict[str, int]
    """Trainable networks a model."""
    gates: tuple[str, ...] = (CUTOFF,)
    """Gates the search uses: one list for all packs, so that a pack's arithmetic does not depend on who rides in it."""
    teachers: tuple[tuple[str, int], ...] = ()
    """(model, node) of each pre-trained network the search needs, in the order of their logits."""
    shared: bool = False
    """Is a network that several graphs of a pack share trained once (`engine.packing.shared_networks`)?"""

    def plain(self) -> dict[str, Any]:
        """As JSON data; `of` reads it back."""
        return asdict(self)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> PackShape:
        """Raises KeyError or TypeError for data that are no shape."""
        teachers = tuple((str(m), int(n)) for m, n in data["teachers"])
        graphs, nodes, slots = int(data["graphs"]), int(data["nodes"]), dict(data["slots"])
        shared = bool(data.get("shared"))  # runs begun before networks were shared do not say
        return cls(graphs, nodes, slots, tuple(data["gates"]), teachers, shared)

    def fits(self, used: Counter[str], need: Mapping[str, int]) -> bool:
        """Is there room for a graph that trains `need[model]` networks, beside those counted in `used`?"""
        return all(used[m] + n <= self.slots.get(m, 0) for m, n in need.items())


def trainable(graph: Graph) -> Counter[str]:
    """Networks of each model that an effective graph trains."""
    return Counter(m for i, m in enumerate(graph.models, 1) if not graph.is_pretrained(i))


def together(graphs: Sequence[Graph], shared: bool) -> Counter[str]:
    """Networks of each model that a pack of these effective graphs trains."""
    if shared:
        return Counter({network: graph.models[n - 1] for graph in graphs for n, network in networks(graph).items()}.values())
    return sum(map(trainable, graphs), Counter())


def pretrained(graph: Graph) -> tuple[int, ...]:
    """Nodes of an effective graph that are pre-trained and frozen."""
    return tuple(n for n in range(1, graph.nodes + 1) if graph.is_pretrained(n))


def shape_for(graphs: Sequence[Graph], most: int, nodes: int, shared: bool = False) -> PackShape:
    """The shape of packs of at most `most` graphs for these effective graphs.

    Slots are the average demand of a pack plus a tenth, and never less than one graph alone needs: a graph with dead or
    frozen nodes needs fewer networks, and paying for the worst case would waste a fifth of space A's work.
    """
    size = max(1, min(most, len(graphs)))
    alone: Counter[str] = Counter()
    for graph in graphs:
        alone |= trainable(graph)
    packs = max(1, -(-len(graphs) // size))
    total = sum((together(graphs[i : i + size], shared) for i in range(0, len(graphs), size)), Counter[str]())
    slots = {}
    for model in sorted(alone):
        even = -(-total[model] // packs)
        slots[model] = max(alone[model], even if packs == 1 else min(size * alone[model], even + even // 10))
    teachers = sorted({(g.models[n - 1], n) for g in graphs for n in pretrained(g)})
    gates = sorted({g for graph in graphs for g in graph.gates if is_open(g)} | {CUTOFF})
    return PackShape(size, nodes, slots, tuple(gates), tuple(teachers), shared)


def smaller(shape: PackShape, graphs: int) -> PackShape:
    """The shape cut down to packs of so many graphs; any graph that fits into a pack of `shape` alone fits into these."""
    share = graphs / shape.graphs
    slots = {model: min(count, max(shape.nodes, ceil(count * share))) for model, count in shape.slots.items()}
    return replace(shape, graphs=graphs, slots=slots)


def fill(graphs: Sequence[Graph], shape: PackShape) -> list[list[int]]:
    """Divide graphs into packs of the shape, first come first in: each pack as places in `graphs`."""
    # Graphs that need the same networks wait in one queue: a pack only fills up, so a queue whose first graph has no room
    # has none for the others, and a pack costs its graphs times the few kinds, not a look at all that wait. (Where networks are
    # shared, one further back might need fewer new ones; it waits behind its queue's first all the same.)
    queues: dict[frozenset[tuple[str, int]], deque[int]] = defaultdict(deque)
    for place, graph in enumerate(graphs):
        queues[frozenset(trainable(graph).items())].append(place)
    packs = []
    while queues:
        used: Counter[str] = Counter()
        held: set[Network] = set()
        taken: list[int] = []
        fitting = dict(queues)
        while fitting and len(taken) < shape.graphs:
            need, queue = min(fitting.items(), key=lambda item: item[1][0])
            new = _new(graphs[queue[0]], held) if shape.shared else Counter(dict(need))
            if shape.fits(used, new):
                taken.append(queue.popleft())
                used.update(new)
                if shape.shared:
                    held.update(networks(graphs[taken[-1]]).values())
                if queue:
                    continue
                del queues[need]
            del fitting[need]
        assert taken, "a graph larger than the pack's shape"
        packs.append(taken)
    return packs


def _new(graph: Graph, held: set[Network]) -> Counter[str]:
    """Networks of each model that a graph adds to those held."""
    return Counter(graph.models[node - 1] for node, network in networks(graph).items() if network not in held)


def open_edges(graph: Graph) -> tuple[Edge, ...]:
    """Edges that carry a loss."""
    return tuple(e for e, g in zip(edges(graph.nodes), graph.gates, strict=True) if is_open(g))
