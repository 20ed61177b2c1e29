"""The workbench's application: pages, keys, and the one place where snapshots arrive."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen

from ktgtui import theme
from ktgtui.follower import Follower
from ktgtui.messages import Followed, Stumbled, Thought
from ktgtui.screens.spaces import SpacesPage
from ktgtui.snapshot import EMPTY, Snapshot
from ktgtui.thinker import Thinker

if TYPE_CHECKING:
    from ktgtui.questions import Samples

LOOK_EVERY = 1.0
"""Seconds between looks at the disk. A search writes a status about as often, and each look redraws what changed."""


def _live() -> Screen[None]:
    from ktgtui.screens.live import LivePage

    return LivePage()


def _analyse() -> Screen[None]:
    from ktgtui.screens.analyse import AnalysePage

    return AnalysePage()


class Workbench(App[None]):
    """Searches are other processes; nothing here trains, and only `engine.control` and the store write to runs."""

    CSS_PATH = "ktgtui.tcss"
    TITLE = "ktgtui"
    ENABLE_COMMAND_PALETTE = False
    MODES: ClassVar[dict[str, Any]] = {"spaces": SpacesPage, "live": "live", "analyse": "analyse"}
    SCREENS: ClassVar[dict[str, Any]] = {"live": _live, "analyse": _analyse}
    DEFAULT_MODE = "spaces"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "switch_mode('spaces')", "spaces", show=False, id="page.spaces"),
        Binding("2", "switch_mode('live')", "live", show=False, id="page.live"),
        Binding("3", "switch_mode('analyse')", "analyse", show=False, id="page.analyse"),
        Binding("q", "quit", "quit", id="quit"),
        Binding("ctrl+q", "quit", "quit", show=False, priority=True, id="quit.always"),
    ]

    snapshot: reactive[Snapshot] = reactive(EMPTY, always_update=True)

    def __init__(self, folder: Path, *, readonly: bool = False, look: str = "auto") -> None:
        super().__init__()
        self.folder = folder
        self.readonly = readonly
        self.plain = not _speaks_unicode()
        self.last_words = ""
        for own in (theme.DARK, theme.LIGHT):
            self.register_theme(own)
        self.theme = theme.resolve(look)
        self._follower = Follower(
            folder,
            lambda snapshot: self.post_message(Followed(snapshot)),
            self._lament,
        )
        self.thinker = Thinker(lambda work: self.post_message(Thought(work)), self._lament)

    def _lament(self, trace: str) -> None:
        """Called in other threads."""
        self.post_message(Stumbled(trace))

    def now(self) -> float:
        """Seconds of a clock that only goes forward."""
        return time.monotonic()

    @cached_property
    def samples(self) -> Samples:
        from ktgtui.questions import Samples

        return Samples()

    @property
    def place(self) -> str:
        """The folder as a person calls it."""
        home, here = Path.home(), self.folder.resolve()
        return f"~/{here.relative_to(home)}" if here.is_relative_to(home) and here != home else str(here)

    def on_mount(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError):  # not the main thread: somebody else's event loop
                asyncio.get_running_loop().add_signal_handler(number, self.exit, None, 128 + number)
        self.call_after_refresh(self._follower.start)
        self.thinker.start()
        self.set_interval(LOOK_EVERY, self._follower.ask)

    def on_unmount(self) -> None:
        self._follower.stop()
        self.thinker.stop()

    def choose(self, run: Path) -> None:
        """Make this the run whose trials are shown."""
        self._follower.want(replace(self._follower.wish, run=run, training=None))

    def refine(self, phrase: str) -> None:
        """Take a constraint to the refine page."""
        self.notify(phrase)

    def want_curve(self, training: str | None) -> None:
        """Let the next snapshot carry the learning curves of a training."""
        if training != self._follower.wish.training:
            self._follower.want(replace(self._follower.wish, training=training))

    def on_followed(self, message: Followed) -> None:
        self.snapshot = message.snapshot

    def on_thought(self, message: Thought) -> None:
        message.take()

    def on_stumbled(self, message: Stumbled) -> None:
        self.notify(message.traceback.strip().split("\n")[-1], severity="error")


def _speaks_unicode() -> bool:
    return (sys.__stderr__ is None) or "utf" in (sys.__stderr__.encoding or "").lower()
