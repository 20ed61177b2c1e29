"""What is written to a terminal that is gone."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest
from textual.drivers.linux_driver import LinuxDriver
from textual.drivers.web_driver import WebDriver

from ktgtui.app import Workbench
from ktgtui.terminal.driver import Output, TerminalDriver


def test_a_terminal_that_is_gone_refuses_nothing() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        output = Output(terminal)
        assert (output.fileno(), output.isatty()) == (theirs, True)
        output.write("seen")
        output.flush()
        assert os.read(ours, 100) == b"seen"
        os.close(ours)
        for _ in range(3):
            output.write("x" * 10_000)
            output.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), theirs)  # closing flushes what is left


def test_it_takes_the_place_of_textuals_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Workbench(tmp_path).get_driver_class() is TerminalDriver
    assert issubclass(TerminalDriver, LinuxDriver)
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.web_driver:WebDriver")  # as TEXTUAL_DRIVER does
    assert Workbench(tmp_path).get_driver_class() is WebDriver
