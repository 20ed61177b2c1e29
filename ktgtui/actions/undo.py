"""What was done here: the headless command of every action, and what can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import EngineError

if TYPE_CHECKING:
    from ktgtui.app import Workbench


class Deeds:
    """Oldest first."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        """The headless command of everything done here."""
        self._undo: list[tuple[str, Callable[[], None]]] = []

    def undoable(self, what: str, back: Callable[[], None]) -> None:
        """Let `undo` call `back`, which brings `what` back; it raises EngineError if it cannot."""
        self._undo.append((what, back))

    def undo(self, app: Workbench) -> None:
        """Take back what was written last, and say so."""
        if not self._undo:
            app.notify("nothing to undo")
            return
        what, back = self._undo.pop()
        try:
            back()
        except EngineError as error:
            app.notify(str(error), severity="error", markup=False)
            return
        app.notify(f"undone: {what}", markup=False)
        app.look()
