"""Steer a search from outside: each function takes its run folder and returns an Answer, done or refused with the reason."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from engine.control.requests import Answer, Request, fetch, leave, withdraw
from engine.errors import StoreError
from engine.store.files.status import FINISHED, Status, read_status
from engine.store.folder import CONTROL
from engine.store.lock.holder import Holder, read_holder

PATIENCE = 10.0
"""Seconds to wait for an answer: a search looks ten times a second, but a loaded machine or NFS may take a few."""

ENDING = 20.0
"""Seconds a search may take from the word stop to giving its folder back."""

LEAVING = 3.0
"""Seconds its process may then take to go away, if it is one that does: a notebook stays."""

LOOK = 0.05


def status(folder: Path, patience: float = PATIENCE) -> Answer:
    """What a search does; `status` also holds the last word of one that has ended."""
    if (over := _nobody(folder)) is not None:
        return msgspec.structs.replace(over, done=True)
    return ask(folder, Request(verb="status"), patience)


def pause(folder: Path, patience: float = PATIENCE) -> Answer:
    """Let a search stand: nothing is lost, and its processes stay."""
    return ask(folder, Request(verb="pause"), patience)


def resume(folder: Path, patience: float = PATIENCE) -> Answer:
    """Let a paused search go on."""
    return ask(folder, Request(verb="resume"), patience)


def stop(folder: Path, *, finish: bool = False, patience: float = PATIENCE) -> Answer:
    """End a search, keeping what is recorded. At once: returns when it has ended; `finish`: running packs come first."""
    holder = read_holder(folder)
    answer = ask(folder, Request(verb="stop", finish=finish, who=who()), patience)
    if not answer.done or finish:
        return answer
    _wait(lambda: read_holder(folder) is None, ENDING)
    _wait(lambda: not _is_here(holder), LEAVING)
    if (over := _nobody(folder)) is None:
        return _unreached(f"{_name(holder)} said it stops, but has not ended after {ENDING:.0f} s")
    kept = f": {over.status.done} trials are kept, the same command goes on" if over.status else ""
    return Answer(done=True, message=f"stopped{kept}", status=over.status)


def kill_trial(folder: Path, key: str, patience: float = PATIENCE) -> Answer:
    """Stop the training of one graph, by its key or the key's beginning; `KEY.REPEAT` for one repeat of it only."""
    return ask(folder, Request(verb="kill-trial", key=key, who=who()), patience)


def set_workers(folder: Path, workers: int, patience: float = PATIENCE) -> Answer:
    """Train in so many processes from now on."""
    return ask(folder, Request(verb="set", workers=workers), patience)


def who() -> str:
    """`user@host`."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def ask(folder: Path, request: Request, patience: float = PATIENCE) -> Answer:
    """Leave a request and wait for its answer. Raises StoreError if there is no such folder."""
    if (over := _nobody(folder)) is not None:
        return over
    holder = read_holder(folder)
    if not (folder / CONTROL).is_dir():
        return _unreached(f"{_name(holder)} holds the folder but answers no control (it merges, or a notebook holds it)")
    try:
        id = leave(folder, request)
    except StoreError as error:
        return _unreached(f"the request cannot be left ({error.message})")
    end = time.monotonic() + patience
    while (answer := fetch(folder, id)) is None and time.monotonic() < end:
        time.sleep(LOOK)
    if answer is not None:
        return answer
    if not withdraw(folder, id):
        if (answer := fetch(folder, id)) is not None:
            return answer
        return _unreached("the search took the request but has not answered yet; look with `status`")
    return _nobody(folder) or _unreached(_silence(holder, patience))


def _unreached(message: str) -> Answer:
    return Answer(done=False, message=message)


def _nobody(folder: Path) -> Answer | None:
    """Why nobody can answer, if that is certain: no search holds the folder."""
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such run folder", "check the path")
    holder, last = read_holder(folder), read_status(folder)
    if holder is None:
        how = _last_word(last)
    elif holder.host == socket.gethostname() and not _lives(holder):
        how = f"process {holder.pid} was killed, or its machine was; the same command goes on"
    else:
        return None
    return Answer(done=False, message=f"no search runs here: {how}", status=last)


def _last_word(last: Status | None) -> str:
    if last is None:
        return "none has been started"
    count = f"{last.done} of {last.total} trials" if last.total is not None else f"{last.done} trials"
    if last.phase == FINISHED:
        return f"it has finished, {count}"
    told = f" ({last.message})" if last.message else ""
    return f"the last one {last.phase}{told} with {count}; the same command goes on"


def _wait(over: Callable[[], bool], patience: float) -> None:
    end = time.monotonic() + patience
    while not over() and time.monotonic() < end:
        time.sleep(LOOK)


def _is_here(holder: Holder | None) -> bool:
    return holder is not None and holder.host == socket.gethostname() and _lives(holder)


def _lives(holder: Holder) -> bool:
    """False also if the process id has gone to another process since."""
    import psutil

    try:
        began = psutil.Process(holder.pid).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    return began < datetime.fromisoformat(holder.since).timestamp() + 1  # `since` is in whole seconds


def _silence(holder: Holder | None, patience: float) -> str:
    """Why a search that should be there says nothing."""
    import psutil

    if holder is None:
        return "the search has just ended"
    if holder.host != socket.gethostname():
        return (f"{_name(holder)} did not answer within {patience:.0f} s: that machine is down, paused or out of reach, "
                "or does not see this very folder")
    try:
        stopped = psutil.Process(holder.pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        stopped = False
    if stopped:
        return f"process {holder.pid} is stopped by a signal; let it go on with: kill -CONT {holder.pid}"
    return f"process {holder.pid} did not look within {patience:.0f} s: the machine is very busy; ask again"


def _name(holder: Holder | None) -> str:
    return f"process {holder.pid} on {holder.host}" if holder else "a process"
