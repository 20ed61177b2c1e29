"""EDFs of the chosen run, a page a condition: which values go with good graphs, and how sure that is.

Enter on a value hands its constraint to the refine page: the plot writes the constraint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget

from engine.analysis.edf import Edf
from engine.analysis.verdict import Verdict
from engine.errors import EngineError
from engine.report.terminal import LETTERS, limits
from ktgtui import wording
from ktgtui.drawing import EdfFigure
from ktgtui.questions import LETTERED, Answer, by_condition
from ktgtui.screens.page import Page
from ktgtui.snapshot import RunDetail, Snapshot
from ktgtui.widgets.note import Note
from ktgtui.widgets.plot import Plot
from ktgtui.widgets.table import Cell, Column, Table

ZOOM = 0.7
"""Part of the error range that one step of zooming in keeps, from the good end."""

FASTEST_LOOK = 4.0
"""Seconds between redraws while a search runs: a curve that moves a little costs 10 KB over a link."""

VALUES = (
    Column("", 3),
    Column("value", 18, grows=True),
    Column("n", 6, right=True),
    Column("best", 6, right=True),
    Column("10 %", 6, right=True, least=70),
    Column("median", 6, right=True),
    Column("90 %", 6, right=True, least=90),
    Column("below", 6, right=True),
    Column("against others", 14, least=76),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One value of the condition."""

    place: int
    label: str
    phrase: str | None
    edf: Edf
    verdict: str
    hidden: bool
    cross: float | None


class AnalysePage(Page):
    """Plot above, the legend as a list below, the verdict in words at the end."""

    TITLE = "analyse"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(c.letter, f"turn_to({i})", c.title, show=False, id=f"analyse.{c.name}")
          for i, c in enumerate(LETTERED) if c.letter),
        Binding("left", "turn(-1)", "condition", key_display="← → a-e", id="analyse.previous", priority=True),
        Binding("right", "turn(1)", "next condition", show=False, id="analyse.next", priority=True),
        Binding("space", "hide", "hide", id="analyse.toggle"),
        Binding("plus,equals_sign", "zoom(1)", "zoom", key_display="+ -", id="analyse.zoom-in"),
        Binding("minus", "zoom(-1)", "zoom out", show=False, id="analyse.zoom-out"),
        Binding("comma", "cross(-1)", "cross", key_display=", .", id="analyse.cross-left"),
        Binding("full_stop", "cross(1)", "crosshair right", show=False, id="analyse.cross-right"),
        Binding("less_than_sign", "cross(-10)", "crosshair far left", show=False, id="analyse.cross-far-left"),
        Binding("greater_than_sign", "cross(10)", "crosshair far right", show=False, id="analyse.cross-far-right"),
        Binding("i", "bands", "bands", id="analyse.bands"),
        Binding("v", "app.list('advice')", "advice", id="analyse.advice"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._place = 1
        """Condition (b), label to auxiliary nodes, whose effect the paper found largest after the models'."""
        self._answer: Answer | None = None
        self._refused = ""
        self._asked: tuple[object, int] = (None, -1)
        self._asked_at = 0.0
        self._hidden: dict[str, set[str]] = {}
        self._banded = True
        self._zoom = 0
        self._cross: float | None = None
        """Place of the crosshair as a part of the range, so that zooming keeps it on screen."""

    def body(self) -> Iterable[Widget]:
        yield Note(id="conditions")
        yield Plot(id="edfs")
        yield Table[Row](VALUES, self._cells, lambda r: r.label, moved=self._moved, id="values")
        yield Note(id="verdict")

    @property
    def _table(self) -> Table[Row]:
        return self.query_one("#values", Table)

    def show(self, snapshot: Snapshot) -> None:
        self._titles()
        run = snapshot.chosen
        if run is None:
            self._refused = "no run to analyse: choose or start one on the spaces page"
            self._answer = None
            self._redraw()
        elif self._is_due(run):
            self._ask(run)

    def _is_due(self, run: RunDetail) -> bool:
        if self._asked == (run.trials, self._place):
            return False
        same = self._answer is not None and self._answer.run.view.folder == run.view.folder
        soon = self.workbench.now() - self._asked_at < FASTEST_LOOK
        return not (same and soon and self._asked[1] == self._place)

    def _ask(self, run: RunDetail) -> None:
        condition = LETTERED[self._place]
        self._asked, self._asked_at = (run.trials, self._place), self.workbench.now()
        known = self.workbench.samples
        self.workbench.thinker.ask("condition", lambda: by_condition(known, run, condition), self._answered)

    def _answered(self, found: Answer | EngineError) -> None:
        self._answer = None if isinstance(found, EngineError) else found
        self._refused = str(found) if isinstance(found, EngineError) else ""
        if self.is_current:
            self._redraw()

    def _redraw(self) -> None:
        if self._answer is None:
            self.query_one(Plot).show(None, self._refused)
            self._table.show([])
            self.query_one("#verdict", Note).show([])
            return
        figure = self._figure(self._answer)
        self.query_one(Plot).show(figure, "every curve is hidden: space shows them again")
        self._rows(figure)

    def _rows(self, figure: EdfFigure | None) -> None:
        assert self._answer is not None
        answer, hidden = self._answer, self._hidden.get(self._answer.condition.name, set())
        cross = self._error(figure)
        rows = [
            Row(i, value.label, value.phrase, edf, _stand(value.label, verdict), value.label in hidden, cross)
            for i, (value, edf, verdict) in enumerate(
                zip(answer.split.values, answer.edfs, answer.verdicts, strict=True))
        ]
        self._table.show(rows)
        self.query_one(Plot).point(None if cross is None else self._cross)
        self._emphasise()

    def _figure(self, answer: Answer) -> EdfFigure | None:
        hidden = self._hidden.get(answer.condition.name, set())
        shown = [(i, e) for i, e in enumerate(answer.edfs) if e.n and e.label not in hidden]
        if not shown:
            return None
        low, high, _ = limits([e for e in answer.edfs if e.n])
        high = low + (high - low) * ZOOM**self._zoom
        bands = tuple((i, b) for i, _ in shown if (b := answer.bands[i]) is not None) if self._banded else ()
        return EdfFigure(tuple(shown), low, high, bands)

    def _error(self, figure: EdfFigure | None) -> float | None:
        """The error rate (%) under the crosshair."""
        if self._cross is None or figure is None:
            return None
        return figure.low + (figure.high - figure.low) * self._cross

    def _emphasise(self) -> None:
        """The value under the cursor: its curve in bold, its verdict in words."""
        row = self._table.current
        self.query_one(Plot).emphasise(None if row is None else f"curve{row.place % 6}")
        answer = self._answer
        if row is None or answer is None:
            return
        verdict = answer.verdicts[row.place]
        band = answer.bands[row.place]
        said = verdict.sentence if verdict else "too few graphs to compare"
        left_out = answer.split.sample.left_out
        notes = [f"left out: {left_out}"] if left_out.total else []
        notes += [f"dots: {band.words()}"] if band and self._banded else []
        self.query_one("#verdict", Note).show([[(said, "")], [("   ".join(notes), "dim")]])

    def _titles(self) -> None:
        run = self.workbench.snapshot.chosen
        name = run.view.name if run else ""
        runs = [(f"{name}  ", "accent")]
        for i, condition in enumerate(LETTERED):
            role = "cursor" if i == self._place else "dim"
            runs += [(f" {condition.letter or condition.name} ", role)]
        chosen = LETTERED[self._place]
        self.query_one("#conditions", Note).show([runs, [(f"({chosen.letter}) " if chosen.letter else "", "accent"),
                                                         (f"{chosen.title}, {chosen.variable}", "")]])

    def _cells(self, row: Row) -> Sequence[Cell]:
        shown = " " if row.hidden else LETTERS[row.place % len(LETTERS)]
        below = "" if row.cross is None or not row.edf.n else f"{100 * float(row.edf.at(row.cross)):.0f} %"
        q = [wording.percent(row.edf.quantile(s)) if row.edf.n else "" for s in (0, 0.1, 0.5, 0.9)]
        n = f"{row.edf.n:,}" + ("*" if row.edf.inherited else "")
        mark, name = ("dim", "dim") if row.hidden else (f"curve{row.place % 6}", "")
        verdict = (row.verdict, _VERDICTS.get(row.verdict, "dim"))
        return ((f" {shown}", mark), (row.label, name), n, *q, below, verdict)

    def _moved(self, row: Row) -> None:
        self._emphasise()

    @on(Table.Taken, "#values")
    def _taken(self, event: Table.Taken) -> None:
        if event.row.phrase:
            self.workbench.refine(event.row.phrase)

    def action_turn(self, by: int) -> None:
        self.action_turn_to((self._place + by) % len(LETTERED))

    def action_turn_to(self, place: int) -> None:
        self._place = place
        self._titles()
        if run := self.workbench.snapshot.chosen:
            self._ask(run)

    def action_hide(self) -> None:
        if (row := self._table.current) and self._answer:
            self._hidden.setdefault(self._answer.condition.name, set()).symmetric_difference_update({row.label})
            self._redraw()

    def action_zoom(self, by: int) -> None:
        self._zoom = max(0, min(12, self._zoom + by))
        if self._answer:
            self._redraw()

    def action_cross(self, by: int) -> None:
        """Move the crosshair by characters of the plot; the first press puts it in the middle."""
        step = 1 / max(1, self.query_one(Plot).area)
        self._cross = 0.5 if self._cross is None else max(0.0, min(1.0, self._cross + by * step))
        if self._answer:
            self._rows(self._figure(self._answer))

    def action_bands(self) -> None:
        self._banded = not self._banded
        if self._answer:
            self._redraw()


_VERDICTS = {"better": "good", "worse": "bad", "crosses": "warn", "mixture": "warn"}


def _stand(label: str, verdict: Verdict | None) -> str:
    """A value against all others in a word."""
    if verdict is None:
        return "too few"
    if verdict.kind == "dominates":
        return "better" if verdict.leader == label else "worse"
    return verdict.kind
