"""Starting searches: processes of their own that outlive the workbench, its terminal and the connection.

What the workbench starts is exactly a command a person could type, and it is shown as such.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.errors import SpaceError, StoreError
from ktgtui.snapshot import RunDetail


@dataclass(frozen=True, slots=True)
class Order:
    """One search to start."""

    space: str
    """A shipped space's name or a file's path, as the search's folder sees it."""
    graphs: int | None
    """Random graphs; None: exhaustive."""
    repeats: int = 1
    seed: int = 0
    changes: tuple[str, ...] = ()
    """`epochs=5`: protocol fields to change."""
    run: str = "runs/new"
    """Run folder, as the search's folder sees it."""

    def arguments(self) -> list[str]:
        """What follows `python`."""
        how = ["--exhaustive"] if self.graphs is None else ["--random", str(self.graphs)]
        more = ["--repeats", str(self.repeats)]
        more += ["--seed", str(self.seed)] if self.seed else []
        for change in self.changes:
            more += ["--set", f"protocol.{change}"]
        return ["-m", "engine.search", self.space, *how, *more, "--run", self.run]

    def command(self) -> str:
        """The command line a person would type in the folder."""
        return shlex.join(["python", *self.arguments()])


def read_order(space: str, slug: str, fields: dict[str, str]) -> Order:
    """An order from what a person wrote. Raises SpaceError naming the field, the rule and the value."""
    how = fields["strategy"].split()
    if how == ["exhaustive"]:
        graphs = None
    elif len(how) == 2 and how[0] == "random":
        graphs = _number("strategy: random", how[1], 1)
    else:
        raise SpaceError(f"strategy: write 'exhaustive' or 'random N', got {fields['strategy']!r}")
    changes = tuple(fields["changes"].replace(",", " ").split())
    for change in changes:
        if "=" not in change:
            raise SpaceError(f"changes: write field=value such as epochs=5, got {change!r}")
    name = "exhaustive" if graphs is None else f"random{graphs}"
    run = fields["run"].strip() or f"runs/{slug}-{name}"
    return Order(space, graphs, _number("repeats", fields["repeats"], 1), _number("seed", fields["seed"], 0), changes,
                 run)


def _number(field: str, text: str, least: int) -> int:
    if not text.strip().isdigit() or int(text) < least:
        raise SpaceError(f"{field}: must be a number from {least} on, got {text!r}")
    return int(text)


@dataclass(frozen=True, slots=True)
class Ended:
    """A search started here that is over."""

    order: Order
    code: int
    last: str
    """The last line of its log."""


class Launcher:
    """Starts searches in `folder` and notices those of its own that end while it is here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[Order, subprocess.Popen[bytes], Path]] = []

    def start(self, order: Order) -> Path:
        """Start a search in a session of its own; returns its log. Raises StoreError if that cannot be done."""
        run = self._folder / order.run
        log = run.with_name(f"{run.name}.log")
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as out:
                process = subprocess.Popen(
                    [sys.executable, *order.arguments()], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
                )
        except OSError as error:
            raise StoreError(f"{log}: a search cannot be started: {error.strerror or error}") from None
        self._running.append((order, process, log))
        return log

    def ended(self) -> list[Ended]:
        """Searches started here that ended since the last call; asking reaps them."""
        over = [(order, process, log) for order, process, log in self._running if process.poll() is not None]
        self._running = [entry for entry in self._running if entry not in over]
        return [Ended(order, process.returncode, _last_line(log)) for order, process, log in over]


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            lines = file.read().decode("utf-8", "replace").replace("\r", "\n").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def relative(reference: str, folder: Path) -> str:
    """A space file's path as a process in `folder` sees it; shipped names stay."""
    path = Path(reference)
    if not path.suffix:
        return reference
    here, there = folder.resolve(), path.resolve()
    return str(there.relative_to(here)) if there.is_relative_to(here) else str(there)


def estimate(order: Order, keys: int, epochs: int, known: RunDetail | None) -> float | None:
    """Seconds a search will take at the speed of a run that was made here; None if nothing is known.

    `keys` graphs are in the space and train for `epochs`; training time is taken as proportional to epochs.
    """
    if known is None or not known.trainings:
        return None
    walls = [t.wall / max(1, t.epochs) for t in known.trainings.values()]
    graphs = keys if order.graphs is None else min(order.graphs, keys)
    return graphs * order.repeats * epochs * sum(walls) / len(walls)
