"""Searches that outlive the terminal: a session of their own, no controlling terminal, what they print in the run folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from engine.control.client import status
from engine.control.requests import Answer
from engine.errors import StoreError
from engine.store.folder import INFO, OUTPUT, missing, unmake
from engine.store.lock.holder import read_holder
from engine.store.lock.kernel_lock import NoKernelLocksError
from engine.store.lock.lock import RunLock
from engine.store.log.durable import disk

STARTING = 60.0
"""Seconds a search has to answer: it does after half a second, but Python itself may load slowly over a network."""

LOOK = 0.05


@dataclass(frozen=True)
class Detached:
    """A search that was started so."""

    process: subprocess.Popen[bytes]
    run: Path
    """Run folder, as the starter sees it."""
    made: list[Path]
    """Folders made for it."""
    before: int
    """Bytes in its output before it began."""

    @property
    def output(self) -> Path:
        return self.run / OUTPUT

    def last_line(self) -> str:
        """The last line it has printed; empty if there is none."""
        try:
            with self.output.open("rb") as file:
                file.seek(max(self.before, self.output.stat().st_size - 4000))
                lines = file.read().decode("utf-8", "replace").replace("\r", "\n").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def farewell(self) -> str:
        """The last line of a search that is over. If nothing came of it, the folders made for it are removed."""
        line = self.last_line()
        if self.made and not (self.run / INFO).exists():
            self._unmake()
        return line

    def _unmake(self) -> None:
        """Remove the folders, unless another search has taken them by now."""
        with ExitStack() as held:
            try:
                held.callback(RunLock(self.run).release)
            except NoKernelLocksError:
                pass  # then no other search can have it either
            except StoreError:
                return
            if not (self.run / INFO).exists():
                unmake(self.run, self.made)


def launch(arguments: Sequence[str], run: Path, cwd: Path | None = None) -> Detached:
    """Start `python -m engine.search ARGUMENTS`, whose run folder is `run`, and return at once.

    Raises StoreError if the folder or the process cannot be made.
    """
    made = missing(run)
    with disk("start a search", run):
        run.mkdir(parents=True, exist_ok=True)
        with (run / OUTPUT).open("ab") as output:
            before = output.tell()
            process = subprocess.Popen(
                [sys.executable, "-m", "engine.search", *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
    return Detached(process, run, made, before)


def answers(search: Detached) -> Answer:
    """Wait until the search answers control. Raises StoreError with its last line if it ends before; nothing is left then."""
    end = time.monotonic() + STARTING
    while time.monotonic() < end:
        if search.process.poll() is not None:
            if line := search.farewell().removeprefix("error: "):
                raise StoreError(line)
            ended = f"{search.run}: the search ended at once, with code {search.process.returncode}, and printed nothing"
            raise StoreError(ended, "is the disk full?")
        holder = read_holder(search.run)
        if holder and holder.pid == search.process.pid and (answer := status(search.run)).done:
            return answer
        time.sleep(LOOK)
    raise StoreError(f"{search.run}: process {search.process.pid} does not answer", f"see {search.output}")
