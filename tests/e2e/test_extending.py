"""The examples of docs/extending.md, installed as a package would install them, searched as a user would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]


def block(language: str) -> str:
    """The one block of that language in the page."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", (HERE / "docs" / "extending.md").read_text(), re.M | re.S)
    return found


def install(folder: Path, module: str, pyproject: str) -> None:
    """What pip leaves of a package of one module: the module, and its metadata with the entry points."""
    (folder / "my_package.py").write_text(module)
    info = folder / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    groups = tomllib.loads(pyproject)["project"]["entry-points"]
    lines = [line for group, names in groups.items() for line in (f"[{group}]", *(f"{n} = {v}" for n, v in names.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    install(tmp_path / "site", block("python"), block("toml"))
    (tmp_path / "mine.json").write_text(block("json"))
    return tmp_path


def python(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(home / "site"), str(HERE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=250, check=False)


def test_the_documented_gate_model_and_data_set_are_searched(home: Path) -> None:
    done = python(home, "engine.search", "mine.json", "--exhaustive", "--run", "r", "--workers", "1", "--pack", "4", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # Both models where the gate is open; where it is not, node 2 is nobody's and one training serves both graphs.
    assert (found["counts"]["keys"], found["outcomes"]["done"], found["outcomes"]["failed"]) == (4, 4, 0)
    assert any("bottleneck" in row["graph"] and row["gates"].get("2>1") == "late-and-sure" for row in found["best"])
    assert found["best"][0]["error"] < 30  # chance is 75
    protocol = json.loads((home / "r" / "run.json").read_text())["space"]["protocol"]
    assert (protocol["data"], protocol["chance"]) == ("stripes", 43.75)


def test_names_are_checked_without_loading_the_package(home: Path) -> None:
    (home / "site" / "my_package.py").write_text("raise SystemExit('loaded')")
    done = python(home, "engine.space", "mine.json", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"]["keys"] == 4


def test_a_broken_package_is_one_line(home: Path) -> None:
    (home / "site" / "my_package.py").write_text("import nothing_of_that_name")
    done = python(home, "engine.search", "mine.json", "--exhaustive", "--run", "r")
    assert done.returncode == 2
    assert done.stderr == (
        "error: entry point 'stripes' of engine.datasets (my_package:stripes) cannot be loaded: "
        "No module named 'nothing_of_that_name'; mend or uninstall its package\n"
    )
    assert not (home / "r" / "run.json").exists()


def test_a_name_that_is_not_installed_is_refused_by_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(block("json"))
    done = python(tmp_path, "engine.space", "mine.json")
    assert done.returncode == 2
    assert "unknown model 'bottleneck'" in done.stderr or "unknown gate 'late-and-sure'" in done.stderr
