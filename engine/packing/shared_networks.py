"""Which nodes of different graphs are one network (protocol option `initialisation: shared`).

A node is moved by its own gates, by what its teachers show, and so by everything that an open path leads from; by nothing
else. Two nodes that start with the same weights (equal node number and model) and have the same upstream therefore keep the
same weights for ever, and a pack trains them once. Nodes on a circle are upstream of each other: what is compared is not a
tree but the part of the graph that no open edge leads into, on the node numbers it has there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from engine.space.graph import LABEL, Graph


class Learner(NamedTuple):
    """A node with its open edges, as (source, gate); none if it is pre-trained."""

    node: int
    model: str
    taught_by: tuple[tuple[int, str], ...]


class Network(NamedTuple):
    """A trained network by all that decides what it becomes: nodes with equal ones are one network."""

    node: int
    upstream: tuple[Learner, ...]
    """The node itself and every node with an open path to it, ascending."""


@lru_cache(maxsize=65536)
def networks(graph: Graph) -> dict[int, Network]:
    """The network of each node of an effective graph that is trained."""
    learners = {node: _learner(graph, node) for node in range(1, graph.nodes + 1)}
    return {node: Network(node, _upstream(learners, node)) for node in learners if not graph.is_pretrained(node)}


def _learner(graph: Graph, node: int) -> Learner:
    return Learner(node, graph.models[node - 1], tuple((s, graph.gate(s, node)) for s in graph.open_into(node)))


def _upstream(learners: dict[int, Learner], node: int) -> tuple[Learner, ...]:
    found, frontier = {node}, [node]
    while frontier:
        teachers = {source for source, _ in learners[frontier.pop()].taught_by if source != LABEL} - found
        found |= teachers
        frontier += teachers
    return tuple(learners[n] for n in sorted(found))
