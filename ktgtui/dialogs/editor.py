"""A text over the page, and below it what it means, told again at each key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import TextArea

from engine.errors import EngineError
from ktgtui.drawing.text import Paragraph
from ktgtui.widgets.text_block import Note

Tell = Callable[[str], Sequence[Paragraph]]


class Editor(ModalScreen[str | None]):
    """Dismissed with the text, or None. `tell` says what the text means; it raises EngineError if it cannot be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", id="editor.leave", priority=True),
        Binding("ctrl+s", "take", "keep", id="editor.take", priority=True),
    ]

    def __init__(self, title: str, text: str, tell: Tell) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._tell = tell

    def compose(self) -> ComposeResult:
        with Vertical(id="editor"):
            yield Note(id="editor-title")
            area = TextArea(self._text, compact=True, id="text")
            area.cursor_blink = False
            yield area
            yield Note(id="editor-note")
            yield Note(id="editor-keys")

    def on_mount(self) -> None:
        self.query_one("#editor-title", Note).show([[(self._title, "accent")]])
        self.query_one("#editor-keys", Note).show([[("ctrl+s", "accent"), (" keep it   ", "dim"), ("ctrl+z", "accent"),
                                                    (" undo   ", "dim"), ("esc", "accent"), (" leave", "dim")]])
        self._said()

    @property
    def text(self) -> str:
        return self.query_one("#text", TextArea).text

    def _said(self) -> bool:
        """Tell what the text means; whether it can be."""
        note = self.query_one("#editor-note", Note)
        try:
            note.show(self._tell(self.text))
        except EngineError as error:
            note.show([[(line, "bad")] for line in str(error).split("\n")])
            return False
        return True

    def on_text_area_changed(self) -> None:
        self._said()

    def action_take(self) -> None:
        if self._said():
            self.dismiss(self.text)

    def action_leave(self) -> None:
        self.dismiss(None)
