"""Where everything is in a pack: which network of which fleet is which node of which graph.

Arithmetic on indices only; nothing is trained here. Unfilled places of a pack hold spare networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from engine.packing.packs import PackShape
from engine.packing.shared_networks import Network, networks
from engine.space.catalogue import CUTOFF, is_open
from engine.space.graph import LABEL, Graph


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
