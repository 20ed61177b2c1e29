"""What all commands share: what they cannot do is one line and exit code 2, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli import run
from ktgtui.__main__ import main

FULL = Path("/dev/full")

needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@needs_full
def test_output_that_cannot_be_written_is_one_line() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "engine.space", "digits/A"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=200, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "error: what is printed cannot be written: No space left on device; free some space and start again\n"


@needs_full
def test_a_log_that_cannot_be_written_keeps_the_exit_code() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "engine.space", "digits/Q"]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, timeout=200, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")


def test_another_system_is_refused_by_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert (run(lambda: 0), main(["."])) == (2, 2)
    line = "error: ktgtui runs on Linux and macOS: run folders need the kernel's file locks; on Windows use WSL\n"
    assert capsys.readouterr() == ("", line * 2)
