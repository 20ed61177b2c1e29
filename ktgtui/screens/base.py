"""What all pages share: a title, a body, the keys, and being shown each snapshot once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.events import Resize
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from ktgtui.data.snapshot import Snapshot
from ktgtui.terminal.compositor import Frames
from ktgtui.widgets.bars import KeyBar, TitleBar
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note

if TYPE_CHECKING:
    from ktgtui.app import Workbench


LEAST = (60, 20)
"""Columns and lines below which a page would show nothing that helps."""
TALL = 30
"""Lines from which words may take room that a plot could have."""


class Page(Screen[None]):
    """A full screen of the workbench. Subclasses give `TITLE`, `body` and `show`."""

    focused = Reactive[Widget | None](None, repaint=False)
    """Textual 8.2.8 paints the whole screen when the focus moves, 12 KB for a tab; widgets show it themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = Frames()

    @property
    def workbench(self) -> Workbench:
        return cast("Workbench", self.app)

    def compose(self) -> ComposeResult:
        yield TitleBar(self.TITLE or "", tuple(self.workbench.MODES))
        yield from self.body()
        yield Note(id="tour")
        yield KeyBar()
        small = Note(id="too-small")
        small.show([[(f"ktgtui needs {LEAST[0]}x{LEAST[1]} characters; make the window larger, or its letters smaller. ", ""),
                     ("Searches go on meanwhile. q leaves.", "dim")]])
        yield small

    @on(Resize)
    def _measure(self, event: Resize) -> None:
        self.set_class(event.size.width < LEAST[0] or event.size.height < LEAST[1], "-small")
        self.set_class(event.size.height < TALL, "-short")

    @property
    def is_short(self) -> bool:
        """Whether words that stand elsewhere too should leave their lines to a plot."""
        return self.app.size.height < TALL

    def body(self) -> Iterable[Widget]:
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Draw what differs; called for every snapshot while the page is on screen."""
        raise NotImplementedError

    def excerpt(self) -> str:
        """What `y` copies: the row under the cursor, or the whole page."""
        focused = self.focused
        return (focused.excerpt() if isinstance(focused, Table) else "") or self.text()

    def text(self) -> str:
        """The page's lines, without colours."""
        width, height = self.app.size
        lines = self._compositor.render_strips()[:height]
        return "\n".join(strip.text[:width].rstrip() for strip in lines) + "\n"

    def on_mount(self) -> None:
        self.watch(self.app, "snapshot", self._shown)

    def on_screen_resume(self) -> None:
        self._shown(self.workbench.snapshot)

    def _shown(self, snapshot: Snapshot) -> None:
        if self.is_current:
            self.query_one(TitleBar).show(self.workbench.place, self._notice(snapshot))
            self.show(snapshot)
            self._guided()

    def _guided(self) -> None:
        """The tour's line, where it is on."""
        note, lines = self.query_one("#tour", Note), self.workbench.guide.lines()
        note.display = bool(lines)
        note.show(lines)

    def _notice(self, snapshot: Snapshot) -> str:
        trouble = [self.workbench.trouble] if self.workbench.trouble else []
        parts = [*trouble, *snapshot.messages[:1], *(["read-only"] if self.workbench.readonly else [])]
        return "  ".join(parts)
