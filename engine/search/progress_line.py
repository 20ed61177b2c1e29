"""The live line of a search on stderr: graphs done, best so far, graphs a second, time left."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from engine.cli import PLAIN_EVERY
from engine.formatting import duration
from engine.search.events import Event, Progress
from engine.store.records import RunInfo


class Line:
    """A context manager that shows a search's events."""

    def __init__(self, info: RunInfo) -> None:
        console = Console(stderr=True)
        self._live = console.is_terminal
        self._last = 0.0
        self._warned = ""
        self._bar = Bars(
            TextColumn("{task.description}"), BarColumn(20), TextColumn("{task.fields[told]}"), console=console,
            auto_refresh=False, disable=not self._live,
        )  # fmt: skip
        self._task = self._bar.add_task(info.name, total=info.total, told="")
        self._say(f"{info.name}: {info.mode.get('reason') or 'mode of the run folder'}")

    def show(self, event: Event) -> None:
        """Draw a Progress event; the others change nothing on the line."""
        if not isinstance(event, Progress):
            return
        if event.warning not in ("", self._warned):
            self._say(f"warning: {event.warning}")
        self._warned = event.warning
        best = "-" if event.best is None or event.best.error is None else f"{event.best.error:.2f} %"
        rate = "-" if event.rate is None else f"{event.rate:.1f}"
        told = f"{event.done:,}/{event.total:,} graphs  best {best}  {rate} graphs/s  {duration(event.eta)} left"
        if self._live:
            with suppress(OSError):
                self._bar.update(self._task, completed=event.done + event.part, told=told, refresh=True)
        elif time.monotonic() - self._last > PLAIN_EVERY or event.done == event.total:
            self._last = time.monotonic()
            self._say(told)

    def _say(self, text: str) -> None:
        with suppress(OSError):  # the terminal may be gone (nohup): that is no reason to end
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):
            self._bar.stop()
