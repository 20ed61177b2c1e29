"""Steering the chosen run from the workbench: every key is one `engine.control` request, asked in a thread of its own.

A request waits up to ten seconds for its answer; keys and questions about trials must not wait with it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError
from ktgtui.actions.launcher import run_search
from ktgtui.context import Context
from ktgtui.data.snapshot import RunDetail
from ktgtui.dialogs.picker import Entry, Listing

if TYPE_CHECKING:
    from engine.control import Answer

Ask = Callable[[Path], "Answer"]


def pause_or_resume(context: Context) -> None:
    """Let the search stand, or go on if it stands."""
    from engine import control

    run = _running(context)
    if run is not None:
        stands = run.view.phase in ("paused", "pausing")
        _ask(context, run, "resume" if stands else "pause", control.resume if stands else control.pause)


def stop(context: Context) -> None:
    """Ask how, then end the search; what is recorded stays, and `again` goes on from there."""
    from engine import control

    run = _running(context)
    if run is None:
        return
    entries = [
        Entry("--finish", "when running packs are done", "nothing is lost", "the search ends after the packs that train now"),
        Entry("", "at once", "running packs are trained again", "recorded trials stay; g goes on from there"),
    ]

    def taken(how: str | None) -> None:
        if how is not None:
            _ask(context, run, f"stop {how}".strip(), partial(control.stop, finish=bool(how)))

    context.push_screen(Listing(f"stop {run.view.name}", entries, "stop so"), taken)


def stop_trial(context: Context) -> None:
    """Ask which graph in training is to be stopped. That is recorded and cannot be undone."""
    from engine import control

    run = _running(context)
    if run is None:
        return
    entries = [
        Entry(id, id, f"pack {pack.number}, epoch {pack.epoch}/{pack.epochs}",
              "stopped for good: recorded as stopped by a person, left out of analysis; this cannot be undone")
        for pack in run.packs for id in pack.trainings
    ]

    def taken(id: str | None) -> None:
        if id is not None:
            _ask(context, run, f"kill-trial {id}", partial(control.kill_trial, key=id))

    context.push_screen(Listing("stop one trial", entries, "stop it", "no graph is in training"), taken)


def set_workers(context: Context, text: str) -> None:
    """Train in so many processes. Raises StoreError for what is no number."""
    from engine import control
    from engine.errors import StoreError

    if not text.strip().isdigit() or int(text) < 1:
        raise StoreError(f"workers: must be a number from 1 on, got {text!r}")
    run = _running(context)
    if run is not None:
        _ask(context, run, f"set workers={int(text)}", partial(control.set_workers, workers=int(text)))


def again(context: Context) -> None:
    """Go on with a search that was stopped or has died, by the command that began it."""
    run = context.snapshot.chosen
    if run is None or context.refuses():
        return
    if run.view.live:
        context.notify(f"{run.view.name} runs: it is {run.view.phase}", severity="warning")
        return
    if run.view.total is not None and run.view.done >= run.view.total:
        context.notify(f"{run.view.name} is finished: nothing is left to do")
        return
    words = recorded(run.info.command, relative(run.view.folder, context.session.folder))
    if words is None:
        context.notify(f"{run.view.name}: run.json does not say by which command it was made", severity="warning")
        return
    run_search(context, run.view.name, words, run.view.folder)


def recorded(command: str, run: str) -> list[str] | None:
    """The words after `python -m engine.search` of a recorded command, on the run folder `run`; None if it is another's."""
    words = shlex.split(command)
    if words[:3] != ["python", "-m", "engine.search"]:
        return None
    kept: list[str] = []
    rest = iter(words[3:])
    for word in rest:
        if word == "--run":
            next(rest, None)
        elif not word.startswith("--run=") and word not in ("--detach", "--json"):
            kept.append(word)
    return [*kept, "--run", run]


def relative(run: Path, folder: Path) -> str:
    """The run folder as a command typed in `folder` names it."""
    return os.path.relpath(run.resolve(), folder.resolve())


def _running(context: Context) -> RunDetail | None:
    """The chosen run, if it may be steered and something runs there; else a person is told why not."""
    run = context.snapshot.chosen
    if run is None or context.refuses():
        return None
    if not run.view.live:
        context.notify(f"no search runs in {run.view.name}: it is {run.view.phase}", severity="warning")
        return None
    return run


def _ask(context: Context, run: RunDetail, words: str, ask: Ask) -> None:
    context.record_command(f"python -m engine.control {shlex.quote(relative(run.view.folder, context.session.folder))} {words}")
    context.control_worker.ask(f"{words} {run.view.folder}", lambda: ask(run.view.folder),
                               lambda found: _told(context, run, found))


def _told(context: Context, run: RunDetail, found: Answer | EngineError) -> None:
    fine = not isinstance(found, EngineError) and found.done
    said = str(found) if isinstance(found, EngineError) else found.message
    context.notify(said, title=run.view.name, severity="information" if fine else "error")
    context.refresh_now()


CONTROLS: dict[str, Callable[[Context], None]] = {
    "pause_or_resume": pause_or_resume, "stop": stop, "stop_trial": stop_trial, "again": again,
}
"""By the name in the live page's `steer('NAME')`."""
