"""A transfer graph drawn with characters, like the paper's figure 5: cutoff edges are not drawn. Textual-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.space.graph import LABEL, Edge, Graph
from ktgtui.drawing.trial_cells import short

Run = tuple[str, str]
Line = tuple[Run, ...]

BOX = 22
"""Characters of an auxiliary node's box."""
LEFT = {2: 0, 3: 36}
"""Column of each auxiliary node's box."""
WIDTH = 36 + BOX
HEIGHT = 11

_PLAIN = str.maketrans("┌┐└┘│─▼▲▶◀", "++++|-v^><")


@dataclass(frozen=True, slots=True)
class Drawn:
    """What to draw of a graph."""

    graph: Graph
    accuracy: Sequence[float | None] = ()
    """Validation accuracy (%) a node; empty if not trained."""
    edge: Edge | None = None
    """The edge under the cursor."""


class _Grid:
    """Characters with a role each."""

    def __init__(self, width: int, height: int) -> None:
        self._rows = [[(" ", "")] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, role: str = "") -> None:
        for place, character in enumerate(text, x):
            if 0 <= place < len(self._rows[y]):
                self._rows[y][place] = (character, role)

    def lines(self, plain: bool) -> tuple[Line, ...]:
        return tuple(_joined([(c.translate(_PLAIN) if plain else c, role) for c, role in row]) for row in self._rows)


def _joined(cells: Sequence[Run]) -> Line:
    runs: list[Run] = []
    for text, role in cells:
        if runs and runs[-1][1] == role:
            runs[-1] = (runs[-1][0] + text, role)
        else:
            runs.append((text, role))
    return tuple(runs)


def draw(what: Drawn, plain: bool = False) -> tuple[Line, ...]:
    """The drawing for two or three nodes; for more, what flows into each node, a line a node."""
    if what.graph.nodes > 3:
        return _listed(what)
    grid = _Grid(WIDTH, HEIGHT)
    for node in range(2, what.graph.nodes + 1):
        _node(grid, what, node)
    if what.graph.nodes == 3:
        _between(grid, what)
    _edge(grid, what, Edge(LABEL, 1), WIDTH // 2, 5, "y", "│", "▼")
    _box(grid, 0, 8, WIDTH, _told(what, 1, "target"), "bad")
    return grid.lines(plain)


def _node(grid: _Grid, what: Drawn, node: int) -> None:
    x = LEFT[node]
    _edge(grid, what, Edge(LABEL, node), x + BOX // 2, 0, "y", "▼")
    frozen = what.graph.is_pretrained(node)
    dead = node not in what.graph.live_nodes()
    note = "frozen, pre-trained" if frozen else "cannot reach the target" if dead else ""
    _box(grid, x, 2, BOX, _told(what, node, note), "curve0" if frozen else "dim" if dead else "")
    _edge(grid, what, Edge(node, 1), x + 3, 6, "│", "▼")
    _edge(grid, what, Edge(1, node), x + BOX - 7, 6, "▲", "│")


def _between(grid: _Grid, what: Drawn) -> None:
    """The two edges between the auxiliary nodes, one above the other."""
    for edge, y, shape in ((Edge(2, 3), 3, "── {} ──▶"), (Edge(3, 2), 4, "◀── {} ──")):
        gate = what.graph.gate(*edge)
        if gate != "cutoff" or edge == what.edge:
            grid.put(BOX + 2, y, shape.format(short(gate)), _role(what, edge, gate))


def _edge(grid: _Grid, what: Drawn, edge: Edge, x: int, y: int, *marks: str) -> None:
    """A vertical edge: its marks below each other, the gate beside the first line."""
    gate = what.graph.gate(*edge)
    if gate == "cutoff" and edge != what.edge:
        return
    role = _role(what, edge, gate)
    for place, mark in enumerate(marks):
        grid.put(x, y + place, mark, role)
    grid.put(x + 2, y + (1 if len(marks) == 3 else 0), short(gate), role)


def _role(what: Drawn, edge: Edge, gate: str) -> str:
    return "cursor" if edge == what.edge else "curve1" if gate == "linear" else "accent"


def _box(grid: _Grid, x: int, y: int, width: int, lines: Sequence[str], role: str) -> None:
    grid.put(x, y, "┌" + "─" * (width - 2) + "┐", role)
    for place, line in enumerate(lines, 1):
        grid.put(x, y + place, "│" + f" {line}"[: width - 2].ljust(width - 2) + "│", role)
    grid.put(x, y + len(lines) + 1, "└" + "─" * (width - 2) + "┘", role)


def _told(what: Drawn, node: int, note: str) -> list[str]:
    value = what.accuracy[node - 1] if node <= len(what.accuracy) else None
    accuracy = "" if value is None else f"{value:.2f} %"
    head = f"{node}  {what.graph.models[node - 1]}"
    if node == 1:
        return [f"{head}   {note}   {accuracy}"]
    return [f"{head}  {accuracy}", note]


def _listed(what: Drawn) -> tuple[Line, ...]:
    lines: list[Line] = []
    for node in range(1, what.graph.nodes + 1):
        into = [(e, g) for e, g in what.graph.items() if e.target == node and (g != "cutoff" or e == what.edge)]
        runs = [(f" {_told(what, node, 'target')[0]:<34}", "bad" if node == 1 else "")]
        runs += [(f" {'y' if e.source == LABEL else e.source} {short(g)} ", _role(what, e, g)) for e, g in into]
        lines.append(tuple(runs))
    return tuple(lines)
