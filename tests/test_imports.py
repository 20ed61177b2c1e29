"""What must load without torch (DESIGN.md, wall 4): seen from a fresh interpreter, not from this one."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "accelerate", "sklearn", "scipy.stats")

LOOK = """
import importlib, json, sys
for name in sys.argv[2:]:
    importlib.import_module(name)
print(json.dumps([name for name in sys.argv[1].split(",") if name in sys.modules]))
"""


def loaded(*modules: str) -> list[str]:
    """Which heavy packages a fresh interpreter has after importing `modules`."""
    command = [sys.executable, "-c", LOOK, ",".join(HEAVY), *modules]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found: list[str] = json.loads(ended.stdout)
    return found


def modules_of(*packages: str) -> list[str]:
    return [
        found.name
        for name in packages
        for found in pkgutil.walk_packages(importlib.import_module(name).__path__, f"{name}.")
        if not found.name.endswith("__main__")
    ]


def test_spaces_runs_analysis_and_reports_load_without_torch() -> None:
    packages = ("space", "packing", "store", "strategies", "analysis", "report", "control", "simulate", "compare")
    modules = modules_of(*(f"engine.{name}" for name in packages))
    assert {"engine.space.files.load", "engine.store.run", "engine.analysis.edf", "engine.report.search_result"} <= {*modules}
    scheduling = ("events", "resume", "scheduler", "rung_scheduler", "running_packs", "eta")
    others = (*(f"engine.search.{name}" for name in scheduling), "engine.cli", "engine.executors.interface")
    assert loaded(*modules, *others) == []


@pytest.mark.parametrize("modules", [("ktgtui.app", "ktgtui.__main__"), ("engine.search.__main__",)])
def test_the_workbench_and_the_search_command_paint_before_torch_could_load(modules: tuple[str, ...]) -> None:
    assert loaded(*modules) == []


def test_the_look_sees_what_is_loaded() -> None:
    assert loaded("scipy.stats") == ["scipy.stats"]
