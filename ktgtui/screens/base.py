"""What all pages share: a title, a body, the keys, and being shown each snapshot once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.events import Resize
from textual.reactive import Reactive
from textual.screen import Screen
from textual.widget import Widget

from ktgtui.context import PAGE_NAMES, Context, PageName
from ktgtui.data.snapshot import Snapshot
from ktgtui.drawing.text import Paragraph
from ktgtui.terminal import textual_patches
from ktgtui.widgets.bars import KeyBar, TitleBar
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note

LEAST = (60, 20)
"""Columns and lines below which a page would show nothing that helps."""
TALL = 30
"""Lines from which words may take room that a plot could have."""


class Page(Screen[None]):
    """A full screen of the workbench. Subclasses give `NAME`, `body` and `show`."""

    NAME: ClassVar[PageName]
    """What it is called in the title and in `Context.show_page`."""

    focused = Reactive[Widget | None](None, repaint=False)
    """Textual 8.2.8 paints the whole screen when the focus moves, 12 KB for a tab; widgets show it themselves."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        textual_patches.send_changes_only(self)

    def compose(self) -> ComposeResult:
        yield TitleBar(self.NAME, PAGE_NAMES)
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
        return textual_patches.text(self)

    def receive(self, given: str) -> None:
        """Take what another page hands over (`Context.show_page`); the page is shown after."""
        raise NotImplementedError

    @property
    def is_drafting(self) -> bool:
        """Whether a constraint stands on it that is not accepted yet."""
        return False

    def advance(self) -> bool:
        """Do what the tour's key leads on to; False if that is nothing."""
        return False

    def on_screen_resume(self) -> None:
        self.context.repaint()

    def paint(self, tour: Sequence[Paragraph]) -> None:
        """Draw the context's snapshot and session, and the tour's line, where there is one; called while it is on screen."""
        self.query_one(TitleBar).show(self.context.session.place, self._notice())
        self.show(self.context.snapshot)
        note = self.query_one("#tour", Note)
        note.display = bool(tour)
        note.show(tour)

    def _notice(self) -> str:
        session = self.context.session
        failure = [session.failure_notice] if session.failure_notice else []
        parts = [*failure, *self.context.snapshot.messages[:1], *(["read-only"] if session.readonly else [])]
        return "  ".join(parts)
