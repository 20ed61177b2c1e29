"""Taking back what was written here."""

from __future__ import annotations

from engine.errors import EngineError
from ktgtui.context import Context


def undo(context: Context) -> None:
    """Take back what was written last, and say so."""
    if not context.session.undoable:
        context.notify("nothing to undo")
        return
    last = context.session.undoable.pop()
    try:
        last.undo()
    except EngineError as error:
        context.notify(str(error), severity="error")
        return
    context.notify(f"undone: {last.what}")
    context.refresh_now()
