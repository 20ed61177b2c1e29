"""The workbench's application: pages, keys, and the one place where snapshots arrive."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from msgspec.structs import replace
from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from ktgtui import theme
from ktgtui.actions import export_page
from ktgtui.actions.undo import Deeds
from ktgtui.config.settings import Settings
from ktgtui.data.background import Thinker
from ktgtui.data.last_visit import Memory, News, Visit
from ktgtui.data.snapshot import EMPTY, Snapshot
from ktgtui.data.watcher import Follower
from ktgtui.messages import Followed, Stumbled, Thought
from ktgtui.screens.base import Page
from ktgtui.screens.registry import PAGES, page
from ktgtui.screens.spaces.screen import SpacesPage
from ktgtui.terminal import clipboard, error_log

if TYPE_CHECKING:
    from textual.driver import Driver

    from ktgtui.actions.launcher import Launcher
    from ktgtui.data.samples import Samples
    from ktgtui.tour.guide import Guide

DEFAULT = Settings()

class Workbench(App[None]):
    """Searches are other processes; nothing here trains, and only `engine.control` and the store write to runs."""

    CSS_PATH = "ktgtui.tcss"
    TITLE = "ktgtui"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, Any]] = {"spaces": SpacesPage, **{name: name for name in PAGES if name != "spaces"}}
    SCREENS: ClassVar[dict[str, Any]] = {name: page(name) for name in PAGES if name != "spaces"}
    DEFAULT_MODE = "spaces"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(i), f"switch_mode('{name}')", name, show=False, id=f"page.{name}")
          for i, name in enumerate(PAGES, 1)),
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
        Binding("escape", "calm", "forget the notice", show=False, id="calm"),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True, id="quit.always"),
    ]

    snapshot: reactive[Snapshot] = reactive(EMPTY, always_update=True, repaint=False)

    def __init__(self, folder: Path, *, readonly: bool = False, look: str = "auto", settings: Settings = DEFAULT) -> None:
        """Raises SettingsError for keys of actions that are none."""
        super().__init__()
        self.folder = folder
        self.readonly = readonly
        self.settings = settings
        if settings.keys:
            from ktgtui.config import keymap

            self.set_keymap(keymap.checked(settings.keys, (name for name, _, _ in keymap.every())))
        self.plain = settings.ascii or not theme.speaks_unicode()
        self.last_words = ""
        """After a fault: the line for a person."""
        self.memory = Memory(folder)
        self.news: tuple[News, ...] = ()
        """What happened since the last visit, until escape is pressed."""
        self.last_visit: Visit | None = None
        self.handed = ""
        """A constraint on its way to the refine page."""
        self.trial: int | None = None
        """Number of the trial to show; None: the run's best."""
        self.trouble = ""
        """What went wrong with a search started here, until escape is pressed."""
        self.deeds = Deeds()
        self.working_on: str | None = None
        """Reference of the space to refine, where one was picked (`ktgtui.actions.selection`)."""
        for own in (theme.DARK, theme.LIGHT):
            self.register_theme(own)
        self.theme = theme.resolve(look)
        self._variables = self.get_css_variables()
        """The theme's colours that the rules were parsed with."""
        self.stylesheet.set_variables(self._variables)
        self._follower = Follower(folder, lambda snapshot: self.post_message(Followed(snapshot)), self._lament)
        self.thinker = Thinker(lambda work: self.post_message(Thought(work)), self._lament)

    def get_driver_class(self) -> type[Driver]:
        """Textual's choice, but for its driver of a terminal."""
        chosen = super().get_driver_class()
        if chosen.__name__ != "LinuxDriver":  # one of Windows, or of TEXTUAL_DRIVER
            return chosen
        from ktgtui.terminal.driver import TerminalDriver

        return TerminalDriver

    def refresh_css(self, animate: bool = True) -> None:
        """Textual 8.2.8 parses every rule anew at each call, twice at the start (18 ms), whether or not a colour changed."""
        if (variables := self.get_css_variables()) == self._variables:
            self.stylesheet.update(self, animate=animate)
            return
        self._variables = variables
        super().refresh_css(animate)

    def _lament(self, trace: str) -> None:
        """Called in other threads."""
        self.post_message(Stumbled(trace))

    def now(self) -> float:
        """Seconds of a clock that only goes forward."""
        return time.monotonic()

    @cached_property
    def samples(self) -> Samples:
        from ktgtui.data.samples import Samples

        return Samples()

    @cached_property
    def guide(self) -> Guide:
        from ktgtui.tour.guide import Guide

        return Guide(self)

    @cached_property
    def hand(self) -> Thinker:
        """Asks searches what people want of them; a thread of its own, for each answer may take seconds."""
        made = Thinker(lambda work: self.post_message(Thought(work)), self._lament)
        made.start()
        return made

    @cached_property
    def launcher(self) -> Launcher:
        from ktgtui.actions.launcher import Launcher

        return Launcher(self.folder)

    @property
    def place(self) -> str:
        """The folder as a person calls it."""
        home, here = Path.home(), self.folder.resolve()
        return f"~/{here.relative_to(home)}" if here.is_relative_to(home) and here != home else str(here)

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError):  # not the main thread: somebody else's event loop
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        # After Ctrl-Z and fg, Textual 8.2.8 paints nothing unless the size changed meanwhile.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.call_after_refresh(self._begin)
        self.thinker.start()
        self.set_interval(self.settings.look_every, self._tick)
        if self.settings.start != self.DEFAULT_MODE:
            self.switch_mode(self.settings.start)

    def _begin(self) -> None:
        """After the first paint: look at the folder, and load what draws its curves while files are waited for."""
        self._follower.start()
        self.thinker.ask("plots", lambda: import_module("plotext"), lambda _: None)

    def on_unmount(self) -> None:
        self._follower.stop()
        self.thinker.stop()
        if "hand" in self.__dict__:
            self.hand.stop()
        if self.snapshot.ready and not self.readonly:
            self.memory.keep(self.snapshot.runs)

    def _tick(self) -> None:
        self.look()
        if "launcher" in self.__dict__:
            self.launcher.tell(self)

    def look(self) -> None:
        """Look at the disk as soon as possible."""
        self._follower.ask()

    def choose(self, run: Path) -> None:
        """Make this the run whose trials are shown."""
        self.working_on = None
        if run != self._follower.wish.run:
            self.trial = None
        self._follower.want(replace(self._follower.wish, run=run, trainings=()))

    @property
    def wished(self) -> Path | None:
        """The run that was chosen, also while there is nothing to read in it yet."""
        return self._follower.wish.run

    def open_trial(self, number: int) -> None:
        """Show one trial of the chosen run."""
        self.trial = number
        self.switch_mode("trial")

    def want_curves(self, trainings: tuple[str, ...]) -> None:
        """Let the next snapshots carry the learning curves of these trainings."""
        if trainings != self._follower.wish.trainings:
            self._follower.want(replace(self._follower.wish, trainings=trainings))

    def refine(self, phrase: str) -> None:
        """Take a constraint on the chosen run's space to the refine page."""
        self.working_on = None
        self.handed = phrase
        self.switch_mode("refine")

    def refuses(self) -> bool:
        """Whether nothing may be written or started; then a person is told."""
        if self.readonly:
            self.notify("read-only: nothing is written or started", severity="warning")
        return self.readonly

    def did(self, command: str) -> None:
        """Remember the headless command that an action stood for, and show it."""
        self.deeds.commands.append(command)
        self.notify(command, title="the same without the workbench", markup=False)

    def offer_search(self, reference: str, graphs: int | None = None) -> None:
        """Ask how to search a space, with what it will cost, and start it; `graphs`: how many random ones to offer."""
        from ktgtui.actions.start_search import search_form

        search_form(self, reference, graphs)

    def action_tour(self) -> None:
        self.guide.toggle()

    def action_onward(self) -> None:
        self.guide.onward()

    def action_list(self, name: str) -> None:
        getattr(import_module("ktgtui.actions.palette"), name)(self)

    def action_undo(self) -> None:
        """Take back what was written last."""
        self.deeds.undo(self)

    def action_turn_theme(self) -> None:
        """Dark, light, sixteen colours."""
        looks = list(theme.LOOKS.values())
        self.theme = looks[(looks.index(self.theme) + 1) % len(looks)]

    def action_calm(self) -> None:
        self.trouble, self.news = "", ()
        self.snapshot = self.snapshot

    def copy(self, text: str) -> None:
        """Ask the terminal to copy, through tmux or screen if need be."""
        if self._driver is not None:
            self._driver.write(clipboard.sequence(text, os.environ))
        self.notify(text if len(text) < 200 else f"{text[:200]} ...", title="copied", markup=False)

    def action_copy(self) -> None:
        """Copy what the cursor is on."""
        self.copy(cast(Page, self.screen).excerpt())

    def action_write(self) -> None:
        """Write the page as it stands to figures/, as a picture and as text."""
        if not self.refuses():
            export_page.write(self)

    def on_followed(self, message: Followed) -> None:
        if not self.snapshot.ready:
            gc.freeze()  # everything loaded so far stays: later collections need not look at it (50 ms at 10,000 trials)
            self.guide.offer(message.snapshot)
            gc.enable()  # `ktgtui.__main__` turned it off
            self._greet(message.snapshot)
        self.snapshot = message.snapshot

    def _greet(self, snapshot: Snapshot) -> None:
        """Find out what happened since the last visit."""
        self.last_visit = self.memory.recall()
        if self.last_visit is not None:
            self.news = self.memory.news(self.last_visit, snapshot.runs)

    def on_thought(self, message: Thought) -> None:
        message.take()

    def on_stumbled(self, message: Stumbled) -> None:
        self.notify(error_log.record(message.traceback), title="a fault of the workbench", severity="error", markup=False)

    def _handle_exception(self, error: Exception) -> None:
        if self._exception is None:
            self.last_words = error_log.told(error)
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Textual 8.2.8 would print pages of traceback over the person's terminal; it is in the log."""
        self._close_messages_no_wait()
