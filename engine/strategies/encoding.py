"""A graph as a row of categorical variables: what model-based strategies see of it.

The variables are nodes' models and edges' gates that differ within the space. A graph is seen in its canonical form;
what an auxiliary node may be, any auxiliary node may be, for the canonical form renumbers them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.space.catalogue import CUTOFF, THROUGH
from engine.space.graph import LABEL, Edge, Graph, edges
from engine.space.space import Space

Codes = npt.NDArray[np.int16]


def _part(edge: Edge) -> tuple[str, str]:
    """Which edges relabelling can exchange: label, target or auxiliary at either end."""
    return ("y" if edge.source == LABEL else "1" if edge.source == 1 else "aux", "1" if edge.target == 1 else "aux")


@dataclass(frozen=True)
class Variables:
    """The variables of a space."""

    nodes: int
    choices: tuple[tuple[str, ...], ...]
    """What each node's model and each edge's gate may be, nodes first, edges in the order of `edges(nodes)`."""

    @classmethod
    def of(cls, space: Space) -> Variables:
        auxiliary = tuple(sorted({name for names in space.models[1:] for name in names}))
        models = (tuple(sorted(space.models[0])), *(auxiliary for _ in space.models[1:]))
        parts: dict[tuple[str, str], set[str]] = {}
        for edge, names in zip(edges(space.nodes), space.gates, strict=True):
            parts.setdefault(_part(edge), set()).update(names)
        return cls(space.nodes, (*models, *(tuple(sorted(parts[_part(edge)])) for edge in edges(space.nodes))))

    @property
    def names(self) -> tuple[str, ...]:
        """`m1`, ..., then `y>1`, ...: one a variable."""
        return (*(f"m{node}" for node in range(1, self.nodes + 1)), *map(str, edges(self.nodes)))

    @property
    def free(self) -> tuple[int, ...]:
        """Places of the variables with more than one choice."""
        return tuple(place for place, names in enumerate(self.choices) if len(names) > 1)

    def params(self, graph: Graph) -> dict[str, str] | None:
        """The free variables' values by name; None if the graph is outside their choices."""
        values = (*graph.models, *graph.gates)
        if graph.nodes != self.nodes or any(v not in c for v, c in zip(values, self.choices, strict=True)):
            return None
        return {self.names[place]: values[place] for place in self.free}

    def graph(self, params: dict[str, str]) -> Graph:
        """The graph with these values, canonical."""
        values = tuple(params.get(name, choice[0]) for name, choice in zip(self.names, self.choices, strict=True))
        return Graph(values[: self.nodes], values[self.nodes :]).canonical()

    def rows(self, graphs: Iterable[Graph]) -> Codes:
        """Codes `[graph, variable]`, equal where values are equal."""
        codes = [{name: code for code, name in enumerate(names)} for names in self.choices]
        found = [[c[v] for c, v in zip(codes, (*g.models, *g.gates), strict=True)] for g in graphs]
        return np.array(found, np.int16).reshape(-1, len(codes))

    def nearest(self, graph: Graph, pool: Codes) -> int:
        """Place of the row of `pool` that differs from the graph in the fewest variables, whatever its auxiliary nodes
        are numbered; the first of equals."""
        labelled = self.rows(graph.relabel(order) for order in graph.relabellings())
        distance = np.min([(pool != row).sum(axis=1) for row in labelled], axis=0)
        return int(distance.argmin())


def cover(space: Space, pretrained: bool) -> list[Graph]:
    """Graphs that together need every network that a graph of the space may need (they need not be in the space)."""
    found = Variables.of(space)
    models, gates = found.choices[: space.nodes], found.choices[space.nodes :]
    graphs = []
    for target in models[0]:
        for auxiliary in models[1] if space.nodes > 1 else ():
            chosen = (target, *[auxiliary] * (space.nodes - 1))
            for gate in sorted({name for names in gates for name in names}):
                graphs.append(Graph(chosen, (gate,) * len(gates)))
            if pretrained:
                taught = (THROUGH if edge.target == 1 else CUTOFF for edge in edges(space.nodes))
                graphs.append(Graph(chosen, tuple(taught)))
    return graphs
