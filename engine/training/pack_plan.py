"""Where everything is in a pack: which network of which fleet is which node of which graph.

Arithmetic on indices only; nothing is trained here. A pack's shape is fixed beforehand and unfilled places hold spare
networks: equal shapes keep compiled code valid and make a graph's last bits independent of the pack it rides in.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any

import torch
from torch import Tensor

from engine.packing.shared_networks import Network, networks
from engine.space.catalogue import CUTOFF, is_open
from engine.space.graph import LABEL, Edge, Graph, edges


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


@dataclass(frozen=True, slots=True)
class Place:
    """A network of a pack: `row` of the fleet of `model`, and the first node that it is; `graph` None for a spare one."""

    model: str
    row: int
    graph: int | None = None
    node: int = 0


@dataclass(slots=True)
class Plan:
    """A pack's indices. Rows of logits: the fleets in the order of `shape.slots`, then the teachers."""

    graphs: list[Graph]
    shape: PackShape
    places: list[Place] = field(default_factory=list)
    """Every network, once."""
    homes: dict[tuple[int, int], Place] = field(default_factory=dict)
    """By (graph, node): the network that each trained node is."""
    rows: Tensor = field(default_factory=lambda: torch.empty(0))
    """`[graph, node]`: the row of logits of each node."""
    back: Tensor = field(default_factory=lambda: torch.empty(0))
    """`[row]`: the first flat place of `rows` that shows each row; 0 for rows that none does."""
    gates: Tensor = field(default_factory=lambda: torch.empty(0))
    """`[graph, target, source]`: place of each edge's gate in `shape.gates`; cutoff where there is nothing to train."""
    join: Tensor = field(default_factory=lambda: torch.empty(0))
    """`[graph, target, source]`: 1 / number of open node edges into the target for node edges, 1 for label edges."""
    used_teachers: tuple[int, ...] = ()
    """Places in `shape.teachers` that this pack's graphs need."""


def plan(graphs: Iterable[Graph], shape: PackShape) -> Plan:
    """Lay effective graphs out in a pack of that shape."""
    made = Plan(list(graphs), shape)
    first, start = {}, 0
    for model, size in shape.slots.items():
        first[model] = start
        start += size
    next_row: Counter[str] = Counter()
    held: dict[Network, Place] = {}
    teacher_row = {who: start + i for i, who in enumerate(shape.teachers)}
    rows = torch.zeros(shape.graphs, shape.nodes, dtype=torch.int64)
    used: set[int] = set()
    for k, graph in enumerate(made.graphs):
        for node, model in enumerate(graph.models, 1):
            if graph.is_pretrained(node):
                rows[k, node - 1] = teacher_row[model, node]
                used.add(shape.teachers.index((model, node)))
            else:
                here = Place(model, next_row[model], k, node)
                if (home := held.setdefault(networks(graph)[node], here) if shape.shared else here) is here:
                    made.places.append(here)
                    next_row[model] += 1
                made.homes[k, node] = home
                rows[k, node - 1] = first[model] + home.row
        # An absent node shows its own graph's target: a diverged neighbour's NaN must not come in by the back door.
        rows[k, graph.nodes :] = rows[k, 0]
    rows[len(made.graphs) :] = rows[0, 0]  # no graph here: all gates are cutoff
    for model, size in shape.slots.items():
        made.places.extend(Place(model, row) for row in range(next_row[model], size))
    made.rows = rows
    made.back = torch.zeros(start + len(shape.teachers), dtype=torch.int64)
    for place, row in reversed([*enumerate(rows.flatten().tolist())]):
        made.back[row] = place
    made.used_teachers = tuple(sorted(used))
    _lay_gates(made)
    return made


def _lay_gates(made: Plan) -> None:
    names = made.shape.gates
    size = (made.shape.graphs, made.shape.nodes, made.shape.nodes + 1)
    gates = torch.full(size, names.index(CUTOFF), dtype=torch.int64)
    join = torch.ones(size, dtype=torch.float64)
    for k, graph in enumerate(made.graphs):
        for (source, target), gate in graph.items():
            if is_open(gate):
                gates[k, target - 1, source] = names.index(gate)
        for target in range(1, graph.nodes + 1):
            teaching = sum(s != LABEL for s in graph.open_into(target))
            join[k, target - 1, 1:] = 1 / max(1, teaching)
    made.gates, made.join = gates, join


def open_edges(graph: Graph) -> tuple[Edge, ...]:
    """Edges that carry a loss."""
    return tuple(e for e, g in zip(edges(graph.nodes), graph.gates, strict=True) if is_open(g))
