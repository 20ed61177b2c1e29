"""The workbench as a program on a real terminal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.e2e.pty_program import PtyProgram
from tests.ktgtui.made import run_folder

RESTORED = b"\x1b[?1049l"
"""Leaves the alternate screen: the shell's own lines are back."""


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, memory and logs of this test alone."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name))
    return home


@pytest.mark.parametrize("key", ["q", "\x11"])
def test_it_opens_quits_and_leaves_the_terminal_clean(tmp_path: Path, key: str) -> None:
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        program.wait_for("39,609")
        program.press(key)
        assert program.leave() == 0
        assert RESTORED in program.output
        assert b"\x1b[?25h" in program.output, "the cursor is shown again"


def test_it_sends_nothing_when_nothing_happens(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs" / "r", n=20)
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        program.wait_for("n = ")
        while not program.silent_for(1.2):
            pass
        assert program.silent_for(2.5)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_clean(tmp_path: Path, sent: signal.Signals) -> None:
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        program.wait_for("39,609")
        os.kill(program.pid, sent)
        assert program.leave() == 128 + sent
        assert RESTORED in program.output


def test_readonly_writes_nothing(tmp_path: Path) -> None:
    run_folder(tmp_path / "runs" / "r", n=20)
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(tmp_path.rglob("*"))}
    with PtyProgram(["-m", "ktgtui", str(tmp_path), "--readonly"]) as program:
        program.wait_for("read-only")
        program.wait_for("n = ")
        program.press("\x1b[B\t\x1b[Bq")
        assert program.leave() == 0
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(tmp_path.rglob("*"))} == before


def test_it_stops_for_the_shell_and_comes_back(tmp_path: Path) -> None:
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        program.wait_for("39,609")
        before = len(program.output)
        program.press("\x1a")
        program.wait_for(RESTORED.decode(), before)
        assert os.WIFSTOPPED(os.waitpid(program.pid, os.WUNTRACED)[1])
        before = len(program.output)
        os.kill(program.pid, signal.SIGCONT)
        program.wait_for("\x1b[?1049h", before)
        program.wait_for("39,609", before)
        program.press("q")
        assert program.leave() == 0


def test_a_terminal_that_goes_away_ends_it_at_once_without_a_word(tmp_path: Path, own_folders: Path) -> None:
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        program.wait_for("39,609")
        assert program.hang_up() in (128 + signal.SIGHUP, -signal.SIGHUP)
    assert not list(own_folders.rglob("errors.log"))


def test_going_on_without_having_been_suspended_starts_nothing_anew(tmp_path: Path) -> None:
    """The kernel sends SIGCONT also when a terminal is closed; `kill -STOP` and `-CONT` come unannounced."""
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        program.wait_for("39,609")
        while not program.silent_for(0.5):
            pass
        before, threads = len(program.output), psutil.Process(program.pid).num_threads()
        os.kill(program.pid, signal.SIGSTOP)
        os.kill(program.pid, signal.SIGCONT)
        program.press("?")
        program.wait_for("page down", before)
        assert b"\x1b[?1049h" not in program.output[before:]
        assert psutil.Process(program.pid).num_threads() <= threads
        program.press("\x11")
        assert program.leave() == 0


def test_a_fault_leaves_one_line_that_names_its_log(tmp_path: Path, own_folders: Path) -> None:
    code = ("import sys; from ktgtui import __main__ as m; from ktgtui.app import Workbench as W; "
            "W.action_dismiss = lambda self: 1 / 0; sys.exit(m.main(sys.argv[1:]))")
    with PtyProgram(["-c", code, str(tmp_path)]) as program:
        program.wait_for("39,609")
        before = len(program.output)
        program.press("\x1b")
        assert program.leave() == 1
        after = program.output[before:].split(RESTORED)[1].decode()
        log = next(own_folders.rglob("errors.log"))
        assert "error: the workbench broke off; ZeroDivisionError: division by zero (log: " in after
        assert "Traceback" not in after
        assert "<lambda>" in log.read_text()


def test_bad_settings_are_one_line(tmp_path: Path, own_folders: Path) -> None:
    file = own_folders / "XDG_CONFIG_HOME" / "ktgtui" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text("colours = 3\n")
    with PtyProgram(["-m", "ktgtui", str(tmp_path)]) as program:
        assert program.leave() == 2
        assert program.output.startswith(f"error: {file}: ".encode())
        assert program.output.count(b"\n") <= 2
