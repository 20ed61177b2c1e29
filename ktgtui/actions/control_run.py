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
from ktgtui.data.snapshot import RunDetail
from ktgtui.dialogs.picker import Entry, Listing

if TYPE_CHECKING:
    from engine.control import Answer
    from ktgtui.app import Workbench

Ask = Callable[[Path], "Answer"]


def pause_or_resume(app: Workbench) -> None:
    """Let the search stand, or go on if it stands."""
    from engine import control

    run = _running(app)
    if run is not None:
        stands = run.view.phase in ("paused", "pausing")
        _ask(app, run, "resume" if stands else "pause", control.resume if stands else control.pause)


def stop(app: Workbench) -> None:
    """Ask how, then end the search; what is recorded stays, and `again` goes on from there."""
    from engine import control

    run = _running(app)
    if run is None:
        return
    entries = [
        Entry("--finish", "when running packs are done", "nothing is lost", "the search ends after the packs that train now"),
        Entry("", "at once", "running packs are trained again", "recorded trials stay; g goes on from there"),
    ]

    def taken(how: str | None) -> None:
        if how is not None:
            _ask(app, run, f"stop {how}".strip(), partial(control.stop, finish=bool(how)))

    app.push_screen(Listing(f"stop {run.view.name}", entries, "stop so"), taken)


def stop_trial(app: Workbench) -> None:
    """Ask which graph in training is to be stopped. That is recorded and cannot be undone."""
    from engine import control

    run = _running(app)
    if run is None:
        return
    entries = [
        Entry(id, id, f"pack {pack.number}, epoch {pack.epoch}/{pack.epochs}",
              "stopped for good: recorded as stopped by a person, left out of analysis; this cannot be undone")
        for pack in run.packs for id in pack.trainings
    ]

    def taken(id: str | None) -> None:
        if id is not None:
            _ask(app, run, f"kill-trial {id}", partial(control.kill_trial, key=id))

    app.push_screen(Listing("stop one trial", entries, "stop it", "no graph is in training"), taken)


def set_workers(app: Workbench, text: str) -> None:
    """Train in so many processes. Raises StoreError for what is no number."""
    from engine import control
    from engine.errors import StoreError

    if not text.strip().isdigit() or int(text) < 1:
        raise StoreError(f"workers: must be a number from 1 on, got {text!r}")
    run = _running(app)
    if run is not None:
        _ask(app, run, f"set workers={int(text)}", partial(control.set_workers, workers=int(text)))


def again(app: Workbench) -> None:
    """Go on with a search that was stopped or has died, by the command that began it."""
    run = app.snapshot.chosen
    if run is None or app.refuses():
        return
    if run.view.live:
        app.notify(f"{run.view.name} runs: it is {run.view.phase}", severity="warning", markup=False)
        return
    if run.view.total is not None and run.view.done >= run.view.total:
        app.notify(f"{run.view.name} is finished: nothing is left to do", markup=False)
        return
    words = recorded(run.info.command, relative(run.view.folder, app.folder))
    if words is None:
        app.notify(f"{run.view.name}: run.json does not say by which command it was made", severity="warning", markup=False)
        return
    try:
        app.launcher.launch(run.view.name, words, run.view.folder)
    except EngineError as error:
        app.notify(str(error), severity="error", markup=False)
        return
    app.did(shlex.join(["python", "-m", "engine.search", *words]))
    app.look()


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


def _running(app: Workbench) -> RunDetail | None:
    """The chosen run, if it may be steered and something runs there; else a person is told why not."""
    run = app.snapshot.chosen
    if run is None or app.refuses():
        return None
    if not run.view.live:
        app.notify(f"no search runs in {run.view.name}: it is {run.view.phase}", severity="warning", markup=False)
        return None
    return run


def _ask(app: Workbench, run: RunDetail, words: str, ask: Ask) -> None:
    app.did(f"python -m engine.control {shlex.quote(relative(run.view.folder, app.folder))} {words}")
    app.hand.ask(f"{words} {run.view.folder}", lambda: ask(run.view.folder), lambda found: _told(app, run, found))


def _told(app: Workbench, run: RunDetail, found: Answer | EngineError) -> None:
    fine = not isinstance(found, EngineError) and found.done
    said = str(found) if isinstance(found, EngineError) else found.message
    app.notify(said, title=run.view.name, severity="information" if fine else "error", markup=False)
    app.look()
