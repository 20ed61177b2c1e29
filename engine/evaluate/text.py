"""An evaluation as text: a line a node, and what must be said besides; and the line that counts epochs meanwhile."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from engine.analysis.repeats.retrained import Figure, NodeFigures, Repeated
from engine.cli import PLAIN_EVERY
from engine.evaluate.evaluation import Evaluated
from engine.store.files.evaluations import WEIGHTS

if TYPE_CHECKING:
    from engine.evaluate.retraining import Going


def text(found: Evaluated, *, test: bool) -> str:
    """The result; figures of the test set only if `test`."""
    chosen = found.chosen
    head = f"{chosen.space.name}, {chosen.folder}: trained again with fresh seeds"
    head += "\naccuracy (%), mean ± deviation [95 % of the mean]"
    head += "".join(f"\nnote: {note}" for note in chosen.notes)
    parts = [head, *(_graph(found, graph, test) for graph in found.graphs)]
    parts.append(found.remark or "the test set is closed; --test opens it")
    parts.append(f"networks and model cards  {chosen.folder / WEIGHTS}")
    return "\n\n".join(parts)


def _graph(found: Evaluated, graph: Repeated, test: bool) -> str:
    lines = [f"{graph.key}  {graph.graph}", *table(graph, test)]
    seen, flattered = found.chosen.selected.get(graph.key), found.optimism(graph)
    if seen is not None and flattered is not None:
        lines.append(f"    the search had seen {seen:.2f}: {flattered:+.2f} points of optimism")
    if graph.diverged:
        lines.append(f"    {graph.diverged} of {len(graph.evaluations)} retrainings diverged and count in no figure")
    return "\n".join(lines)


def table(graph: Repeated, test: bool) -> list[str]:
    """A line a node under a line of titles, in columns."""
    rows = [("node", "validation", "test" if test else "")]
    rows += [(_name(node), _figure(node.validation), _figure(node.test) if test else "") for node in graph.nodes]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["    " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _name(node: NodeFigures) -> str:
    role = " target" if node.node == 1 else " frozen" if node.pretrained else ""
    return f"{node.node} {node.model}{role}"


def _figure(found: Figure | None) -> str:
    if found is None:
        return "not trained"
    interval = "" if found.low is None else f"  [{found.low:.2f}, {found.high:.2f}]"
    return f"{found}{interval}  n={len(found.values)}"


class Counter:
    """Shows on stderr how far the retrainings are: one line rewritten on a terminal, a line now and then in a log."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._last = time.monotonic()
        self._shown = False

    def show(self, event: Going) -> None:
        told = f"retraining {event.repeat} of {event.repeats}: {event.graphs} graphs, epoch {event.epoch} of {event.epochs}"
        if self._live:
            print(f"\r\x1b[K{told}", end="", file=sys.stderr, flush=True)
            self._shown = True
        elif time.monotonic() - self._last > PLAIN_EVERY:
            self._last = time.monotonic()
            print(told, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
