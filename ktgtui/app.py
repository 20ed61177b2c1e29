"""The workbench's application: pages, keys, and the one place where snapshots arrive."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from ktgtui import theme
from ktgtui.app_context import AppContext
from ktgtui.config.settings import Settings
from ktgtui.context import PAGE_NAMES, Session
from ktgtui.data.last_visit import Memory
from ktgtui.data.snapshot import Snapshot
from ktgtui.messages import Followed, Stumbled, Thought
from ktgtui.terminal import error_log
from ktgtui.terminal.textual_patches import PatchedApp

DEFAULT = Settings()


class Workbench(PatchedApp):
    """Searches are other processes; nothing here trains, and only `engine.control` and the store write to runs."""

    CSS_PATH = "ktgtui.tcss"
    TITLE = "ktgtui"
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = "spaces"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(i), f"switch_mode('{name}')", name, show=False, id=f"page.{name}")
          for i, name in enumerate(PAGE_NAMES, 1)),
        Binding("q", "quit", "quit", id="quit"),
        Binding("question_mark", "list('keys')", "keys", key_display="?", id="list.keys"),
        Binding("ctrl+p", "list('keys')", "keys", show=False, id="list.palette"),
        Binding("slash", "list('places')", "find", show=False, id="list.find"),
        Binding("colon", "list('places')", "go to", key_display=":", id="list.places"),
        Binding("N", "list('news')", "news", show=False, id="list.news"),
        Binding("u", "undo", "undo", show=False, id="undo"),
        Binding("T", "turn_theme", "next colours", show=False, id="theme"),
        Binding("ctrl+z", "suspend_process", "to the shell", show=False, id="suspend"),
        Binding("L", "list('commands')", "commands", show=False, id="list.commands"),
        Binding("v", "list('advice')", "advice", show=False, id="list.advice"),
        Binding("G", "tour", "guided tour", show=False, id="tour"),
        Binding("ctrl+n", "onward", "tour: what comes next", show=False, id="tour.next"),
        Binding("y", "copy", "copy", show=False, id="copy"),
        Binding("w", "write", "write to files", show=False, id="write"),
        Binding("escape", "dismiss", "forget the notice", show=False, id="calm"),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True, id="quit.always"),
    ]

    def __init__(self, folder: Path, *, readonly: bool = False, look: str = "auto", settings: Settings = DEFAULT) -> None:
        """Raises SettingsError for keys of actions that are none."""
        super().__init__()
        self._settings = settings
        if settings.keys:
            from ktgtui.config import keymap

            self.set_keymap(keymap.checked(settings.keys, (name for name, _, _ in keymap.every(bound()))))
        self.context = AppContext(self, Session(folder, readonly, settings.ascii or not theme.speaks_unicode()))
        self._visits = Memory(folder)
        for own in (theme.DARK, theme.LIGHT):
            self.register_theme(own)
        self.theme = theme.resolve(look)
        self.theme_chosen()

    @property
    def plain(self) -> bool:
        """The terminal shows ASCII alone; widgets ask for it."""
        return self.context.session.plain

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError):  # not the main thread: somebody else's event loop
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        self.repaint_after_suspension()
        self.call_after_refresh(self._begin)
        self.context.start()
        self.set_interval(self._settings.look_every, self.context.tick)
        if self._settings.start != self.DEFAULT_MODE:
            self.switch_mode(self._settings.start)

    def _begin(self) -> None:
        """After the first paint: look at the folder, and load what draws its curves while files are waited for."""
        self.context.watch()
        self.context.background.ask("plots", _load_plots, lambda _: None)

    def on_unmount(self) -> None:
        self.context.close()
        if self.context.snapshot.ready and not self.context.session.readonly:
            self._visits.keep(self.context.snapshot.runs)

    def on_followed(self, message: Followed) -> None:
        if not self.context.snapshot.ready:
            gc.freeze()  # everything loaded so far stays: later collections need not look at it (50 ms at 10,000 trials)
            self.context.guide.offer(message.snapshot)
            gc.enable()  # `ktgtui.__main__` turned it off
            self._greet(message.snapshot)
        self.context.snapshot = message.snapshot
        self.context.repaint()

    def _greet(self, snapshot: Snapshot) -> None:
        """Find out what happened since the last visit."""
        session = self.context.session
        session.last_visit = self._visits.recall()
        if session.last_visit is not None:
            session.news = self._visits.news(session.last_visit, snapshot.runs)

    def on_thought(self, message: Thought) -> None:
        message.take()

    def on_stumbled(self, message: Stumbled) -> None:
        self.notify(error_log.record(message.traceback), title="a fault of the workbench", severity="error", markup=False)

    def action_tour(self) -> None:
        self.context.guide.toggle()

    def action_onward(self) -> None:
        self.context.guide.onward(self.context.page)

    def action_list(self, name: str) -> None:
        from ktgtui.actions.palette import LISTS

        LISTS[name](self.context)

    def action_undo(self) -> None:
        """Take back what was written last."""
        from ktgtui.actions.undo import undo

        undo(self.context)

    def action_turn_theme(self) -> None:
        """Dark, light, sixteen colours."""
        looks = list(theme.LOOKS.values())
        self.theme = looks[(looks.index(self.theme) + 1) % len(looks)]

    def action_dismiss(self) -> None:
        self.context.session.failure_notice, self.context.session.news = "", ()
        self.context.repaint()

    def action_copy(self) -> None:
        """Copy what the cursor is on."""
        self.context.copy(self.context.page.excerpt())

    def action_write(self) -> None:
        """Write the page as it stands to figures/, as a picture and as text."""
        from ktgtui.actions.export_page import write

        write(self.context, self.context.page.NAME, self.context.page.text())


def _load_plots() -> None:
    import plotext  # noqa: F401 - 60 ms, while the first look at the folder waits for the disk


def bound() -> Iterator[type[Any]]:
    """Everything that binds keys, in the order in which the settings file lists them."""
    from ktgtui.dialogs.editor import Editor
    from ktgtui.dialogs.form import Form
    from ktgtui.dialogs.picker import Listing
    from ktgtui.screens.registry import PAGES
    from ktgtui.widgets.prompt import Prompt
    from ktgtui.widgets.table import Table

    yield Workbench
    yield from (page() for page in PAGES.values())
    yield from (Table, Prompt, Form, Listing, Editor)
