"""Commands that are no search: an evaluation, a report. Processes of their own that outlive the workbench."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ktgtui.context import Context


@dataclass(frozen=True, slots=True)
class Errand:
    """One command to run in the workbench's folder."""

    title: str
    arguments: tuple[str, ...]
    """What follows `python`."""
    outcome: str
    """What is said when it is done: where its files are."""

    def command(self) -> str:
        return shlex.join(["python", *self.arguments])


def send(context: Context, errand: Errand, done: Callable[[], object] = lambda: None) -> None:
    """Start it, show its command, and say how it ended; a failure shows the last line of what it said.

    It complains into an unlinked file and not into a pipe: a pipe would break, and asyncio's own processes are killed,
    when the workbench is left.
    """
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - the waiting thread closes it
    try:
        process = subprocess.Popen([sys.executable, *errand.arguments], cwd=context.session.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=complaints, start_new_session=True)
    except OSError as error:
        complaints.close()
        context.notify(str(error.strerror or error), title=errand.title, severity="error")
        return
    context.record_command(errand.command())

    def wait() -> None:
        code = process.wait()
        with complaints:
            complaints.seek(0)
            told = _last(complaints.read()) or f"exit code {code}"
        context.call_in_event_loop(lambda: _ended(context, errand, code, told, done))

    threading.Thread(target=wait, name=errand.title, daemon=True).start()


def _ended(context: Context, errand: Errand, code: int, told: str, done: Callable[[], object]) -> None:
    if code:
        context.notify(told, title=f"{errand.title} failed", severity="error")
        return
    context.notify(errand.outcome, title=errand.title)
    done()


def _last(told: bytes) -> str:
    lines: Sequence[str] = told.decode("utf-8", "replace").replace("\r", "\n").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def report(run: Path, folder: Path) -> Errand:
    """The report of a run as files; what an earlier report left there is replaced."""
    out = f"reports/{run.name}"
    return Errand("report", ("-m", "engine.report", seen(run, folder), "--out", out), f"{out}/report.html")


def evaluation(run: Path, folder: Path, graphs: Sequence[str], repeats: int, test: bool) -> Errand:
    """Graphs trained again with fresh seeds; `test` opens the test set, which the run records for good."""
    words = [w for graph in graphs for w in ("--graph", graph)]
    arguments = ("-m", "engine.evaluate", seen(run, folder), *words, "--repeats", str(repeats), *(["--test"] if test else []))
    return Errand("evaluation", arguments, f"{seen(run, folder)}/evaluations.log, networks in weights/")


def seen(run: Path, folder: Path) -> str:
    """A run folder's path as a process in `folder` sees it."""
    here, there = folder.resolve(), run.resolve()
    return str(there.relative_to(here)) if there.is_relative_to(here) and there != here else str(there)
