"""A list over the page, narrowed by typing: keys, places to go, commands done, advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from ktgtui.drawing.text import Column
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list."""

    key: str
    """What the list is dismissed with."""
    left: str
    right: str = ""
    detail: str = ""
    """Said below while the cursor is on it."""


class Listing(ModalScreen[str | None]):
    """Dismissed with the key of the entry that was taken, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", id="list.leave"),
        Binding("up", "move(-1)", "up", show=False, priority=True, id="list.up"),
        Binding("down", "move(1)", "down", show=False, priority=True, id="list.down"),
        Binding("pageup", "move(-10)", "page up", show=False, priority=True, id="list.page-up"),
        Binding("pagedown", "move(10)", "page down", show=False, priority=True, id="list.page-down"),
    ]

    def __init__(self, title: str, entries: Sequence[Entry], verb: str, empty: str = "nothing here") -> None:
        """`verb` is what Enter does."""
        super().__init__()
        self._title = title
        self._entries = entries
        self._verb = verb
        self._empty = empty

    def compose(self) -> ComposeResult:
        widest = max((len(e.left) for e in self._entries), default=10)
        columns = (Column(self._title, max(widest, len(self._title))), Column("", 10, grows=True))
        with Vertical(id="listing"):
            line = Input(placeholder="type to narrow", compact=True, id="narrow")
            line.cursor_blink = False
            yield line
            table = Table[Entry](columns, lambda e: (e.left, (e.right, "dim")), lambda e: e.key, self._empty,
                                 moved=lambda _: self._tell(), id="list")
            table.can_focus = False
            yield table
            yield Note(id="list-detail")
            yield Note(id="list-keys")

    @property
    def _table(self) -> Table[Entry]:
        return self.query_one("#list", Table)

    def on_mount(self) -> None:
        self._table.show(self._entries)
        self.query_one("#list-detail", Note).display = any(e.detail for e in self._entries)
        self.query_one("#list-keys", Note).show([[("enter", "accent"), (f" {self._verb}   ", "dim"),
                                                  ("esc", "accent"), (" leave", "dim")]])
        self._tell()

    @on(Input.Changed, "#narrow")
    def _narrow(self, event: Input.Changed) -> None:
        words = event.value.lower().split()
        self._table.show([e for e in self._entries if all(w in f"{e.left} {e.right}".lower() for w in words)])
        self._tell()

    @on(Input.Submitted, "#narrow")
    def _taken(self) -> None:
        entry = self._table.current
        self.dismiss(None if entry is None else entry.key)

    def _tell(self) -> None:
        entry = self._table.current
        self.query_one("#list-detail", Note).show([[(entry.detail, "")]] if entry and entry.detail else [])

    def action_move(self, by: int) -> None:
        self._table.action_move(by)

    def action_leave(self) -> None:
        self.dismiss(None)
