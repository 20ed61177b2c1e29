"""Asking a search through its run folder, and what is said when nobody can answer."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from engine import control
from engine.control.__main__ import main
from engine.control.client import ask
from engine.control.detach import Detached, answers
from engine.control.requests import Answer, Inbox, Request, fetch, leave, withdraw
from engine.control.server import Desk
from engine.errors import StoreError
from engine.store.files.status import Status, write_status
from engine.store.folder import CONTROL, OUTPUT
from engine.store.lock.holder import HOLDER, Holder
from engine.store.lock.lock import RunLock
from engine.store.log.durable import replace_file


@contextmanager
def served(folder: Path) -> Iterator[Desk]:
    """A run folder whose search answers."""
    folder.mkdir(exist_ok=True)
    lock, desk = RunLock(folder), Desk(folder)
    try:
        with desk.serving():
            yield desk
    finally:
        lock.release()


def held(folder: Path, **fields: object) -> None:
    """A run folder that says another process holds it."""
    (folder / CONTROL).mkdir(parents=True)
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": "2999-01-01T00:00:00+00:00"} | fields
    replace_file(folder / HOLDER, msgspec.json.encode(holder))


def test_every_verb_is_answered(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with served(folder) as desk:
        assert control.status(folder).message == "loading"
        desk.enter("training")
        assert control.pause(folder).done
        assert control.status(folder).message == "pausing"
        assert control.resume(folder).message == "going on"
        assert control.set_workers(folder, 3).done
        assert desk.workers == 3
        assert not control.kill_trial(folder, "ab").done
        desk.training = True
        finishing = control.stop(folder, finish=True)
        assert finishing.done
        assert finishing.status is not None
        assert finishing.status.phase == "finishing"
        late = control.pause(folder)
        assert (late.done, late.message) == (False, "it is finishing")


def test_a_search_that_ends_without_a_word_is_told_with_a_guess(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(2)"])
    with pytest.raises(StoreError, match="the search ended at once, with code 2, and printed nothing; is the disk full\\?"):
        answers(Detached(process, tmp_path, [], 0))


@pytest.mark.parametrize("locks", ["held by another search", "free", "none on this file system"])
def test_what_was_made_for_a_search_that_failed_is_removed_unless_another_has_it(
    tmp_path: Path, locks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "deep" / "run"
    run.mkdir(parents=True)
    (run / OUTPUT).write_text("error: no data\n")
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(2)"])
    process.wait()
    held = RunLock(run) if locks.startswith("held") else None
    if locks.startswith("none"):
        monkeypatch.setattr("fcntl.flock", _without_flock)
    assert Detached(process, run, [run, run.parent], 0).farewell() == "error: no data"
    assert {p.name for p in tmp_path.rglob("*")} == ({"deep", "run", OUTPUT, "lock", "holder.json"} if held else set())
    if held:
        held.release()


def _without_flock(*_: object) -> None:
    raise OSError(errno.ENOSYS, "Function not implemented")


def test_a_group_has_no_workers_to_set():
    desk, told = Desk(processes=2), list[control.Answer]()
    desk.answer(Request(verb="set", workers=3), told.append)
    assert (told[0].done, desk.workers) == (False, None)
    assert told[0].message == "its 2 processes train each pack together: their number is part of the protocol"


def test_stop_returns_when_the_search_has_given_its_folder_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.control.client.LEAVING", 0.1)  # this process stays
    folder, begun = tmp_path / "run", threading.Event()

    def search() -> None:
        with served(folder) as desk:
            begun.set()
            while not desk.end:
                time.sleep(0.01)
            desk.show(Status(phase="training", done=4, total=9))
            desk.enter("stopped")

    searching = threading.Thread(target=search)
    searching.start()
    begun.wait()
    assert control.stop(folder).message == "stopped: 4 trials are kept, the same command goes on"
    searching.join()
    assert control.status(folder).message == ("no search runs here: the last one stopped with 4 of 9 trials; "
                                              "the same command goes on")


def test_an_unknown_verb_and_a_request_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with served(folder):
        assert "another version" in ask(folder, Request(verb="dance")).message
        assert "another version" in ask(folder, Request(verb="show")).message, "a desk's method that is no verb"
        path = folder / CONTROL / "1-1-x.request"
        path.write_bytes(b'{"verb": 3}')
        answer = None
        while answer is None:
            answer = fetch(folder, "1-1-x")
        assert answer == Answer(done=False, message="the request cannot be read")


def test_only_the_owner_can_leave_requests_and_nothing_is_left_behind(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with served(folder):
        assert stat.S_IMODE((folder / CONTROL).stat().st_mode) == 0o700
        control.status(folder)
        assert list((folder / CONTROL).iterdir()) == []
    assert not (folder / CONTROL).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_control_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / CONTROL).mkdir()
    os.chown(tmp_path / CONTROL, 12345, 12345)
    with pytest.raises(StoreError, match="belongs to somebody else"):
        Inbox(tmp_path)


def test_a_link_in_place_of_the_control_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / CONTROL).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="belongs to somebody else"):
        Inbox(tmp_path)


def test_what_was_asked_of_an_earlier_search_is_not_done_by_the_next(tmp_path: Path) -> None:
    (tmp_path / CONTROL).mkdir()
    leave(tmp_path, Request(verb="stop"))
    assert list(Inbox(tmp_path).take()) == []


def test_a_request_is_taken_or_withdrawn_never_both(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    first, second = leave(tmp_path, Request(verb="pause")), leave(tmp_path, Request(verb="resume"))
    assert withdraw(tmp_path, first)
    assert [(id, request.verb) for id, request in inbox.take() if request] == [(second, "resume")]
    assert not withdraw(tmp_path, second)


# Nobody answers


def refused(folder: Path, patience: float = 0.2) -> str:
    answer = ask(folder, Request(verb="pause"), patience)
    assert not answer.done
    assert not list((folder / CONTROL).glob("*")), "a request nobody took is withdrawn"
    return answer.message


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such run folder"):
        control.pause(tmp_path / "none")


@pytest.mark.parametrize(("last", "said"), [
    (None, "none has been started"),
    (Status(phase="finished", done=5, total=5), "it has finished, 5 of 5 trials"),
    (Status(phase="stopped", done=2, total=5), "the last one stopped with 2 of 5 trials; the same command goes on"),
    (Status(phase="failed", message="no data"), "the last one failed (no data) with 0 trials; the same command goes on"),
])  # fmt: skip
def test_nobody_holds_the_folder(tmp_path: Path, last: Status | None, said: str) -> None:
    if last:
        write_status(tmp_path, last)
    assert refused(tmp_path) == f"no search runs here: {said}"
    answer = control.status(tmp_path)
    assert (answer.done, answer.status) == (True, last)


def test_the_holder_was_killed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    held(tmp_path, pid=gone.pid)
    said = f"no search runs here: process {gone.pid} was killed, or its machine was; the same command goes on"
    assert refused(tmp_path) == said


def test_the_holders_number_has_gone_to_another_process(tmp_path: Path) -> None:
    held(tmp_path, since="2001-01-01T00:00:00+00:00")
    assert f"process {os.getpid()} was killed" in refused(tmp_path)


def test_the_holder_is_stopped_by_a_signal(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        held(tmp_path, pid=process.pid)
        psutil.Process(process.pid).suspend()
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            pass
        assert refused(tmp_path).endswith(f"let it go on with: kill -CONT {process.pid}")
        process.kill()


def test_the_holder_is_silent_here_or_on_another_host(tmp_path: Path) -> None:
    held(tmp_path / "here")
    assert f"process {os.getpid()} did not look within 0 s" in refused(tmp_path / "here")
    held(tmp_path / "there", host="elsewhere", pid=7)
    said = refused(tmp_path / "there")
    assert said.startswith("process 7 on elsewhere did not answer within 0 s: that machine is down")


def test_a_search_on_another_host_is_steered_through_the_folder(tmp_path: Path) -> None:
    with served(tmp_path) as desk:
        holder = msgspec.json.decode((tmp_path / HOLDER).read_bytes(), type=Holder)
        replace_file(tmp_path / HOLDER, msgspec.json.encode(msgspec.structs.replace(holder, host="elsewhere", pid=1)))
        assert control.pause(tmp_path).done
        assert desk.paused


def test_a_holder_that_answers_no_control_is_named(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    assert refused(tmp_path).startswith(f"process {os.getpid()} on {socket.gethostname()} holds the folder but answers no")
    lock.release()


def test_a_request_that_cannot_be_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held(tmp_path)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("engine.control.requests.replace_file", read_only)
    assert "cannot leave a request: Read-only file system" in refused(tmp_path)


def test_a_search_that_took_a_request_but_says_nothing_yet(tmp_path: Path) -> None:
    held(tmp_path)
    inbox, over = Inbox(tmp_path), threading.Event()

    def take() -> None:
        while not over.wait(0.01):
            list(inbox.take())

    taking = threading.Thread(target=take)
    taking.start()
    assert "took the request but has not answered yet" in refused(tmp_path, 0.3)
    over.set()
    taking.join()


# The command


def test_the_command_answers_in_a_line_or_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    with served(folder) as desk:
        desk.enter("training")
        desk.training = True
        desk.show(Status(phase="training", done=37, total=513, rate=1.5, eta=317.0))
        assert main([str(folder), "status"]) == 0
        assert capsys.readouterr().out == f"{folder}: training\n  37 of 513 trials, 1.5 graphs/s, 5 min left\n"
        assert main([str(folder), "status", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["done"], told["status"]["done"], told["status"]["phase"]) == (True, 37, "training")
        assert main([str(folder), "resume"]) == 2
        out, err = capsys.readouterr()
        assert (out, err) == ("", f"{folder}: it is not paused: it is training\n")
        assert main([str(folder), "set", "workers=2"]) == 0
        assert main([str(folder), "stop", "--finish"]) == 0


@pytest.mark.parametrize(("arguments", "said"), [
    (["set", "workers=0"], "set workers=0: must read workers=N with N at least 1"),
    (["set", "threads=2"], "set threads=2: must read workers=N"),
    (["dance"], "invalid choice: 'dance'"),
    (["kill-trial"], "KEY"),
    ([], "required"),
])  # fmt: skip
def test_a_bad_command_line_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    try:
        code = main([str(tmp_path), *arguments])
    except SystemExit as ended:
        code = int(ended.code or 0)
    err = capsys.readouterr().err
    assert (code, len(err.splitlines())) == (2, 1)
    assert said in err


def test_a_lock_that_another_host_left_does_not_block(tmp_path: Path) -> None:
    """The kernel's lock died with its holder; what the holder wrote of itself is only words."""
    replace_file(tmp_path / HOLDER, msgspec.json.encode(Holder(7, "elsewhere", "2020-01-01T00:00:00+00:00")))
    lock = RunLock(tmp_path)
    with pytest.raises(StoreError, match=f"in use by process {os.getpid()} on {socket.gethostname()}"):
        RunLock(tmp_path)
    lock.release()
    assert not (tmp_path / HOLDER).exists()
