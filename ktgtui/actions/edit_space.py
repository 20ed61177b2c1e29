"""Making and changing space files from the workbench: template, branch, text, notes, comparison; each can be undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError, SpaceError
from engine.space.files import notes, space_file, write
from engine.space.files.load import Space, load, parsed
from engine.space.text.describe_space import describe
from engine.space.what_if import inside
from ktgtui.data.snapshot import SpaceView
from ktgtui.dialogs.editor import Editor
from ktgtui.dialogs.picker import Entry, Listing
from ktgtui.drawing.text import Paragraph

if TYPE_CHECKING:
    from ktgtui.app import Workbench

QUICK = 6
"""Nodes up to which a space is counted at each key."""


def template(app: Workbench, view: SpaceView) -> None:
    """A new space that begins as a copy of this one's file."""
    path = space_file.find(view.reference)
    _edit(app, f"new space after {view.name}", path.read_text("utf-8"), None, beside=path.parent)


def branch(app: Workbench, view: SpaceView) -> None:
    """A new child of this space, with constraints yet to be written."""
    parent = load(view.reference)
    target = app.folder / "spaces" / "child.json"
    text = write.laid_out({"name": f"{view.name}-2", "extends": write.reference(parent, target), "constraints": []})
    _edit(app, f"new child of {view.name}", text, None, beside=target.parent)


def edit(app: Workbench, view: SpaceView) -> None:
    """The space's own file as text: rename it, change what it may hold. A shipped space can only be copied."""
    if view.shipped:
        app.notify(f"{view.name} is shipped: n makes a copy of it, b a child", severity="warning", markup=False)
        return
    path = Path(view.reference)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        app.notify(f"{path}: {error}", severity="error", markup=False)
        return
    _edit(app, f"edit {path.name}", text, path, beside=path.parent)


def _edit(app: Workbench, title: str, text: str, path: Path | None, beside: Path) -> None:
    """Show a space file's text; it is kept in `path`, or in spaces/NAME.json by the name it gives itself."""
    if app.refuses():
        return
    where = path or beside / "new.json"

    def taken(kept: str | None) -> None:
        if kept is None or (path is not None and kept == text):
            return
        try:
            space = parsed(kept, where)
            out = path or app.folder / "spaces" / f"{space.slug}.json"
            parsed(kept, out)  # a copy lies elsewhere than its template: what it extends must be found from there too
            write.put(out, kept, force=path is not None)
        except EngineError as error:
            app.notify(str(error), severity="error", markup=False)
            return
        app.deeds.undoable(f"{out.name} as it was", lambda: _restore(out, kept, None if path is None else text))
        app.notify(f"{out.name} is written; u takes it back", markup=False)
        app.look()

    app.push_screen(Editor(title, text, lambda now: told(parsed(now, where))), taken)


def _restore(path: Path, written: str, before: str | None) -> None:
    """Undo a write, unless somebody has changed the file since. Raises SpaceError."""
    try:
        if path.read_text("utf-8") != written:
            raise SpaceError(f"{path}: was changed since: it stays as it is")
        if before is None:
            path.unlink()
        else:
            write.put(path, before, force=True)
    except OSError as error:
        raise SpaceError(f"{path}: {error.strerror or error}") from None


def told(space: Space) -> list[Paragraph]:
    """What a space file means: its words and its counts."""
    lines: list[Paragraph] = [[(f"{space.name}  ", "accent"), (describe(space), "dim")]]
    if space.nodes <= QUICK:
        counts = space.counts()
        lines.append([(f"raw {counts.raw:,}   graphs {counts.keys:,}   effective {counts.shown('effective')}", "good")])
    return lines


def compare(app: Workbench, one: SpaceView, other: SpaceView) -> None:
    """Two spaces side by side: counts, constraints, which holds which."""
    app.thinker.ask("compare spaces", lambda: _compared(load(one.reference), load(other.reference)),
                    lambda found: _show_compared(app, one, other, found))


def _compared(one: Space, other: Space) -> list[tuple[str, str]]:
    rows = [("space", f"{one.name}   {other.name}")]
    for name in ("raw", "paper", "keys", "effective"):
        values = [s.counts().shown(name) if s.nodes <= QUICK else "-" for s in (one, other)]
        rows.append((name, "   ".join(values)))
    for space, rest in ((one, other), (other, one)):
        own = [p for p in map(str, space.phrases) if p not in map(str, rest.phrases)]
        rows.append((f"only in {space.name}", ", ".join(own) or "no constraint of its own"))
    rows += [("differs", line) for line in one.differs(other)]
    rows.append(("relation", _relation(one, other)))
    return rows


def _relation(one: Space, other: Space) -> str:
    if one.nodes != other.nodes:
        return "other numbers of nodes: no graph in common"
    first, second = inside(one, other), inside(other, one)
    if first and second:
        return "the same graphs"
    if first or second:
        small, large = (one, other) if first else (other, one)
        return f"every graph of {small.name} is in {large.name}"
    return "neither holds the other" if first is False and second is False else "too large to tell"


def _show_compared(app: Workbench, one: SpaceView, other: SpaceView, found: list[tuple[str, str]] | EngineError) -> None:
    if isinstance(found, EngineError):
        app.notify(str(found), severity="error", markup=False)
        return
    entries = [Entry(str(i), left, right, right) for i, (left, right) in enumerate(found)]

    def taken(name: str | None) -> None:
        if name is not None:
            app.copy(": ".join(found[int(name)]))

    app.push_screen(Listing(f"{one.name} and {other.name}", entries, "copy"), taken)


def note(app: Workbench, about: str, title: str, then: Callable[[], None] = lambda: None) -> None:
    """Write down what a person thinks of a space or a trial; an empty text takes the note away."""
    if app.refuses():
        return
    folder = app.folder / "spaces"
    before = notes.read(folder).get(about, "")

    def put(text: str) -> None:
        notes.write(folder, notes.Note(about=about, text=text))
        app.look()
        then()

    def taken(text: str | None) -> None:
        if text is None or text.strip() == before:
            return
        try:
            put(text.strip())
        except EngineError as error:
            app.notify(str(error), severity="error", markup=False)
            return
        app.deeds.undoable(f"the note on {title} as it was", lambda: put(before))

    app.push_screen(Editor(f"note on {title}", before, lambda _: [[("kept in spaces/notes.jsonl", "dim")]]), taken)
