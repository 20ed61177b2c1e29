"""The map of a space: a cell a graph, a cursor among them, a line that explains the marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from engine.space.catalogue import CUTOFF
from engine.space.graph import Graph
from ktgtui.drawing.trial_cells import short
from ktgtui.screens.refine.graph_map import HOLE, LEVELS, MARKS, PLAIN_MARKS, ROLES, GraphMap, Spot
from ktgtui.widgets.line_widget import Lines, Pieces


class Grid(Lines, can_focus=True):
    """Two characters a cell: the graph's mark, then a blank, or a stroke through what the constraint drops."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", "left", show=False, id="map.left"),
        Binding("right,l", "step(1)", "right", show=False, id="map.right"),
        Binding("up,k", "row(-1)", "up", show=False, id="map.up"),
        Binding("down,j", "row(1)", "down", show=False, id="map.down"),
        Binding("n", "best", "next best", id="map.best"),
        Binding("enter", "take", "open", id="map.open"),
    ]

    def __init__(self, taken: Callable[[Spot], object], *, id: str | None = None) -> None:
        """`taken` is called with the graph on which Enter was pressed."""
        super().__init__(id=id)
        self._taken = taken
        self._map: GraphMap | None = None
        self._top = 0
        self.cursor = 0

    @property
    def current(self) -> Spot | None:
        """The graph under the cursor."""
        return self._map.spots[self.cursor] if self._map and self._map.spots else None

    @property
    def _cell(self) -> int:
        """Characters a cell: one where the whole map fits only so and nothing is struck out."""
        spots, room = len(self._map.spots) if self._map else 0, self._room * max(1, self.size.width)
        return 1 if self._map and not self._map.dropped and 2 * spots > room else 2

    @property
    def _across(self) -> int:
        return max(1, (self.size.width - 1) // self._cell)

    @property
    def _room(self) -> int:
        """Lines of cells: the rest says what is under the cursor and explains the marks."""
        return max(1, self.size.height - 3)

    def show(self, found: GraphMap | None) -> None:
        self._map = found
        self.cursor = min(self.cursor, max(0, len(found.spots) - 1)) if found else 0
        self._settle()

    def on_resize(self) -> None:
        self._settle()

    def _settle(self) -> None:
        row = self.cursor // self._across
        self._top = min(max(self._top, row - self._room + 1), row)
        self.redraw()

    def _go(self, place: int) -> None:
        if self._map and 0 <= place < len(self._map.spots):
            self.cursor = place
            self._settle()

    def action_step(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_row(self, by: int) -> None:
        self._go(self.cursor + by * self._across)

    def action_best(self) -> None:
        """From the best graph on to the next best one at each press."""
        if not self._map:
            return
        spots = self._map.spots
        with_result = (i for i, s in enumerate(spots) if s.error is not None)
        order = sorted(with_result, key=lambda i: (spots[i].error or 0.0, spots[i].key))
        if order:
            self._go(order[(order.index(self.cursor) + 1) % len(order)] if self.cursor in order[:-1] else order[0])

    def action_take(self) -> None:
        if self.current is not None:
            self._taken(self.current)

    def line(self, y: int, width: int) -> Pieces:
        if self._map is None:
            return self.inked([(" reading ..." if y == 0 else "", "dim")])
        if y < self.size.height - 3:
            return self._cells(self._map, self._top + y)
        if y == self.size.height - 3:
            return self.inked([(self._here(), "accent" if self.has_focus else "")])
        if y == self.size.height - 2:
            return self.inked([(f" {self._map.proof}", "good" if self._map.complete else "warn")])
        return self.inked(self._legend(self._map))

    def _cells(self, found: GraphMap, row: int) -> Pieces:
        runs = [(" ", "")]
        start = row * self._across
        for place, spot in enumerate(found.spots[start : start + self._across], start):
            mark, role = spot.mark(self.plain)
            at = "cursor" if place == self.cursor and self.has_focus else "rest" if place == self.cursor else role
            runs.append((mark, at))
            if self._cell == 2:
                runs.append((" " if spot.kept else "/", "dim"))
        return self.inked(runs)

    def _here(self) -> str:
        spot = self.current
        if spot is None:
            return ""
        dropped = "" if spot.kept else "  dropped by the constraint"
        return f" {self.cursor + 1}/{len(self._map.spots) if self._map else 0}  {spot.words()}{dropped}  {_briefly(spot.graph)}"

    def _legend(self, found: GraphMap) -> list[tuple[str, str]]:
        runs = [(" ", "")]
        for mark, role, (_, what) in zip(PLAIN_MARKS if self.plain else MARKS, ROLES, LEVELS, strict=True):
            runs += [(mark, role), (f" {what}  ", "dim")]
        runs += [(HOLE[1 if self.plain else 0], HOLE[2]), (f" not trained ({found.holes})  x failed  o untaught", "dim")]
        return [*runs, (f"  / dropped ({found.dropped})" if found.dropped else "", "dim")]


def _briefly(graph: Graph) -> str:
    """Models and open edges in as few letters as a line of 80 has room for."""
    gates = "  ".join(f"{edge} {short(gate)}" for edge, gate in graph.items() if gate != CUTOFF)
    return f"{' '.join(graph.models)}  {gates}"
