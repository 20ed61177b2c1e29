"""Transfer graphs drawn as in the paper's Figure 5: the target red, frozen nodes marked, cutoff edges left out."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin
from textwrap import fill
from typing import TYPE_CHECKING, Any

from engine.report.figures.style import FROZEN, INK, PAPER, PLAIN, TARGET, WIDE, figure, place
from engine.space.catalogue import THROUGH, is_open
from engine.space.graph import LABEL, Graph

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RADIUS = 0.24
"""Of a node, where the nodes stand on a circle of radius 1."""
BEND = 0.2
"""Curvature of an edge, so that the two directions between a pair of nodes stay apart."""


def graphs_figure(graphs: Sequence[tuple[str, Graph, Sequence[float | None]]]) -> Figure:
    """Titles, graphs and mean accuracy (%) a node, side by side, at most three in a row."""
    columns = min(3, len(graphs))
    rows = -(-len(graphs) // columns)
    side = WIDE / 3
    made = figure(side * columns, (side + 0.2) * rows)
    for i, (title, graph, accuracy) in enumerate(graphs):
        axes = place(made, i % columns * side, 0.3 + i // columns * (side + 0.2), side, side - 0.1)
        axes.set_title(fill(title, 28), fontsize=8)
        _graph(axes, graph, accuracy)
    return made


def _graph(axes: Any, graph: Graph, accuracy: Sequence[float | None]) -> None:
    places = _places(graph.nodes)
    axes.set_xlim(-2.2, 2.2)
    axes.set_ylim(-1.45, 2.0)
    axes.set_aspect("equal")
    axes.axis("off")
    for edge, gate in graph.items():
        if is_open(gate):
            _edge(axes, places, edge.source, edge.target, gate)
    for node, (x, y) in places.items():
        _node(axes, graph, node, x, y, accuracy[node - 1])


def _places(nodes: int) -> dict[int, tuple[float, float]]:
    """The target at the top, the others clockwise."""
    return {n: (sin(2 * pi * (n - 1) / nodes), cos(2 * pi * (n - 1) / nodes)) for n in range(1, nodes + 1)}


def _node(axes: Any, graph: Graph, node: int, x: float, y: float, accuracy: float | None) -> None:
    from matplotlib.patches import Circle

    frozen = graph.is_pretrained(node)
    colour = TARGET if node == 1 else FROZEN if frozen else PLAIN
    axes.add_patch(Circle((x, y), RADIUS, facecolor=colour, edgecolor=INK, linewidth=1.2 if frozen else 0.6,
                          linestyle="--" if frozen else "-", alpha=0.9, zorder=3))
    axes.text(x, y, str(node), ha="center", va="center", fontsize=9, color="white", weight="bold", zorder=4)
    told = "not trained" if accuracy is None else f"{accuracy:.2f} %"
    note = "\nfrozen" if frozen else ""
    text = f"{graph.models[node - 1]}\n{told}{note}"
    if node == 1:  # its label edge comes from above and the others from below: the text stands beside it
        axes.text(x + RADIUS + 0.08, y + 0.1, text, ha="left", va="center", fontsize=6.5, zorder=5)
    else:
        axes.text(x, y - RADIUS - 0.04, text, ha="center", va="top", fontsize=6.5, zorder=5, linespacing=1.1)


def _label_place(x: float, y: float) -> tuple[float, float]:
    """Where the y of a node's label edge stands: beside the node, or above or below it near the middle."""
    if abs(x) > 0.1:
        return (x + 1.15 * (1 if x > 0 else -1), y)
    return (x, y + 0.85 * (1 if y > 0 else -1))


def _edge(axes: Any, places: dict[int, tuple[float, float]], source: int, target: int, gate: str) -> None:
    """An arrow with its gate written beside it; a label edge comes from a small y outside the circle."""
    from matplotlib.patches import FancyArrowPatch

    end = places[target]
    start = _label_place(*end) if source == LABEL else places[source]
    if source == LABEL:
        axes.text(*start, "y", ha="center", va="center", fontsize=8, style="italic")
    bend = 0.0 if source == LABEL else BEND
    shrink = 6 if source == LABEL else 13
    line = "-" if gate == THROUGH else (0, (4, 1.5))
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=7, color=INK, linewidth=0.8, shrinkA=shrink,
                                   shrinkB=13, connectionstyle=f"arc3,rad={bend}", linestyle=line, zorder=2))
    _gate(axes, start, end, gate, label=source == LABEL)


def _gate(axes: Any, start: tuple[float, float], end: tuple[float, float], gate: str, *, label: bool) -> None:
    """The gate's name: beside a label edge, which is short; on the first third of another, where the pair is apart."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    if label:
        level = abs(dy) < abs(dx)
        x, y = start[0] + 0.5 * dx, start[1] + 0.5 * dy
        place = (x, y + 0.13) if level else (x + 0.08, y)
        axes.text(*place, gate, ha="center" if level else "left", va="center", fontsize=6)
        return
    x, y = start[0] + 0.36 * dx + 0.46 * BEND * dy, start[1] + 0.36 * dy - 0.46 * BEND * dx
    axes.text(x, y, gate, ha="center", va="center", fontsize=6, zorder=4,
              bbox={"boxstyle": "square,pad=0.1", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.75})
