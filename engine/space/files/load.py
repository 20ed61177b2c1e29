"""From a space file, or a shipped space's name, to a `Space`: its lineage read, joined and checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import SpaceError
from engine.space.files import domains, space_file
from engine.space.files.checks import checked
from engine.space.files.space_file import SpaceFile
from engine.space.protocol import checked_protocol
from engine.space.space import Ancestor, Space

__all__ = ["Ancestor", "Space", "load", "parsed"]


def load(reference: str | Path) -> Space:
    """The space of a file, or the shipped space of that name (`X`, `digits/X`). Raises SpaceError."""
    space, _ = _load(space_file.find(reference), ())
    return space


def parsed(text: str, path: Path) -> Space:
    """The space that `path` would hold with this text, whether or not there is such a file. Raises SpaceError."""
    space, _ = _load(path, (), text)
    return space


def _load(path: Path, below: tuple[Path, ...], text: str | None = None) -> tuple[Space, dict[str, Any]]:
    """A space, and its protocol's keys as its lineage wrote them; `below` are the children that led here."""
    here = path.resolve()
    if here in below:
        chain = " -> ".join(p.name for p in (*below[below.index(here):], here))
        raise SpaceError(f"{path}: extends: the file is its own ancestor ({chain})", "break the circle")
    file, own = space_file.read(path, text)
    if file.extends is None:
        return _root(path, file, own), own
    parent, inherited = _load(_parent(path, file.extends), (*below, here))
    merged = {**inherited, **own}
    return _child(path, file, parent, merged), merged


def _parent(path: Path, reference: str) -> Path:
    """The file that `extends` means. Raises SpaceError naming the child that asked for it."""
    try:
        return space_file.find(reference, path.parent)
    except SpaceError as error:
        raise SpaceError(f"{path}: extends: {error.message}", error.hint) from None


def _root(path: Path, file: SpaceFile, protocol_keys: dict[str, Any]) -> Space:
    for name in ("nodes", "models", "gates"):
        if not getattr(file, name):
            raise SpaceError(f"{path}: {name!r} is missing", "a space without 'extends' needs nodes, models and gates")
    assert file.nodes is not None
    space = Space(
        file.name or _own_name(path),
        file.nodes,
        domains.models(str(path), file.nodes, file.models, None),
        domains.gates(str(path), file.nodes, file.gates, None),
        checked_protocol(protocol_keys, f"{path}: protocol"),
        (),
        file.note,
        path,
    )
    return _with_phrases(space, path, file)


def _child(path: Path, file: SpaceFile, parent: Space, protocol_keys: dict[str, Any]) -> Space:
    if file.nodes not in (None, parent.nodes):
        raise SpaceError(f"{path}: nodes: a child keeps its parent's {parent.nodes} nodes, got {file.nodes}",
                         "leave 'nodes' out, or write a space without 'extends'")
    space = replace(
        parent,
        name=file.name or _own_name(path),
        models=domains.models(str(path), parent.nodes, file.models, parent.models),
        gates=domains.gates(str(path), parent.nodes, file.gates, parent.gates),
        protocol=checked_protocol(protocol_keys, f"{path}: protocol"),
        note=file.note,
        file=path,
    )
    return _with_phrases(space, path, file)


def _with_phrases(space: Space, path: Path, file: SpaceFile) -> Space:
    phrases = tuple(space.parse(t, f"{path}: constraint {k}") for k, t in enumerate(file.constraints, 1))
    return checked(replace(space, lineage=(*space.lineage, Ancestor(space.name, phrases))), str(path))


def _own_name(path: Path) -> str:
    """A shipped space's name, else the file's name without its ending."""
    here = path.resolve()
    return next((name for name, p in space_file.shipped().items() if p == here), path.stem)
