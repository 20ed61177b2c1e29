"""Which versions ktgtui is installed with: `lowest`, `compare FILE` and `write FILE` (see docs/versions.md).

Run it with the Python of the environment that is looked at. The packages are those that ktgtui with its extras `test` and
`dev` needs, but for torch, torchvision and what they alone bring.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

try:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
except ImportError:  # `lowest` runs where nothing is installed yet
    from pip._vendor.packaging.requirements import Requirement
    from pip._vendor.packaging.utils import canonicalize_name

TOP = Path(__file__).parent.parent
TORCH = {"torch", "torchvision"}
EXTRAS = ("test", "dev")
OLDEST = (3, 11)
"""Constraints are written by the oldest Python that is promised: the later ones have wheels of the same versions."""

HEADER = """\
# The versions that .ci/run was last green with; used by it and by the README's commands. Written by `.ci/drift --write`.
# Not here: torch, torchvision and what they alone bring (CUDA, triton, sympy ...), which depend on the machine.
"""


def requirements(extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    """What pyproject.toml names, what builds it included."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    named = [*project["build-system"]["requires"], *project["project"]["dependencies"], *(r for e in extras for r in optional[e])]
    return [Requirement(text) for text in dict.fromkeys(named)]


def bounds(requirement: Requirement) -> tuple[str, str]:
    """The lower bound, which is in the range, and the upper one, which is not. Exits unless there is one of each."""
    found = {s.operator: s.version for s in requirement.specifier}
    if found.keys() != {">=", "<"} or len(requirement.specifier) != 2:
        raise SystemExit(f"error: pyproject.toml: {requirement}: must have one lower (>=) and one upper (<) bound")
    return found[">="], found["<"]


def lowest() -> Iterator[str]:
    """`name==version` for the lower bounds."""
    for requirement in requirements():
        yield f"{requirement.name}=={bounds(requirement)[0]}"


def installed() -> dict[str, str]:
    """Versions by name of what ktgtui and its extras need, torch's own left out."""
    found: dict[str, str] = {}
    todo = [Requirement(f"ktgtui[{','.join(EXTRAS)}]")]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        wanted = todo.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if name in TORCH or (name, extras) in seen:
            continue
        seen.add((name, extras))
        package = distribution(name)
        found[name] = package.version
        for requirement in map(Requirement, package.requires or ()):
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": e}) for e in (extras or {""})):
                todo.append(requirement)
    del found["ktgtui"]
    return dict(sorted(found.items()))


def constrained(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def compare(file: Path) -> list[str]:
    """A line for each package whose installed version is not the constrained one."""
    have, want = installed(), constrained(file)
    return [f"{n}: {want.get(n, 'not constrained')} -> {have[n]}" for n in have if have[n] != want.get(n)]


def main(verb: str, *files: str) -> int:
    if verb == "lowest":
        print(*lowest(), sep="\n")
    elif verb == "compare":
        differing = compare(Path(*files))
        print(*(differing or ["every version is the constrained one"]), sep="\n")
        return 1 if differing else 0
    elif verb == "write":
        if sys.version_info[:2] != OLDEST:
            raise SystemExit("error: constraints are written on Python {}.{}, the oldest promised".format(*OLDEST))
        Path(*files).write_text(HEADER + "".join(f"{n}=={v}\n" for n, v in installed().items()))
    else:
        raise SystemExit(f"error: {verb}: must be lowest, compare or write")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
