"""The best graphs over their repeats, with the DML graph beside them, and whether the run is exhaustive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.widget import Widget

from engine.analysis.certificate import Certificate, certify
from engine.analysis.paired import paired
from engine.errors import EngineError
from ktgtui import wording
from ktgtui.graphdrawing import Drawn, draw
from ktgtui.ranking import Ranked, ranked
from ktgtui.screens.page import Page
from ktgtui.snapshot import RunDetail, Snapshot
from ktgtui.trialrows import cells, gate_titles
from ktgtui.widgets.note import Note, Paragraph
from ktgtui.widgets.sketch import Sketch
from ktgtui.widgets.table import Cell, Column, Table

FIXED = (Column("", 4, right=True), Column("error", 6, right=True), Column("+-", 5, right=True),
         Column("n", 2, right=True), Column("models", 17, least=76))
TALL = 34
"""Screen lines from which the graph under the cursor is drawn too."""


class BestPage(Page):
    """Table 2 of the paper, as far as validation goes: the test set stays closed here."""

    TITLE = "best"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self) -> None:
        super().__init__()
        self._drawn: object = None
        self._dml: dict[tuple[str, ...], Ranked] = {}
        """The DML graph by its nodes' models."""
        self._certificate: Certificate | None = None

    def body(self) -> Iterable[Widget]:
        yield Note(id="best-head")
        yield Table[Ranked](FIXED, _cells, lambda r: r.trial.key, "no graph with a result yet", moved=self._moved,
                            id="ranking")
        yield Note(id="best-foot")
        yield Sketch(id="best-sketch")

    @property
    def _table(self) -> Table[Ranked]:
        return self.query_one("#ranking", Table)

    def show(self, snapshot: Snapshot) -> None:
        run = snapshot.chosen
        if run is None:
            self.query_one("#best-head", Note).show([[("no run chosen", "dim")]])
            return
        if self._drawn is not run.trials:
            self._drawn = run.trials
            titles = (Column(t, 3) for t in gate_titles(run.space.nodes))
            rows = ranked(run.trials)
            self._dml = {r.graph.models: r for r in rows if r.is_dml}
            self._table.show(rows, (*FIXED, *titles, Column("known as", 10, grows=True, least=100)))
            self._certify(run)
        self._tell(run)

    def on_resize(self) -> None:
        self.query_one(Sketch).display = self.size.height >= TALL

    def _certify(self, run: RunDetail) -> None:
        """Hold a finished exhaustive run against its space."""
        self._certificate = None
        if run.view.strategy == "exhaustive" and run.view.done == run.info.total:
            self.workbench.thinker.ask(
                "certificate",
                lambda: certify(run.space.enumerate(), run.trials, run.trainings, run.info.repeats),
                lambda found: self._certified_by(run, found),
            )

    def _certified_by(self, run: RunDetail, found: Certificate | EngineError) -> None:
        if not isinstance(found, EngineError) and self._drawn is run.trials:
            self._certificate = found
            self._tell(run)

    def _tell(self, run: RunDetail) -> None:
        head: list[tuple[str, str]] = [(f"{run.view.name}  ", "accent"), (run.space.name, ""),
                                       ("  validation errors; the best of many flatter themselves", "dim")]
        certificate = self._certificate
        proof: Paragraph = [] if certificate is None else [
            (certificate.words(), "good" if certificate.is_complete else "bad")]
        self.query_one("#best-head", Note).show([head, proof])
        self._compare(run)

    def _compare(self, run: RunDetail) -> None:
        """The graph under the cursor against DML of the same nodes, repeat by repeat."""
        row = self._table.current
        if row is None:
            return
        dml = self._dml.get(row.graph.models)
        self.query_one("#best-foot", Note).show([[(str(row.graph), "")], _against(run, row, dml)])
        self.query_one(Sketch).show(draw(Drawn(row.graph, row.trial.accuracy), self.workbench.plain))

    def _moved(self, row: Ranked) -> None:
        if run := self.workbench.snapshot.chosen:
            self._compare(run)

    @on(Table.Taken, "#ranking")
    def _taken(self, event: Table.Taken) -> None:
        self.workbench.open_trial(event.row.trial.number)


def _against(run: RunDetail, row: Ranked, dml: Ranked | None) -> Paragraph:
    """A graph beside DML of its nodes; paired over repeats where there are several."""
    if dml is None:
        return [("DML of these nodes was not drawn in this run", "dim")]
    if dml.trial.key == row.trial.key:
        return [("this is DML of these nodes (losses summed)", "accent")]
    told = (f"DML of these nodes: {dml.error:.2f} %, place {dml.place}.  ", "dim")
    if min(len(row.errors), len(dml.errors)) < 2:
        return [told, (f"{dml.error - row.error:+.2f} points better, one repeat each", "accent")]
    return [told, (paired(run.trials, row.trial.key, dml.trial.key).words("this graph", "DML"), "accent")]


def _cells(row: Ranked) -> Sequence[Cell]:
    _, _, _, models, *gates = cells(row.trial)
    place = ("DML", "accent") if row.is_dml else (str(row.place), "dim")
    return (place, f"{row.error:.2f}", (wording.percent(row.spread), "dim"), str(len(row.errors)), models, *gates,
            (row.known_as, "good"))

