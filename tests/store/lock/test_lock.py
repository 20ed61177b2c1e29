"""One writer a run folder: the kernel's lock, or a refusal in one line."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from engine.compare import __main__ as comparison
from engine.errors import StoreError
from engine.evaluate import __main__ as evaluate
from engine.refine import __main__ as refine
from engine.search import __main__ as search
from engine.store import __main__ as store
from engine.store.files.evaluations import EvaluationFile
from engine.store.folder import write_info
from engine.store.lock.kernel_lock import KernelLock, NoKernelLocksError
from engine.store.lock.lock import RunLock
from engine.store.run import Run, read_info
from engine.strategies.fixed import random
from tests.compare.folders import SPACE, searched
from tests.store.records import run_info
from tests.store.test_processes import start_writer

MISSING = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


def fail_with(monkeypatch: pytest.MonkeyPatch, *codes: int) -> list[int]:
    """`flock` fails so, one code a call, and works as ever afterwards; the codes that are left."""
    left = [*codes]
    flock = __import__("fcntl").flock

    def failing(fd: int, operation: int) -> None:
        if not left:
            return flock(fd, operation)
        code = left.pop(0)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", failing)
    return left


def contents(root: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in root.rglob("*")}


# --- what `flock` says


@pytest.mark.parametrize("code", MISSING)
@pytest.mark.parametrize("folder", ["new", "deep/er/new", "there"])
def test_no_kernel_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, folder: str) -> None:
    (tmp_path / "there").mkdir()
    fail_with(monkeypatch, code)
    with pytest.raises(NoKernelLocksError) as raised:
        Run.create(tmp_path / folder, run_info())
    why = f"this file system has no kernel locks ({os.strerror(code)}), so a second writer could not be kept out"
    assert raised.value.message == f"{tmp_path / folder}: {why}"
    assert contents(tmp_path) == {"there": None}


def test_an_interrupted_call_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = fail_with(monkeypatch, errno.EINTR, errno.EINTR)
    lock = RunLock(tmp_path)
    assert left == []
    with pytest.raises(StoreError, match="in use by process"):
        RunLock(tmp_path)
    lock.release()


def test_another_failure_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, errno.EIO)
    with pytest.raises(StoreError, match=rf"^{tmp_path}: cannot lock: Input/output error$"):
        RunLock(tmp_path)
    assert contents(tmp_path) == {}


def test_a_system_without_flock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.lock.kernel_lock.fcntl", None)
    with pytest.raises(NoKernelLocksError, match=rf"^{tmp_path}: this system has no kernel locks \(flock\); use Linux or macOS$"):
        RunLock(tmp_path)


# --- who holds it


def test_the_holder_is_named_and_the_lock_ends_with_release(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(StoreError, match=rf"^{tmp_path}: in use by process {os.getpid()} on .* since 2"):
        RunLock(tmp_path)
    lock.release()
    again = RunLock(tmp_path)
    lock.release()  # not its own any more: takes nothing from the second one
    with pytest.raises(StoreError, match="in use"):
        RunLock(tmp_path)
    again.release()


def test_a_killed_holder_blocks_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    with start_writer(folder, 10_000) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        with pytest.raises(StoreError, match=f"in use by process {writer.pid} on"):
            RunLock(folder)
        writer.kill()
    RunLock(folder).release()


@pytest.mark.parametrize("marker", [b"", b"4711\nanother-host\n", b"\x00\xff"])
def test_a_file_that_a_copy_brought_along_is_no_lock(tmp_path: Path, marker: bytes) -> None:
    """Neither ours nor a marker of a lock library's, whoever wrote it on which host."""
    Run.create(tmp_path / "x", run_info()).close()
    (tmp_path / "x" / "lock").write_bytes(marker)
    (tmp_path / "x" / "holder.json").write_text(json.dumps({"pid": 1, "host": "another-host", "since": "2026-01-01"}))
    shutil.copytree(tmp_path / "x", tmp_path / "copy")
    for folder in (tmp_path / "x", tmp_path / "copy"):
        with Run.open(folder):
            pass


def test_a_lock_file_that_is_removed_meanwhile_is_not_relied_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locked after another removed it, a nameless file would keep nobody out."""
    path, flock = tmp_path / "lock", __import__("fcntl").flock
    removals = [path.unlink, lambda: (path.unlink(), path.touch())]

    def removed_first(fd: int, operation: int) -> None:
        if removals:
            removals.pop(0)()
        flock(fd, operation)

    monkeypatch.setattr("fcntl.flock", removed_first)
    lock = KernelLock.take(path)
    assert lock is not None
    assert removals == []
    assert KernelLock.take(path) is None
    lock.release()


@pytest.mark.parametrize(("make", "why"), [
    (lambda path: path.symlink_to(path.parent.parent / "elsewhere"), "Too many levels of symbolic links"),
    (lambda path: path.mkdir(), "Is a directory"),
])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    make(folder / "lock")
    with pytest.raises(StoreError, match=rf"^{folder}: cannot lock: {why}"):
        RunLock(folder)
    assert not (tmp_path / "elsewhere").exists()


# --- every command that takes it


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of digits/X that is not finished."""
    folder = tmp_path / "run"
    searched(folder, [50.0, 60.0, 70.0])
    write_info(folder, msgspec.structs.replace(read_info(folder), strategy=random(SPACE, 4, 0).settings(), total=4))
    return folder


Main = Callable[[Sequence[str]], int]

COMMANDS: dict[str, tuple[Main, str]] = {
    "search": (search.main, "digits/X --random 4 --run NEW"),
    "search --detach": (search.main, "digits/X --random 4 --detach --run NEW"),
    "search --baselines": (search.main, "digits/X --baselines --run NEW"),
    "search, resumed": (search.main, "digits/X --random 4 --set protocol.epochs=4 --run RUN"),
    "refine --auto": (refine.main, "digits/X --auto --out NEW"),
    "evaluate": (evaluate.main, "RUN"),
    "compare": (comparison.main, "RUN"),
    "merge": (store.main, "merge NEW RUN OTHER"),
    "compact": (store.main, "compact RUN"),
    "check --repair": (store.main, "check --repair RUN"),
    "check --salvage": (store.main, "check --salvage RUN"),
}


def command(name: str, run: Path) -> tuple[Main, list[str]]:
    """The command on `run`, on a copy of it and on a folder that is not there."""
    main, line = COMMANDS[name]
    if "OTHER" in line:
        shutil.copytree(run, run.with_name("other"))
    places = {"RUN": str(run), "NEW": str(run.with_name("new")), "OTHER": str(run.with_name("other"))}
    return main, [places.get(word, word) for word in line.split()]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("code", MISSING)
def test_a_command_refuses_in_one_line_and_leaves_nothing(
    name: str, code: int, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main, argv = command(name, run)
    before = contents(run.parent)
    capsys.readouterr()
    fail_with(monkeypatch, *[code] * 5)
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"this file system has no kernel locks ({os.strerror(code)})" in err
    assert contents(run.parent) == before


@pytest.mark.parametrize("name", [name for name, (_, line) in COMMANDS.items() if "NEW" not in line])
def test_a_command_names_the_holder(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main, argv = command(name, run)
    with EvaluationFile(run):
        before = contents(run.parent)
        capsys.readouterr()
        assert main(argv) == 2
        assert f"{run}: in use by process {os.getpid()} on" in capsys.readouterr().err
        assert contents(run.parent) == before


WITHOUT_FLOCK = """
import errno, fcntl, runpy, sys
def flock(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
runpy.run_module(sys.argv.pop(1), run_name="__main__")
"""


def test_a_process_without_locks_stays_out_of_a_run_that_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    with start_writer(folder, 200) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        command = [sys.executable, "-c", WITHOUT_FLOCK, "engine.store", "compact", str(folder)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        writer.stdout.read()
    assert (writer.returncode, ended.returncode, ended.stdout) == (0, 2, "")
    assert ended.stderr.startswith(f"error: {folder}: this file system has no kernel locks (No locks available)")
    with Run.open(folder) as run:
        assert len(run.trials()) == 200
