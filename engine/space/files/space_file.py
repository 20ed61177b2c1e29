"""Space files as they stand on disk: finding, reading and checking one file, before its lineage is joined.

A space file is data (DESIGN.md, wall 5): JSON, checked against one schema, nothing of it executed. `schema()` is
that schema; it is derived from `SpaceFile`, by which every file is checked.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import msgspec

import engine
from engine.errors import SpaceError, nearest
from engine.space.files.named_protocols import Name, ProtocolKeys, expanded
from engine.space.files.validation_messages import in_words, shown
from engine.space.graph import MAX_NODES

LARGEST = 1_000_000
"""Bytes of a space file; the largest shipped has under 1,000."""

Names = str | list[str]

NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$"
"""A space's name: it also names run folders, so no part of it begins with a dot."""


class SpaceFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One space file. A file with `extends` is a child: it narrows its parent, and says only what it changes."""

    name: Annotated[str, msgspec.Meta(pattern=NAME)] | None = None
    """What the space is called, e.g. `digits/X`; the file's own name if absent."""
    note: str = ""
    """For people: where the numbers come from."""
    extends: str | None = None
    """The parent: a path relative to this file, or the name of a shipped space."""
    nodes: Annotated[int, msgspec.Meta(ge=2, le=MAX_NODES)] | None = None
    """Networks taught together; node 1 is the target. Required without `extends`."""
    models: dict[str, Names] = {}
    """Models a node may have, by node number, `aux` (all auxiliary nodes) or `*`. A node covered twice takes what
    both entries allow. Required without `extends`; a child may only narrow."""
    gates: list[str] | dict[str, Names] = []
    """Gates an edge may have: one list for all edges, or lists by edge or group (`L[y,*]`, `L[aux,1]`, `L[*,*]`). An
    edge covered twice takes what both allow. Required without `extends`; a child may only narrow."""
    protocol: Name | ProtocolKeys = ProtocolKeys()
    """How every graph is trained: a named protocol, or keys; a child's keys replace its parent's one by one."""
    constraints: list[str] = []
    """Phrases that every graph satisfies, e.g. `m[aux] = wrn28-2`; a child adds to its parent's."""


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of space files, with each key's own words as its description."""
    made = msgspec.json.schema(SpaceFile)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return made


def folder() -> Path:
    """Where the shipped spaces lie, in a checkout and in an installed package alike."""
    return Path(engine.__file__).resolve().parent.parent / "spaces"


def shipped() -> dict[str, Path]:
    """Shipped spaces by name."""
    root = folder()
    return {p.relative_to(root).with_suffix("").as_posix(): p for p in sorted(root.rglob("*.json"))}


def find(reference: str | Path, beside: Path | None = None) -> Path:
    """The file a reference means: a path (relative to the folder `beside`, if given) before a shipped name.

    Raises SpaceError naming the nearest shipped space.
    """
    path = Path(reference) if beside is None else beside / reference
    if path.is_file():
        return path
    known = shipped()
    if str(reference) in known:
        return known[str(reference)]
    if path.is_dir():
        raise SpaceError(f"{path}: is a folder, not a space file", "name a .json file in it")
    near = nearest(str(reference), known)
    raise SpaceError(f"there is no space file {str(path)!r}, nor a shipped space of that name", near)


def read(path: Path, text: str | None = None) -> tuple[SpaceFile, dict[str, Any]]:
    """A file, checked, and its own `protocol` keys, a named base written out. Raises SpaceError: file, place, rule, value.

    `text`: as if the file held this.
    """
    data = _json(path, _text(path) if text is None else text)
    if not isinstance(data, dict):
        raise SpaceError(f"{path}: a space file holds one JSON object, got {shown(data)}", "begin with {")
    _known_keys(path, data, "", SpaceFile.__struct_fields__)
    keys = _protocol_keys(path, data)
    try:
        return msgspec.convert(data, SpaceFile), keys
    except msgspec.ValidationError as error:
        _refuse(path, data, str(error))


def _protocol_keys(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """The file's `protocol` as keys; what is neither a name nor an object is left to the schema to refuse."""
    written = data.get("protocol", {})
    if isinstance(written, str):
        return expanded({"base": written}, f"{path}: protocol")
    if not isinstance(written, dict):
        return {}
    _known_keys(path, written, "protocol", ProtocolKeys.__struct_fields__)
    return expanded(written, f"{path}: protocol: base")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise SpaceError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(raw) > LARGEST:
        raise SpaceError(f"{path}: larger than {LARGEST:,} bytes, so not a space file")
    if not raw.strip():
        raise SpaceError(f"{path}: the file is empty", 'a space file begins with {"nodes": ...} or {"extends": ...}')
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in raw[:4]:
        raise SpaceError(f"{path}: is UTF-16 or UTF-32, a space file is UTF-8", "save it as UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{raw[error.start]:02x}"
        raise SpaceError(f"{path}: line {line}: not UTF-8 ({byte})", "save it as UTF-8") from None


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _object(path, pairs), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SpaceError(f"{path}: broken JSON at {place}: {error.msg[0].lower() + error.msg[1:]}") from None
    except (RecursionError, ValueError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise SpaceError(f"{path}: broken JSON: {said}") from None


def _object(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in found if names.count(key) > 1)
        raise SpaceError(f"{path}: key {twice!r} is written twice in one object", "keep one of them")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _known_keys(path: Path, data: dict[str, Any], place: str, known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise SpaceError(f"{path}: {place and place + ': '}unknown key {key!r}", nearest(key, known))


def _refuse(path: Path, data: dict[str, Any], said: str) -> NoReturn:
    """msgspec's message in a person's words: the file, the place, what belongs there and what stands there."""
    reason, _, place = said.partition(" - at `$")
    where, value, key = "", cast(Any, data), cast(Any, "")
    for step in re.findall(r"[^.\[\]]+|\.\.\.", place.rstrip("`")):
        key = _first_odd(value) if step == "..." else int(step) if step.isdecimal() else step
        value = value[key]
        where += f"[{key!r}]" if step == "..." or isinstance(key, int) else f".{key}" if where else str(key)
    raise SpaceError(f"{path}: {where}: {in_words(reason, ProtocolKeys, str(key))}, got {shown(value)}")


def _first_odd(entries: dict[str, Any]) -> str:
    """The entry of `models` or `gates` that is no list of names: msgspec does not say which."""
    for key, names in entries.items():
        if not isinstance(names, (str, list)) or not all(isinstance(name, str) for name in names):
            return key
    raise AssertionError("an entry was refused")
