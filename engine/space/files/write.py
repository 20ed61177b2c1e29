"""Writing a child space as a file: as readable as one written by hand, atomically, never over another unasked."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import SpaceError
from engine.space.constraints import Phrase
from engine.space.files import space_file
from engine.space.space import Space


def write(parent: Space, phrases: tuple[Phrase, ...], out: Path, name: str | None = None, force: bool = False) -> Path:
    """Write `out`, the child of `parent` that adds `phrases`; its name is `name`, else the file's own.

    The whole file appears or nothing does. Raises SpaceError if `out` exists (unless `force`), is the parent or above it, or
    cannot be written.
    """
    if force and out.resolve() in _ancestry(parent):
        raise SpaceError(f"{out}: the child extends it, and would be its own ancestor", "choose another name")
    content = _content(parent, phrases, out, name or out.stem)
    put(out, content, force)
    return out


def put(out: Path, content: str, force: bool = False) -> None:
    """Write a space file's text. The whole file appears or nothing does. Raises SpaceError as `write` does."""
    if os.path.lexists(out) and not force:
        raise _taken(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _place(out, content, force)
    except OSError as error:
        raise SpaceError(f"{out}: cannot be written: {error.strerror or error}") from None


def _ancestry(space: Space) -> Iterator[Path]:
    """The files of a space's lineage, its own first."""
    path = space.file
    while path is not None:
        yield path.resolve()
        extends = space_file.read(path)[0].extends
        path = None if extends is None else space_file.find(extends, path.parent)


def _content(parent: Space, phrases: tuple[Phrase, ...], out: Path, name: str) -> str:
    data: dict[str, Any] = {"name": name, "extends": reference(parent, out), "constraints": [str(p) for p in phrases]}
    try:
        msgspec.convert(data, space_file.SpaceFile)
    except msgspec.ValidationError:
        hint = "use letters, digits and ._+- in parts joined by / (say --name NAME)"
        raise SpaceError(f"{out}: {name!r} cannot name a space", hint) from None
    return laid_out(data)


def reference(parent: Space, out: Path) -> str:
    """How the child names its parent: a shipped space by its name, another file by its path from the child."""
    if parent.file is None:
        raise SpaceError(f"{parent.name}: has no space file that a child could extend", "write the parent first")
    here = parent.file.resolve()
    if name := next((n for n, path in space_file.shipped().items() if path.resolve() == here), None):
        return name
    return Path(os.path.relpath(here, out.parent.resolve())).as_posix()


def laid_out(data: dict[str, Any]) -> str:
    """JSON with a line a key, and a line an element for lists that would not fit in one."""
    lines = []
    for key, value in data.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and len(text) > 80:
            inner = ",\n".join(f"    {json.dumps(item, ensure_ascii=False)}" for item in value)
            text = f"[\n{inner}\n  ]"
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _place(out: Path, content: str, force: bool) -> None:
    """A link fails if the name was taken meanwhile, where a rename would silently replace it."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        if force:
            temporary.replace(out)
        else:
            _link(temporary, out)
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, out: Path) -> None:
    try:
        os.link(temporary, out)
    except FileExistsError:
        raise _taken(out) from None


def _taken(out: Path) -> SpaceError:
    return SpaceError(f"{out}: already exists", "choose another name, or say --force to replace it")
