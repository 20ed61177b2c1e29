"""A space as plain data that needs no space file: what `run.json` keeps, so that a copied run folder opens anywhere."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.errors import SpaceError
from engine.space.constraints import Vocabulary, parse
from engine.space.files import domains
from engine.space.files.checks import checked
from engine.space.graph import edges
from engine.space.protocol import checked_protocol
from engine.space.space import Ancestor, Space


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a lineage."""

    name: str
    constraints: list[str] = []


class Resolved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A space as plain data that needs no file: what `run.json` keeps."""

    name: str
    note: str = ""
    nodes: int
    models: list[list[str]]
    """A list a node."""
    gates: dict[str, list[str]]
    """A list an edge, by the edge's text (`y>1`)."""
    protocol: dict[str, Any]
    lineage: list[Step]
    """Root first."""


def dump(space: Space) -> dict[str, Any]:
    """JSON data that says everything of a space but where its file lies; `load` reads it back to an equal space."""
    lineage = [Step(name=a.name, constraints=[str(p) for p in a.phrases]) for a in space.lineage]
    gates = {str(edge): list(names) for edge, names in zip(edges(space.nodes), space.gates, strict=True)}
    whole = Resolved(
        name=space.name,
        note=space.note,
        nodes=space.nodes,
        models=[list(names) for names in space.models],
        gates=gates,
        protocol=msgspec.to_builtins(space.protocol),
        lineage=lineage,
    )
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(whole))  # JSON has lists where Python has tuples
    return made


def load(data: dict[str, Any], where: str = "space") -> Space:
    """The space of plain data. Raises SpaceError; `where` names the place the data came from."""
    try:
        whole = msgspec.convert(data, Resolved)
    except msgspec.ValidationError as error:
        raise SpaceError(f"{where}: not a resolved space: {error}") from None
    n = whole.nodes
    if len(whole.models) != n or set(whole.gates) != {str(edge) for edge in edges(n)}:
        rule = f"models and gates must name each of {n} nodes and {n * n} edges"
        raise SpaceError(f"{where}: not a resolved space: {rule}")
    vocabulary = Vocabulary(n)
    lineage = tuple(
        Ancestor(step.name, tuple(parse(text, vocabulary, f"{where}: constraint") for text in step.constraints))
        for step in whole.lineage
    )
    space = Space(
        name=whole.name,
        nodes=n,
        models=domains.models(where, n, {str(node): names for node, names in enumerate(whole.models, 1)}, None),
        gates=domains.gates(where, n, {f"L[{edge.replace('>', ',')}]": g for edge, g in whole.gates.items()}, None),
        protocol=checked_protocol(whole.protocol, f"{where}: protocol"),
        lineage=lineage,
        note=whole.note,
    )
    return checked(space, where)
