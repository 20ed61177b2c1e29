"""One line that asks for text, hidden until it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from ktgtui.widgets.text_block import Note


class Prompt(Vertical):
    """A label, an input without a blinking cursor (an idle terminal stays silent), and a line for complaints."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "leave", id="prompt.leave")]

    @dataclass
    class Answered(Message):
        """Enter was pressed; whoever takes it calls `close` or `complain`."""

        prompt: Prompt
        text: str

        @property
        def control(self) -> Prompt:
            return self.prompt

    @dataclass
    class Changed(Message):
        """A key changed the text."""

        prompt: Prompt
        text: str

    def __init__(self, label: str, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._label = label
        self._hint = hint
        self._before = None

    def compose(self) -> ComposeResult:
        line = Input(placeholder=self._hint, compact=True)
        line.cursor_blink = False
        yield line
        yield Note()

    def on_mount(self) -> None:
        self.display = False

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def ask(self, text: str = "") -> None:
        """Show it, with some text to begin with."""
        self.display = True
        self._input.value = text
        self._input.cursor_position = len(text)
        self.complain("")
        self._input.focus()

    def complain(self, reason: str) -> None:
        """Say what is wrong with the text."""
        self.query_one(Note).show([[(line, "bad")] for line in reason.split("\n")] if reason else [])

    def close(self) -> None:
        self.display = False

    def action_leave(self) -> None:
        self.close()
        self.screen.focus_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Answered(self, event.value))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))
