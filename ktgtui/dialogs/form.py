"""A form over the page: a few lines of text, and below them what they would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.errors import EngineError
from ktgtui.drawing.text import Paragraph
from ktgtui.widgets.text_block import Note


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form."""

    name: str
    value: str = ""
    hint: str = ""


Values = dict[str, str]


class Form(ModalScreen[Values | None]):
    """Dismissed with the values, or None. `tell` says what the values mean; it raises EngineError if they cannot be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", id="form.leave"),
        Binding("ctrl+s", "take", "do it", id="form.take"),
        Binding("up", "app.focus_previous", "line before", show=False, id="form.up"),
        Binding("down", "app.focus_next", "next line", show=False, id="form.down"),
    ]

    def __init__(self, title: str, fields: Sequence[Field], tell: Callable[[Values], Sequence[Paragraph]]) -> None:
        super().__init__()
        self._title = title
        self._fields = fields
        self._tell = tell

    def compose(self) -> ComposeResult:
        with Vertical(id="form"):
            yield Note(id="form-title")
            for field in self._fields:
                with Horizontal(classes="form-line"):
                    yield Note(id=f"label-{field.name}", classes="form-label")
                    line = Input(field.value, placeholder=field.hint, compact=True, id=f"field-{field.name}")
                    line.cursor_blink = False
                    yield line
            yield Note(id="form-note")
            yield Note(id="form-keys")

    def on_mount(self) -> None:
        self.query_one("#form-title", Note).show([[(self._title, "accent")]])
        for field in self._fields:
            self.query_one(f"#label-{field.name}", Note).show([[(field.name, "head")]])
        self.query_one("#form-keys", Note).show([[("enter", "accent"), (" next   ", "dim"),
                                                  ("↑ ↓", "accent"), (" another   ", "dim"),
                                                  ("ctrl+s", "accent"), (" do it   ", "dim"),
                                                  ("esc", "accent"), (" leave", "dim")]])
        self._said()

    @property
    def values(self) -> Values:
        return {f.name: self.query_one(f"#field-{f.name}", Input).value for f in self._fields}

    def _said(self) -> bool:
        """Tell what the values mean; whether they can be."""
        note = self.query_one("#form-note", Note)
        try:
            note.show(self._tell(self.values))
        except EngineError as error:
            note.show([[(line, "bad")] for line in str(error).split("\n")])
            return False
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.is_mounted:
            self._said()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == f"field-{self._fields[-1].name}":
            self.action_take()
        else:
            self.focus_next()

    def action_take(self) -> None:
        if self._said():
            self.dismiss(self.values)

    def action_leave(self) -> None:
        self.dismiss(None)
