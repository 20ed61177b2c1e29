"""Making and changing space files from the workbench: template, branch, text, notes, comparison; each can be undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.errors import EngineError, SpaceError
from engine.space.files import notes, space_file, write
from engine.space.files.load import Space, load, parsed
from engine.space.text.describe_space import describe
from engine.space.what_if import inside
from ktgtui.context import Context, Undoable
from ktgtui.data.snapshot import SpaceView
from ktgtui.dialogs.editor import Editor
from ktgtui.dialogs.picker import Entry, Listing
from ktgtui.drawing.text import Paragraph

QUICK = 6
"""Nodes up to which a space is counted at each key."""


def template(context: Context, view: SpaceView) -> None:
    """A new space that begins as a copy of this one's file."""
    path = space_file.find(view.reference)
    _edit(context, f"new space after {view.name}", path.read_text("utf-8"), None, beside=path.parent)


def branch(context: Context, view: SpaceView) -> None:
    """A new child of this space, with constraints yet to be written."""
    parent = load(view.reference)
    target = context.session.folder / "spaces" / "child.json"
    text = write.laid_out({"name": f"{view.name}-2", "extends": write.reference(parent, target), "constraints": []})
    _edit(context, f"new child of {view.name}", text, None, beside=target.parent)


def edit(context: Context, view: SpaceView) -> None:
    """The space's own file as text: rename it, change what it may hold. A shipped space can only be copied."""
    if view.shipped:
        context.notify(f"{view.name} is shipped: n makes a copy of it, b a child", severity="warning")
        return
    path = Path(view.reference)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        context.notify(f"{path}: {error}", severity="error")
        return
    _edit(context, f"edit {path.name}", text, path, beside=path.parent)


def _edit(context: Context, title: str, text: str, path: Path | None, beside: Path) -> None:
    """Show a space file's text; it is kept in `path`, or in spaces/NAME.json by the name it gives itself."""
    if context.refuses():
        return
    where = path or beside / "new.json"

    def taken(kept: str | None) -> None:
        if kept is None or (path is not None and kept == text):
            return
        try:
            space = parsed(kept, where)
            out = path or context.session.folder / "spaces" / f"{space.slug}.json"
            parsed(kept, out)  # a copy lies elsewhere than its template: what it extends must be found from there too
            write.put(out, kept, force=path is not None)
        except EngineError as error:
            context.notify(str(error), severity="error")
            return
        undo = Undoable(f"{out.name} as it was", lambda: _restore(out, kept, None if path is None else text))
        context.session.undoable.append(undo)
        context.notify(f"{out.name} is written; u takes it back")
        context.refresh_now()

    context.push_screen(Editor(title, text, lambda now: told(parsed(now, where))), taken)


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


def compare(context: Context, one: SpaceView, other: SpaceView) -> None:
    """Two spaces side by side: counts, constraints, which holds which."""
    context.background.ask("compare spaces", lambda: _compared(load(one.reference), load(other.reference)),
                           lambda found: _show_compared(context, one, other, found))


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


def _show_compared(context: Context, one: SpaceView, other: SpaceView, found: list[tuple[str, str]] | EngineError) -> None:
    if isinstance(found, EngineError):
        context.notify(str(found), severity="error")
        return
    entries = [Entry(str(i), left, right, right) for i, (left, right) in enumerate(found)]

    def taken(name: str | None) -> None:
        if name is not None:
            context.copy(": ".join(found[int(name)]))

    context.push_screen(Listing(f"{one.name} and {other.name}", entries, "copy"), taken)


def note(context: Context, about: str, title: str, then: Callable[[], None] = lambda: None) -> None:
    """Write down what a person thinks of a space or a trial; an empty text takes the note away."""
    if context.refuses():
        return
    folder = context.session.folder / "spaces"
    before = notes.read(folder).get(about, "")

    def put(text: str) -> None:
        notes.write(folder, notes.Note(about=about, text=text))
        context.refresh_now()
        then()

    def taken(text: str | None) -> None:
        if text is None or text.strip() == before:
            return
        try:
            put(text.strip())
        except EngineError as error:
            context.notify(str(error), severity="error")
            return
        context.session.undoable.append(Undoable(f"the note on {title} as it was", lambda: put(before)))

    context.push_screen(Editor(f"note on {title}", before, lambda _: [[("kept in spaces/notes.jsonl", "dim")]]), taken)


EDITS: dict[str, Callable[[Context, SpaceView], None]] = {"template": template, "branch": branch, "edit": edit}
"""By the name in the spaces page's `shape('NAME')`."""
