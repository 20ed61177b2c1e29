"""What pyproject.toml, constraints.txt, docs/versions.md and README.md say of versions is one thing."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.version import Version

TOP = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def versions() -> ModuleType:
    spec = importlib.util.spec_from_file_location("versions", TOP / ".ci" / "versions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_range_has_a_lower_and_an_upper_bound(versions: ModuleType) -> None:
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for requirement in versions.requirements(extras):
        lower, upper = versions.bounds(requirement)
        assert Version(lower) < Version(upper), requirement


@pytest.mark.parametrize("text", ["x", "x>=1", "x<2", "x>=1,<2,!=1.5", "x==1"])
def test_another_range_is_refused(versions: ModuleType, text: str) -> None:
    with pytest.raises(SystemExit, match=r"must have one lower \(>=\) and one upper \(<\) bound"):
        versions.bounds(versions.Requirement(text))


def test_the_constraints_lie_in_the_ranges_and_leave_torch_out(versions: ModuleType) -> None:
    found = versions.constrained(TOP / "constraints.txt")
    assert not {"torch", "torchvision", "triton", "sympy", "networkx"} & found.keys()
    assert {"numpy", "pillow", "filelock"} <= found.keys()
    for requirement in versions.requirements():
        if requirement.name not in {"torch", "torchvision", "setuptools"}:
            assert requirement.specifier.contains(found[requirement.name]), requirement


def test_the_table_tells_the_ranges_and_the_constraints(versions: ModuleType) -> None:
    table = (TOP / "docs" / "versions.md").read_text()
    rows = re.findall(r"^\| (\S+) \| (\S+) \| ([^|]+) \| [^|]+ \| >= (\S+), < (\S+) \|$", table, re.M)
    found = versions.constrained(TOP / "constraints.txt")
    told = {name: (lowest, lower, upper) for name, lowest, _, lower, upper in rows}
    assert told == {r.name: (versions.bounds(r)[0], *versions.bounds(r)) for r in versions.requirements()}
    assert {name: tried for name, _, tried, *_ in rows if name in found} == {n: v for n, v in found.items() if n in told}


def test_the_readme_installs_with_the_constraints_and_tells_the_promised_pythons() -> None:
    readme, pyproject = (TOP / "README.md").read_text(), tomllib.loads((TOP / "pyproject.toml").read_text())
    commands = [line for line in readme.splitlines() if line.startswith("python3 -m venv") and "&& . " in line]
    assert len(commands) == 2
    assert all(" -c constraints.txt " in line for line in commands)
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(pyproject["project"]["classifiers"]))
    assert promised == ["3.11", "3.12", "3.13"]
    assert "Python 3.11, 3.12 or 3.13" in readme
