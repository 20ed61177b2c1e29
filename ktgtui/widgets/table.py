"""A table that renders the rows on screen and no others: 100,000 rows open like ten.

Rows are any objects; `cells` turns one into text when it is drawn. The cursor stays on its row (by key) when rows
come, go or are sorted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from ktgtui.drawing.text import Cell, Column
from ktgtui.widgets.line_widget import Lines, Pieces

R = TypeVar("R")


class Table(Lines, Generic[R], can_focus=True):
    """Columns, rows and a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False, id="table.up"),
        Binding("down,j", "move(1)", "down", show=False, id="table.down"),
        Binding("pageup,ctrl+b", "page(-1)", "page up", show=False, id="table.page-up"),
        Binding("pagedown,ctrl+f", "page(1)", "page down", show=False, id="table.page-down"),
        Binding("home", "jump(0)", "first", show=False, id="table.first"),
        Binding("end", "jump(-1)", "last", show=False, id="table.last"),
        Binding("enter", "take", "choose", show=False, id="table.choose"),
    ]

    @dataclass
    class Taken(Message):
        """Enter was pressed on a row."""

        table: Table[Any]
        row: Any

        @property
        def control(self) -> Table[Any]:
            return self.table

    def __init__(
        self, columns: Sequence[Column], cells: Callable[[R], Sequence[Cell]], key: Callable[[R], Hashable],
        empty: str = "", *, moved: Callable[[R], object] | None = None, id: str | None = None,
    ) -> None:
        """`empty` is what an empty table says, lines separated by newlines.

        `moved` is called with the row when the cursor comes to another one. A call and no message, so that what a page
        draws of a row is sent in the same frame as the cursor: a message comes a frame (16 ms) later.
        """
        super().__init__(id=id)
        self._columns = columns
        self.cells = cells
        self._key = key
        self._moved = moved
        self.empty = empty
        self.rows: Sequence[R] = ()
        self.cursor = 0
        self._top = 0

    @property
    def current(self) -> R | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def excerpt(self) -> str:
        """The row under the cursor as text, cells separated by tabs; '' if there is none."""
        row = self.current
        if row is None:
            return ""
        return "\t".join((cell if isinstance(cell, str) else cell[0]).strip() for cell in self.cells(row))

    def around(self) -> Sequence[R]:
        """The rows of this screenful and of the next ones on both sides; the same until the cursor is a screenful on."""
        start = self.cursor // self._room * self._room
        return self.rows[max(0, start - self._room) : start + 2 * self._room]

    @property
    def _room(self) -> int:
        """Rows that fit under the header."""
        return max(1, self.size.height - 1)

    def show(self, rows: Sequence[R], columns: Sequence[Column] | None = None) -> None:
        """Show other rows; the cursor follows the row it stood on, or stays where it was if that row is gone."""
        before = self.current
        self._columns = columns or self._columns
        if len(rows) != len(self.rows) and self.styles.is_auto_height:
            self.refresh(layout=True)
        self.rows = rows
        self.cursor = self._find(before)
        self._settle()
        if (now := self.current) is not None and (before is None or self._key(before) != self._key(now)):
            self._tell(now)

    def _tell(self, row: R) -> None:
        if self._moved is not None:
            self._moved(row)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """For `height: auto`: the header and every row."""
        return 1 + max(1, len(self.rows))

    def _find(self, before: R | None) -> int:
        place = min(self.cursor, max(0, len(self.rows) - 1))
        if before is None or not self.rows or self._key(self.rows[place]) == self._key(before):
            return place
        wanted = self._key(before)
        return next((i for i, row in enumerate(self.rows) if self._key(row) == wanted), place)

    def seek(self, key: Hashable) -> None:
        """Put the cursor on the row with this key, if there is one."""
        found = next((i for i, row in enumerate(self.rows) if self._key(row) == key), None)
        if found is not None:
            self._go(found)

    def _settle(self) -> None:
        """Scroll as little as brings the cursor into view, then draw what changed."""
        self._scroll()
        self.redraw()

    def _scroll(self) -> bool:
        """Whether the rows on screen are others now."""
        before = self._top
        self._top = min(max(self._top, self.cursor - self._room + 1), self.cursor)
        self._top = max(0, min(self._top, len(self.rows) - self._room))
        return self._top != before

    def _go(self, place: int) -> None:
        place = max(0, min(place, len(self.rows) - 1))
        if self.rows and place != self.cursor:
            before, self.cursor = self.cursor, place
            if self._scroll():
                self.redraw()
            else:
                self.redraw([before - self._top + 1, place - self._top + 1])
            self._tell(self.rows[place])

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        self._go(self.cursor + by * max(1, self._room - 1))

    def action_jump(self, place: int) -> None:
        self._go(place if place >= 0 else len(self.rows) - 1)

    def action_take(self) -> None:
        if (row := self.current) is not None:
            self.post_message(self.Taken(self, row))

    def on_resize(self) -> None:
        self._settle()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._go(self.cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._go(self.cursor - 3)

    def on_click(self, event: events.Click) -> None:
        if 0 <= (place := self._top + event.y - 1) < len(self.rows) and event.y:
            self._go(place)

    def line(self, y: int, width: int) -> Pieces:
        widths = self._widths(width)
        if y == 0:
            role = "accent" if self.has_focus else "head"
            return self.inked([(self._joined([c.title for c in self._columns], widths), role)])
        if not self.rows:
            said = self.empty.split("\n")
            return self.inked([(said[y - 1] if y <= len(said) else "", "dim")])
        place = self._top + y - 1
        if place >= len(self.rows):
            return ()
        row = self.rows[place]
        if place != self.cursor:
            return self._row(row, widths, "")
        over = "cursor" if self.has_focus else "rest"
        return [*self._row(row, widths, over), (" " * width, self.ink("", over))]

    def _row(self, row: R, widths: Sequence[int], over: str) -> list[tuple[str, Style]]:
        """A row's cells; `over`: the role that is laid over theirs where the cursor stands."""
        pieces = [(self._mark(bool(over)), self.ink("", over))]
        for cell, column, width in zip(self.cells(row), self._columns, widths, strict=True):
            if width:
                text, role = (cell, "") if isinstance(cell, str) else cell
                ink = self.ink("" if over == "cursor" else role, over)
                pieces.append((fit(text, width, column.right, self.plain) + " ", ink))
        return pieces

    def _mark(self, at_cursor: bool) -> str:
        """The cursor is seen without colour too."""
        if not at_cursor:
            return " "
        return ">" if self.plain else "▌"

    def _joined(self, texts: Sequence[str], widths: Sequence[int]) -> str:
        shown = (fit(t, w, c.right, self.plain) for t, w, c in zip(texts, widths, self._columns, strict=True) if w)
        return " " + " ".join(shown)

    def _widths(self, total: int) -> list[int]:
        """Characters a column of a table this wide; 0 for one that is left out."""
        shown = [c.width if total >= c.least else 0 for c in self._columns]
        spare = total - 1 - sum(w + 1 for w in shown if w)
        for i, column in enumerate(self._columns):
            if column.grows and shown[i]:
                shown[i] = max(4, shown[i] + spare)
        return shown


def fit(text: str, width: int, right: bool = False, plain: bool = False) -> str:
    """`text` in exactly `width` cells; what is cut off leaves an ellipsis (`plain`: a full stop)."""
    cells = len(text) if text.isascii() else cell_len(text)
    if cells > width:
        text, cells = set_cell_size(text, width - 1) + (("." if plain else "…") if width > 1 else ""), width
    blank = " " * (width - cells)
    return blank + text if right else text + blank
