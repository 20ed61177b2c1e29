"""What must load without torch, seen from a fresh interpreter (DESIGN.md, wall 4); and that imports run one way."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Collection
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]

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


def imports(file: Path, known: Collection[str]) -> set[str]:
    """Modules of ours that a file imports anywhere: at its top, inside functions and for typing."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (whole & {*known}) or {str(node.module)}
    return found & {*known}


def test_no_module_imports_itself_through_others() -> None:
    files = {".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__"): path
             for package in ("engine", "ktgtui") for path in (TOP / package).rglob("*.py")}
    arrows = {name: imports(path, files) - {name} for name, path in files.items()}
    assert arrows["engine.search.loop"] >= {"engine.search.events"}, "arrows are seen"
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"an import circle: {' -> '.join(error.args[1])}")


def test_no_folder_is_too_full_to_look_through() -> None:
    for package in ("engine", "ktgtui"):
        for folder in {path.parent for path in (TOP / package).rglob("*.py")}:
            modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
            assert len(modules) <= 15, f"{folder.relative_to(TOP)} has {len(modules)} modules"
