"""The workbench as a program on a real terminal."""

from __future__ import annotations

import os
import signal
from pathlib import Path

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
