"""The design spaces at hand as a tree by lineage."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from engine.errors import EngineError
from engine.space.files import choices
from engine.space.files.load import Space, load
from engine.space.files.space_file import shipped
from engine.space.text.describe_space import describe
from ktgtui.data.file_stamp import stamp
from ktgtui.data.snapshot import SpaceView

LARGEST_TO_COUNT = 6
"""Nodes above which counts are left to `python -m engine.space`, which shows its progress."""


class Lineages:
    """Shipped spaces and `*.json` in the folder, as a tree by lineage; a file is read again when it changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[int, int]] = {}
        self._views: tuple[SpaceView, ...] = ()

    def look(self) -> tuple[SpaceView, ...]:
        named = shipped()
        known = {path.resolve() for path in named.values()}
        own = [path for path in _json_files(self._folder) if path.resolve() not in known]
        seen = {path: stamp(path) for path in (*named.values(), *own, self._folder / choices.CHOICES)}
        if seen != self._seen:
            self._seen = seen
            views = _tree([*((name, name, True) for name in named), *((str(p), p.stem, False) for p in own)])
            reasons = choices.reasons(self._folder)
            self._views = tuple(replace(view, reason=reasons.get(view.name, "")) for view in views)
        return self._views


def _json_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.rglob("*.json"))
    except OSError:
        return []


Step = tuple[tuple[str, tuple[str, ...]], ...]
"""A lineage as a key: names and phrases, root first."""


def _tree(references: list[tuple[str, str, bool]]) -> tuple[SpaceView, ...]:
    """Views in tree order: children under their parents, families in the order found, broken files last."""
    found: dict[Step, tuple[SpaceView, Space]] = {}
    broken = []
    for reference, name, is_shipped in references:
        try:
            space = load(reference)
            view = _view(space, reference, is_shipped)
        except EngineError as error:
            broken.append(SpaceView(name, reference, is_shipped, error=str(error)))
            continue
        found.setdefault(_lineage(space), (view, space))
    roots = [step for step in found if step[:-1] not in found]
    views: list[SpaceView] = []
    for root in roots:
        _walk(root, "", "", found, views)
    return (*views, *broken)


def _walk(step: Step, before: str, below: str, found: dict[Step, tuple[SpaceView, Space]],
          views: list[SpaceView]) -> None:
    views.append(replace(found[step][0], branch=before))
    children = [other for other in found if other[:-1] == step]
    for child in children:
        last = child == children[-1]
        _walk(child, below + ("└ " if last else "├ "), below + ("  " if last else "│ "), found, views)


def _lineage(space: Space) -> Step:
    return tuple((a.name, tuple(map(str, a.phrases))) for a in space.lineage)


def _view(space: Space, reference: str, is_shipped: bool) -> SpaceView:
    counts = space.counts() if space.nodes <= LARGEST_TO_COUNT else None
    return SpaceView(space.name, reference, is_shipped, counts=counts, words=describe(space),
                     phrases=tuple(map(str, space.lineage[-1].phrases)))
