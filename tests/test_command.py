"""What all commands share: a full disk behind stdout or stderr is one line and exit code 2, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def test_output_that_cannot_be_written_is_one_line() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "engine.space", "digits/A"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=200, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "error: what is printed cannot be written: No space left on device; free some space and start again\n"


def test_a_log_that_cannot_be_written_keeps_the_exit_code() -> None:
    with FULL.open("w") as full:
        command = [sys.executable, "-m", "engine.space", "digits/Q"]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True, timeout=200, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
