"""Known ways of teaching, as graphs: what a search's best graph is held against, under the same protocol and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement

from engine.errors import SpaceError
from engine.space.catalogue import CUTOFF, THROUGH
from engine.space.graph import Edge, Graph, edges
from engine.space.space import Space
from engine.strategies.fixed import Fixed

REPEATS = 5
"""As in the paper's Table 2."""


def baselines(space: Space, size: Callable[[str], int], repeats: int = REPEATS) -> Fixed:
    """All baselines of a space's targets and auxiliary models; `size` is a model's number of parameters.

    The settings keep which name stands for which graph.
    """
    return _fixed(named(space, size), repeats)


def other_join(space: Space, repeats: int = REPEATS) -> tuple[Space, Fixed] | None:
    """Deep mutual learning with losses joined the other way: another protocol, so a search of its own.

    `dml-mean` is Zhang et al.'s average over the other nodes, `dml` the transfer graph's sum. None where each node has
    but one teacher, for there the two are the same.
    """
    if space.nodes < 3:
        return None
    joined = space.with_protocol({"join": "sum" if space.protocol.join == "mean" else "mean"})
    return joined, _fixed(_mutual(joined), repeats)


def _fixed(names: Mapping[str, Graph], repeats: int) -> Fixed:
    graphs = list(dict.fromkeys(names.values()))
    return Fixed(graphs, repeats, {"name": "baselines", "graphs": {name: str(graph) for name, graph in names.items()}})


def named(space: Space, size: Callable[[str], int]) -> dict[str, Graph]:
    """Name to canonical graph. Two names may mean one graph: the largest model may be the target's own."""
    found: dict[str, Graph] = {}
    teacher = max(_auxiliaries(space), key=lambda model: (size(model), model))
    for target in space.models[0]:
        found[f"alone {target}"] = Graph((target,), (THROUGH,))
        found[f"kd {target} from {teacher}"] = taught_by(target, teacher)
        found[f"born-again {target}"] = taught_by(target, target)
    found |= _mutual(space)
    for target in space.models[0]:
        for peers in _combinations(space, space.nodes - 2):
            if peers:
                found[f"kd+dml {'+'.join((target, *peers))} from {teacher}"] = mutual((target, *peers), teacher)
    return {name: graph.canonical() for name, graph in found.items()}


def _mutual(space: Space) -> dict[str, Graph]:
    kind = "dml-mean" if space.protocol.join == "mean" else "dml"
    return {
        f"{kind} {'+'.join((target, *peers))}": mutual((target, *peers)).canonical()
        for target in space.models[0]
        for peers in _combinations(space, space.nodes - 1)
    }


def _auxiliaries(space: Space) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name for names in space.models[1:] for name in names))
    if not found:
        raise SpaceError(f"{space.name}: no auxiliary node, so there is no teacher to compare with")
    return found


def _combinations(space: Space, size: int) -> list[tuple[str, ...]]:
    return list(combinations_with_replacement(_auxiliaries(space), size))


def taught_by(target: str, teacher: str) -> Graph:
    """Distillation (Hinton et al. 2015) from a frozen teacher; of the same model: born-again (Furlanello et al. 2018)."""
    opened = {Edge(0, 1), Edge(2, 1)}
    return Graph((target, teacher), tuple(THROUGH if edge in opened else CUTOFF for edge in edges(2)))


def mutual(models: tuple[str, ...], teacher: str | None = None) -> Graph:
    """Deep mutual learning of `models` (every edge through); a `teacher` joins them frozen and teaches all."""
    if teacher is None:
        return Graph(models, (THROUGH,) * len(models) ** 2)
    frozen = len(models) + 1
    gates = (CUTOFF if edge.target == frozen else THROUGH for edge in edges(frozen))
    return Graph((*models, teacher), tuple(gates))
