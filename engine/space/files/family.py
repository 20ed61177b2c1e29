"""The spaces around a space: its ancestors, and the other children of its lineage in the same folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import SpaceError
from engine.space.files import space_file
from engine.space.files.load import load
from engine.space.space import Space


@dataclass(slots=True)
class Member:
    """One space of a family, with its children."""

    space: Space
    children: list[Member] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """The member as JSON data."""
        return {
            "name": self.space.name,
            "constraints": [str(p) for p in self.space.lineage[-1].phrases],
            "keys": self.space.keys,
            "children": [child.plain() for child in self.children],
        }

    def lines(self, prefix: str = "", last: bool = True, root: bool = True) -> list[str]:
        """The tree drawn, a space a line."""
        phrases = "; ".join(map(str, self.space.lineage[-1].phrases))
        own = "  ".join(filter(None, (self.space.name, phrases, f"{self.space.keys:,} graphs")))
        found = [own if root else f"{prefix}{'└─ ' if last else '├─ '}{own}"]
        below = "" if root else prefix + ("   " if last else "│  ")
        for place, child in enumerate(self.children, 1):
            found += child.lines(below, place == len(self.children), False)
        return found


def family(space: Space) -> tuple[Member, list[str]]:
    """The root of the space's lineage with all descendants beside the space's file; and what could not be read."""
    assert space.file is not None
    members: dict[Path, Member] = {}
    parents: dict[Path, Path] = {}
    unreadable = []
    for path in [space.file, *sorted(space.file.parent.glob("*.json"))]:
        try:
            _trace(path, members, parents)
        except SpaceError as error:
            unreadable.append(error.message)
    for child, parent in parents.items():
        members[parent].children.append(members[child])
    root = space.file.resolve()
    while root in parents:
        root = parents[root]
    return members[root], unreadable


def _trace(path: Path, members: dict[Path, Member], parents: dict[Path, Path]) -> None:
    """Add a file and its ancestors, each once."""
    here = path.resolve()
    if here in members:
        return
    member = Member(load(path))
    extends = space_file.read(path)[0].extends
    if extends is not None:
        parent = space_file.find(extends, path.parent)
        _trace(parent, members, parents)
        parents[here] = parent.resolve()
    members[here] = member
