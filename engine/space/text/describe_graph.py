"""A graph describes itself: its name if it has one, how it differs from another, and why two are one and the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import SpaceError, nearest
from engine.space import catalogue
from engine.space.catalogue import CUTOFF, THROUGH, is_open, on_label
from engine.space.constraints.syntax import Gate, Model
from engine.space.graph import LABEL, Graph, edges
from engine.space.space import Space
from engine.space.text.phrasing import either


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two graphs differ: `L[2,1]: through -> linear`."""

    place: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.place}: {self.before} -> {self.after}"


def differences(graph: Graph, other: Graph) -> list[Difference]:
    """Where two graphs of as many nodes differ, model by model and edge by edge, as labelled."""
    pairs = zip(_places(graph.nodes), (*graph.models, *graph.gates), (*other.models, *other.gates), strict=True)
    return [Difference(place, a, b) for place, a, b in pairs if a != b]


def _places(nodes: int) -> list[str]:
    """Every model and edge as phrases write them, in order."""
    return [*(str(Model(n)) for n in range(1, nodes + 1)), *(str(Gate(*edge)) for edge in edges(nodes))]


def aligned(graph: Graph, other: Graph) -> tuple[Graph, tuple[int, ...]]:
    """`other` relabelled so that it differs from `graph` in the fewest places, and the order that did it."""
    order = min(other.relabellings(), key=lambda order: len(differences(graph, other.relabel(order))))
    return other.relabel(order), order


def why_equal(graph: Graph, other: Graph) -> list[str]:
    """Why two graphs train identically, step by step; empty if they do not (or if they are written alike)."""
    ours, theirs = graph.effective(), other.effective()
    if ours.graph is None or ours.graph != theirs.graph:
        return []
    if graph.nodes == other.nodes and graph.key == other.key:
        return list(_swaps(aligned(graph, other)[1]))
    reasons = [*_unfelt(graph, "in the first graph "), *_unfelt(other, "in the second graph ")]
    if ours.nodes != theirs.nodes:
        pairs = zip(theirs.nodes, ours.nodes, strict=True)
        reasons += [f"node {b} of the second is node {a} of the first" for b, a in pairs if a != b]
    return reasons


def _swaps(order: tuple[int, ...]) -> Iterator[str]:
    """A relabelling told as exchanges and rounds: `nodes 2 and 3 swapped`."""
    left = set(order)
    for start in sorted(order):
        round_ = []
        node = start
        while node in left:
            left.discard(node)
            round_.append(node)
            node = order[node - 1]
        if len(round_) == 2:
            yield f"nodes {min(round_)} and {max(round_)} swapped"
        elif len(round_) > 2:
            yield f"nodes {' -> '.join(map(str, (*round_, round_[0])))} exchanged in a round"


def _unfelt(graph: Graph, where: str) -> Iterator[str]:
    """What of a graph its target cannot feel."""
    live = graph.live_nodes()
    for node in range(2, graph.nodes + 1):
        if node not in live:
            yield f"{where}node {node} cannot reach the target"
    for edge, gate in graph.items():
        if edge.source == LABEL and edge.target in live and on_label(gate) != gate:
            yield f"{where}'{gate}' on {Gate(*edge)} is '{on_label(gate)}', since a label is always right"


def name(graph: Graph) -> str | None:
    """The name under which a graph is known, if it has one; read off what its target can feel."""
    form = graph.effective().graph
    if form is None:
        return "invalid: nothing trains the target"
    if not form.is_taught:
        return "untaught: no label reaches the target"
    if any(gate not in (THROUGH, CUTOFF) for gate in form.gates):
        return None
    if form.nodes == 1:
        return "alone"
    if all(is_open(gate) for gate in form.gates):
        return f"DML of {form.nodes} nodes (losses summed)"
    return _distillation(form)


def _distillation(form: Graph) -> str | None:
    """One-way teaching: every auxiliary node teaches the target and learns from labels at most."""
    auxiliary = range(2, form.nodes + 1)
    if any(set(form.open_into(node)) - {LABEL} for node in auxiliary):
        return None
    frozen = {form.is_pretrained(node) for node in auxiliary}
    if len(frozen) > 1:
        return None
    number = "" if form.nodes == 2 else f" from {form.nodes - 1} teachers"
    unlabelled = "" if LABEL in form.open_into(1) else " without labels"
    if frozen == {False}:
        return f"online distillation{number}{unlabelled}"
    if set(form.models) == {form.models[0]}:
        return f"born-again network{number}{unlabelled}"
    return f"KD{number}{unlabelled}"


def read(text: str) -> Graph:
    """A graph's text form, its names checked. Raises SpaceError with the nearest known name."""
    graph = Graph.parse(text)
    for model in graph.models:
        if not catalogue.is_model(model):
            raise SpaceError(f"graph text: unknown model {model!r}", nearest(model, catalogue.model_examples()))
    for gate in graph.gates:
        if not catalogue.is_gate(gate):
            raise SpaceError(f"graph text: unknown gate {gate!r}", nearest(gate, catalogue.known_gates()))
    return graph


def unmet(space: Space, graph: Graph) -> list[str]:
    """What keeps a graph out of a space, told of the relabelling that comes nearest; empty if it is in."""
    if graph.nodes != space.nodes:
        return [f"it has {graph.nodes} nodes, the space {space.nodes}"]
    return min((_unmet(space, graph.relabel(order)) for order in graph.relabellings()), key=len)


def _unmet(space: Space, graph: Graph) -> list[str]:
    values, allowed = (*graph.models, *graph.gates), (*space.models, *space.gates)
    outside = [
        f"{place} is {value}, not {either(names)}"
        for place, value, names in zip(_places(graph.nodes), values, allowed, strict=True)
        if value not in names
    ]
    return outside + [str(p) for p in space.phrases if not p.holds(graph)]


def describe(graph: Graph) -> list[str]:
    """What there is to say of a graph, a sentence a line."""
    said = []
    if known := name(graph):
        said.append(known)
    said += [f"node {n} is pre-trained and frozen" for n in graph.live_nodes() if graph.is_pretrained(n)]
    said += list(_unfelt(graph, ""))
    return said
