"""The chosen run looked at: EDFs by a condition, two conditions crossed, what matters, runs side by side.

Plot above, the legend as a list below, a sentence for the row under the cursor at the end. Enter on a value hands its
constraint to the refine page: the plot writes the constraint.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.errors import EngineError
from ktgtui.actions.selection import refine
from ktgtui.context import Context
from ktgtui.data.samples import LETTERED
from ktgtui.data.snapshot import RunDetail, RunView, Snapshot
from ktgtui.screens.analyse.request import Wanted, asking, caveat
from ktgtui.screens.analyse.view import Look, Row, View
from ktgtui.screens.base import Page
from ktgtui.widgets.plot import LEAST, Plot
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note

FASTEST_LOOK = 4.0
"""Seconds between redraws while a search runs: a curve that moves a little costs 5 KB over a link."""


class AnalysePage(Page):
    """One way of looking at a time; answers are kept until the trials change, and the next pages are made ahead."""

    NAME = "analyse"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(c.letter, f"turn_to({i})", c.title, show=False, id=f"analyse.{c.name}")
          for i, c in enumerate(LETTERED) if c.letter),
        Binding("left", "turn(-1)", "condition", key_display="← → a-e", id="analyse.previous", priority=True),
        Binding("right", "turn(1)", "next condition", show=False, id="analyse.next", priority=True),
        Binding("x", "cross_with(1)", "cross", id="analyse.crossed"),
        Binding("X", "cross_with(-1)", "cross with the one before", show=False, id="analyse.crossed-back"),
        Binding("m", "look_at('choices')", "what matters", id="analyse.matters"),
        Binding("r", "look_at('beside')", "runs", id="analyse.runs"),
        Binding("v", "app.list('advice')", "advice", id="analyse.advice"),
        Binding("space", "hide", "hide", id="analyse.toggle"),
        Binding("plus,equals_sign", "zoom(1)", "zoom", key_display="+ -", id="analyse.zoom-in"),
        Binding("minus", "zoom(-1)", "zoom out", show=False, id="analyse.zoom-out"),
        Binding("comma", "cross(-1)", "crosshair", key_display=", .", id="analyse.cross-left"),
        Binding("full_stop", "cross(1)", "crosshair right", show=False, id="analyse.cross-right"),
        Binding("less_than_sign", "cross(-10)", "crosshair far left", show=False, id="analyse.cross-far-left"),
        Binding("greater_than_sign", "cross(10)", "crosshair far right", show=False, id="analyse.cross-far-right"),
        Binding("i", "bands", "bands", show=False, id="analyse.bands"),
        Binding("escape", "plainly", "one condition", show=False, id="analyse.plainly"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._wanted: Wanted = ("curves", 1, 0)
        """Begins with condition (b), label to auxiliary nodes, whose effect the paper found largest after the models'."""
        self._known: dict[Wanted, View] = {}
        """Answers about `_trials`."""
        self._trials: object = None
        self._asked_at = 0.0
        self._view: View | None = None
        self._refused = ""
        self._looks: dict[str, Look] = {}
        """What is hidden belongs to a page; zoom, bands and crosshair go along (see `_look`)."""

    def body(self) -> Iterable[Widget]:
        yield Note(id="conditions")
        yield Plot(id="edfs")
        yield Table[Row]((), lambda r: r.cells, lambda r: r.key, moved=lambda _: self._tell(), id="values")
        yield Note(id="verdict")

    @property
    def _table(self) -> Table[Row]:
        return self.query_one("#values", Table)

    @property
    def _plot(self) -> Plot:
        return self.query_one("#edfs", Plot)

    @property
    def _look(self) -> Look:
        return self._look_at(self._page)

    def _look_at(self, page: str) -> Look:
        return self._looks.get(page, Look())

    @property
    def _page(self) -> str:
        kind, place, _ = self._wanted
        return LETTERED[place].name if kind in ("curves", "crossing") else kind

    def show(self, snapshot: Snapshot) -> None:
        run = snapshot.chosen
        if run is None:
            self._view, self._known, self._trials = None, {}, None
            self._refused = "no run to analyse: choose or start one on the spaces page"
            self._draw()
            self._titles()
        elif self._is_due(run):
            self._ask(run)

    def receive(self, given: str) -> None:
        """Turn to the condition of this name."""
        self._wanted = ("curves", [c.name for c in LETTERED].index(given), 0)

    def _is_due(self, run: RunDetail) -> bool:
        if self._trials is run.trials:
            return self._known.get(self._wanted) is not self._view and not self._refused
        same_run = self._view is not None and self._folder == run.view.folder
        return not (same_run and monotonic() - self._asked_at < FASTEST_LOOK)

    _folder: object = None

    def _ask(self, run: RunDetail) -> None:
        if self._trials is not run.trials:
            self._trials, self._folder, self._known, self._asked_at = run.trials, run.view.folder, {}, monotonic()
        wanted = self._wanted
        if wanted in self._known:
            self._answered(run, wanted, self._known[wanted])
            return
        question = asking(wanted, self.context.samples, run, self._comparable(run))
        self.context.background.ask("view", question, lambda found: self._answered(run, wanted, found))

    def _comparable(self, run: RunDetail) -> tuple[RunView, ...]:
        return tuple(v for v in self.context.snapshot.runs if not v.error and (v.done or v.folder == run.view.folder))

    def _answered(self, run: RunDetail, wanted: Wanted, found: View | EngineError) -> None:
        if run.trials is not self._trials or wanted != self._wanted:
            return
        if isinstance(found, EngineError):
            self._view, self._refused = None, str(found)
        else:
            self._view, self._refused = found, ""
            self._known[wanted] = found
            self._ahead(run)
        if self.is_current:
            self._titles()
            self._draw()

    def _ahead(self, run: RunDetail) -> None:
        """Make and paint the other conditions' pages before they are turned to, one after the other."""
        missing = [w for i in range(len(LETTERED)) if (w := ("curves", i, 0)) not in self._known]
        if run.view.live or not missing:
            return
        wanted = missing[0]
        question = asking(wanted, self.context.samples, run, ())
        look, size, plain = self._look_at(LETTERED[wanted[1]].name), self._plot.size, self.context.session.plain

        def ask() -> View:
            view = question()
            if (figure := view.figure(look)) is not None and size.width >= LEAST[0] and size.height >= LEAST[1]:
                figure.paint(size.width, size.height, plain)
            return view

        def keep(found: View | EngineError) -> None:
            if run.trials is self._trials and not isinstance(found, EngineError):
                self._known[wanted] = found
                self._ahead(run)

        self.context.background.ask("ahead", ask, keep)

    def _draw(self) -> None:
        view = self._view
        if view is None:
            self._plot.show(None, self._refused)
            self._table.show([])
            self.query_one("#verdict", Note).show([])
            return
        figure = view.figure(self._look)
        self._plot.display = self._wanted[0] != "choices"
        self.set_class(not self._plot.display, "listed")
        self._plot.show(figure, "every curve is hidden: space shows them again")
        self._list(view)

    def _list(self, view: View) -> None:
        self._table.show(view.rows(self._look), view.columns())
        alone = self._wanted[0] in ("curves", "beside")
        self._plot.point(self._look.cross if alone else None)
        self._tell()

    def _tell(self) -> None:
        """The row under the cursor: its curve in bold, its sentence."""
        row = self._table.current
        place = None if row is None else row.place
        self._plot.emphasise(None if place is None else f"curve{place % 6}")
        self.query_one("#verdict", Note).show([] if row is None else row.said)

    def _titles(self) -> None:
        run = self.context.snapshot.chosen
        kind, place, other = self._wanted
        runs: list[tuple[str, str]] = [(f"{run.view.name}  " if run else "", "accent")]
        for i, condition in enumerate(LETTERED):
            marked = kind in ("curves", "crossing") and i == place
            crossed = kind == "crossing" and i == other
            name = condition.letter or condition.name
            runs.append((f"x{name} " if crossed else f" {name} ", "cursor" if marked else "accent" if crossed else "dim"))
        title = self._view.title if self._view else LETTERED[place].title
        self.query_one("#conditions", Note).show([runs, [(title, ""), *caveat(run)]])

    @on(Table.Taken, "#values")
    def _taken(self, event: Table.Taken) -> None:
        row: Row = event.row
        if row.phrase:
            refine(self.context, row.phrase)
        elif row.condition:
            self._want(("curves", [c.name for c in LETTERED].index(row.condition), 0))
        elif self._wanted[0] == "beside" and (view := next(
                (v for v in self.context.snapshot.runs if v.name == row.key), None)):
            self.context.select_run(view.folder)

    def _want(self, wanted: Wanted) -> None:
        self._wanted, self._refused = wanted, ""
        self._titles()
        if run := self.context.snapshot.chosen:
            self._ask(run)

    def action_turn(self, by: int) -> None:
        self.action_turn_to((self._wanted[1] + by) % len(LETTERED))

    def action_turn_to(self, place: int) -> None:
        kind, _, other = self._wanted
        crossed = kind == "crossing" and place != other
        self._want(("crossing", place, other) if crossed else ("curves", place, 0))

    def action_cross_with(self, by: int) -> None:
        """A panel for each value of another condition: the next one at each press."""
        kind, place, other = self._wanted
        other = other + by if kind == "crossing" else 0 if by > 0 else -1
        other %= len(LETTERED)
        if other == place:
            other = (other + by) % len(LETTERED)
        self._want(("crossing", place, other))

    def action_look_at(self, kind: str) -> None:
        if self._wanted[0] == kind:
            self.action_plainly()
        else:
            self._want((kind, self._wanted[1], 0))

    def action_plainly(self) -> None:
        plain = self._wanted[0] == "curves"
        self._want(("curves", self._wanted[1], 0))
        if plain:
            raise SkipAction()  # then escape dismisses notices, as on every page

    def _set(self, look: Look) -> None:
        """Zoom, bands and crosshair hold for every page, what is hidden for its own."""
        others = {page: Look(old.hidden, look.banded, look.zoom, look.cross) for page, old in self._looks.items()}
        for page in (c.name for c in LETTERED):
            others.setdefault(page, Look(frozenset(), look.banded, look.zoom, look.cross))
        self._looks = {**others, self._page: look}

    def action_hide(self) -> None:
        if (row := self._table.current) and self._view and row.place is not None:
            self._set(self._look.toggled(row.key))
            self._draw()

    def action_zoom(self, by: int) -> None:
        self._set(self._look.zoomed(by))
        if self._view:
            self._draw()

    def action_cross(self, by: int) -> None:
        """Move the crosshair by characters of the plot."""
        self._set(self._look.moved(by / max(1, self._plot.area)))
        if self._view:
            self._list(self._view)

    def action_bands(self) -> None:
        look = self._look
        self._set(Look(look.hidden, not look.banded, look.zoom, look.cross))
        if self._view:
            self._draw()
