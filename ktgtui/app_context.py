"""The application as pages and actions see it: what is on disk, threads that answer, searches started here."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textual.app import App
from textual.screen import Screen

from ktgtui.context import PageName, Session
from ktgtui.data.background import Thinker
from ktgtui.data.snapshot import EMPTY, Snapshot, Wish
from ktgtui.data.watcher import Follower
from ktgtui.messages import Followed, Stumbled, Thought
from ktgtui.screens.base import Page
from ktgtui.screens.registry import PAGES
from ktgtui.terminal import clipboard, textual_patches

if TYPE_CHECKING:
    from ktgtui.actions.launcher import Launcher
    from ktgtui.data.samples import Samples
    from ktgtui.tour.guide import Guide


class AppContext:
    """A `Context` of one Textual application, whose modes are the pages."""

    def __init__(self, app: App[None], session: Session) -> None:
        self._app = app
        self._pages: dict[PageName, Page] = {}
        self.session = session
        self.snapshot: Snapshot = EMPTY
        self.background = Thinker(self.call_in_event_loop, self._report_fault)
        self._watcher = Follower(session.folder, lambda snapshot: app.post_message(Followed(snapshot)), self._report_fault)
        for name in PAGES:
            app.add_mode(name, partial(self._open, name))

    def _open(self, name: PageName) -> Page:
        page = self._pages[name] = PAGES[name]()(self)
        return page

    def _report_fault(self, trace: str) -> None:
        """Called in other threads."""
        self._app.post_message(Stumbled(trace))

    def start(self) -> None:
        """Answer questions."""
        self.background.start()

    def watch(self) -> None:
        """Look at the folder."""
        self._watcher.start()

    def close(self) -> None:
        """Let the threads end."""
        self._watcher.stop()
        self.background.stop()
        if "control_worker" in self.__dict__:
            self.control_worker.stop()

    def tick(self) -> None:
        """Look at the disk, and at the searches started here."""
        self.refresh_now()
        if "launcher" in self.__dict__:
            from ktgtui.actions.launcher import tell_ended

            tell_ended(self, self.launcher.ended())

    @cached_property
    def samples(self) -> Samples:
        from ktgtui.data.samples import Samples

        return Samples()

    @cached_property
    def launcher(self) -> Launcher:
        from ktgtui.actions.launcher import Launcher

        return Launcher(self.session.folder)

    @cached_property
    def control_worker(self) -> Thinker:
        worker = Thinker(self.call_in_event_loop, self._report_fault)
        worker.start()
        return worker

    @cached_property
    def guide(self) -> Guide:
        from ktgtui.tour.guide import Guide

        return Guide(self)

    @property
    def screen(self) -> Screen[Any]:
        return self._app.screen

    @property
    def page(self) -> Page:
        """The page on screen, or under the dialog there."""
        return self._pages[self._app.current_mode]  # type: ignore[index]

    def notify(self, message: str, *, title: str = "",
               severity: Literal["information", "warning", "error"] = "information") -> None:
        self._app.notify(message, title=title, severity=severity, markup=False)

    def push_screen(self, screen: Screen[Any], callback: Any = None) -> None:
        self._app.push_screen(screen, callback)

    def copy(self, text: str) -> None:
        """Through tmux or screen if need be."""
        textual_patches.write(self._app, clipboard.sequence(text, os.environ))
        self.notify(text if len(text) < 200 else f"{text[:200]} ...", title="copied")

    def show_page(self, name: PageName, given: str = "") -> None:
        self._app.switch_mode(name)
        if given:
            self._pages[name].receive(given)
            self.repaint()

    def select_run(self, folder: Path) -> None:
        self.session.selected_space = None
        if folder != self.session.selected_run:
            self.session.selected_trial = None
        self.session.selected_run = folder
        self._watcher.want(Wish(folder))

    def read_curves(self, trainings: tuple[str, ...]) -> None:
        if trainings != self._watcher.wish.trainings:
            self._watcher.want(Wish(self.session.selected_run, trainings))

    def refresh_now(self) -> None:
        self._watcher.ask()

    def repaint(self) -> None:
        page = self.page
        if page.is_mounted and page.is_current:
            page.paint(self.guide.lines(page))

    def refuses(self) -> bool:
        if self.session.readonly:
            self.notify("read-only: nothing is written or started", severity="warning")
        return self.session.readonly

    def record_command(self, command: str) -> None:
        self.session.commands.append(command)
        self.notify(command, title="the same without the workbench")

    def call_in_event_loop(self, callback: Callable[[], None]) -> None:
        self._app.post_message(Thought(callback))
