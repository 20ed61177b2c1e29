"""From the `models` and `gates` of space files to one tuple of names a node and an edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from engine.errors import SpaceError, nearest
from engine.space import catalogue
from engine.space.constraints.parser import reference
from engine.space.constraints.syntax import Gate, Model
from engine.space.constraints.token_stream import Vocabulary
from engine.space.files.space_file import Names
from engine.space.graph import edges

Domains = tuple[tuple[str, ...], ...]

MOST_NAMES = 255
"""Different models in one space: a model's number is kept in one byte."""


def models(where: str, nodes: int, entries: Mapping[str, Names], parent: Domains | None) -> Domains:
    """Models of each node; with a `parent`, a narrowing of its own. `where` is the file, for errors."""
    chosen = {node: _names(f"{where}: models[{node!r}]", names) for node, names in entries.items()}
    for node, names in chosen.items():
        for name in names:
            if not catalogue.is_model(name):
                near = nearest(name, catalogue.model_examples())
                raise SpaceError(f"{where}: models[{node!r}]: unknown model {name!r}", near)
    members = {node: _node(where, node, nodes) for node in entries}
    labels = [f"node {n}" for n in range(1, nodes + 1)]
    found = _meet(f"{where}: models", labels, chosen, members, parent)
    if len({name for names in found for name in names}) > MOST_NAMES:
        raise SpaceError(f"{where}: models: a space has at most {MOST_NAMES} different models")
    return found


def gates(where: str, nodes: int, entries: Sequence[str] | Mapping[str, Names], parent: Domains | None) -> Domains:
    """Gates of each edge in the order of `edges(nodes)`; with a `parent`, a narrowing of its own."""
    if not isinstance(entries, Mapping):
        entries = {"L[*,*]": list(entries)} if entries else {}
    chosen = {edge: _names(f"{where}: gates[{edge!r}]", names) for edge, names in entries.items()}
    for edge, names in chosen.items():
        for name in names:
            if not catalogue.is_gate(name):
                near = nearest(name, catalogue.known_gates())
                raise SpaceError(f"{where}: gates[{edge!r}]: unknown gate {name!r}", near)
    members = {edge: _edges(where, edge, nodes) for edge in entries}
    return _meet(f"{where}: gates", [str(Gate(*edge)) for edge in edges(nodes)], chosen, members, parent)


def _names(where: str, names: Names) -> tuple[str, ...]:
    listed = [names] if isinstance(names, str) else names
    if not listed:
        raise SpaceError(f"{where}: an empty list leaves nothing to choose", "list at least one name")
    if twice := [name for name in listed if listed.count(name) > 1]:
        raise SpaceError(f"{where}: {twice[0]!r} is listed twice", "list it once")
    return tuple(listed)


def _node(where: str, node: str, nodes: int) -> list[int]:
    known = {**{str(n): Model(n) for n in range(1, nodes + 1)}, "aux": Model("aux"), "*": Model("*")}
    if node not in known:
        raise SpaceError(f"{where}: models: there is no node {node!r}", "nodes are " + ", ".join(known))
    return list(known[node].members(nodes))


def _edges(where: str, edge: str, nodes: int) -> list[int]:
    found = reference(edge, Vocabulary(nodes), f"{where}: gates")
    if not isinstance(found, Gate):
        raise SpaceError(f"{where}: gates: {edge!r} is a model", "name an edge or a group of edges, such as L[aux,1]")
    return [v - nodes for v in found.members(nodes)]


def _meet(
    where: str,
    labels: Sequence[str],
    chosen: Mapping[str, tuple[str, ...]],
    members: Mapping[str, Iterable[int]],
    parent: Domains | None,
) -> Domains:
    """What every entry that covers a place allows, in the first entry's order; a child stays within its parent."""
    found: list[tuple[str, ...] | None] = [None] * len(labels)
    for entry, names in chosen.items():
        for place in members[entry]:
            before = found[place]
            found[place] = names if before is None else tuple(n for n in before if n in names)
            if not found[place]:
                raise SpaceError(f"{where}: {labels[place]} has nothing left: its entries have no name in common")
    limits = parent or [None] * len(labels)
    return tuple(_narrowed(where, *place) for place in zip(labels, found, limits, strict=True))


def _narrowed(where: str, label: str, own: tuple[str, ...] | None, parent: tuple[str, ...] | None) -> tuple[str, ...]:
    if own is None:
        if parent is None:
            raise SpaceError(f"{where}: nothing is said of {label}", "name it, or a group it is in")
        return parent
    if parent is not None and (wider := [name for name in own if name not in parent]):
        raise SpaceError(
            f"{where}: {label}: a child may only narrow its parent, and {wider[0]!r} is not in it",
            f"the parent has {', '.join(parent)}",
        )
    return own
