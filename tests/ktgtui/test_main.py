"""The command line, in processes of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=200)


def ktgtui(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "ktgtui", *arguments)


def test_help_shows_an_example_without_loading_textual() -> None:
    said = ktgtui("--help")
    assert said.returncode == 0
    assert "ktgtui ~/study --readonly" in said.stdout
    code = "import sys, ktgtui.__main__ as m; m.parser().format_help(); print('textual' in sys.modules)"
    assert python("-c", code).stdout == "False\n"


def test_version() -> None:
    assert ktgtui("--version").stdout.startswith("ktgtui 0.")


@pytest.mark.parametrize("made", ["file", "nothing"])
def test_a_folder_that_is_none_is_refused_in_one_line(tmp_path: Path, made: str) -> None:
    path = tmp_path / "x"
    if made == "file":
        path.write_text("")
    said = ktgtui(str(path))
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"error: {path}: ")
    assert said.stderr.count("\n") == 1


def test_without_a_terminal_it_says_what_works(tmp_path: Path) -> None:
    said = ktgtui(str(tmp_path))
    assert said.returncode == 2
    assert "python -m engine.search" in said.stderr
    assert said.stderr.count("\n") == 1


def test_no_torch_and_nothing_slow_before_the_first_paint() -> None:
    code = ("import sys, ktgtui.app; late = [m for m in ('torch', 'scipy', 'numpy', 'plotext', 'engine.space') "
            "if m in sys.modules]; import ktgtui.data.workspace, ktgtui.drawing.plots; "
            "print(late, [m for m in ('torch', 'scipy.stats') if m in sys.modules])")
    said = python("-c", code)
    assert said.stdout == "[] []\n", said.stderr
