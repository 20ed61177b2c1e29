"""The paper's Table 2 for one run: the best graphs beside DML and the like, trained again with fresh seeds if asked.

What was selected on flatters; what a retraining with fresh seeds says stands beside it. The test set stays closed until
a person writes that it is to be opened, and then the run says so for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.widget import Widget

from engine.analysis.diagnostics.certificate import Certificate, certify
from engine.analysis.edf import resolution_words
from engine.analysis.ranking import UNRANKED, Best, rank, why_none
from engine.analysis.repeats.paired import paired
from engine.errors import EngineError, StoreError
from engine.store.files.evaluations import EVALUATIONS, Evaluation, read_evaluations, remark
from engine.store.records import Trial
from ktgtui.actions import jobs
from ktgtui.actions.selection import open_trial
from ktgtui.context import Context
from ktgtui.data.best_graph import best_of
from ktgtui.data.file_stamp import stamp
from ktgtui.data.snapshot import RunDetail, Snapshot
from ktgtui.dialogs.form import Field, Form, Values
from ktgtui.drawing import formatting
from ktgtui.drawing.graph import Drawn, draw
from ktgtui.drawing.text import Cell, Column, Paragraph
from ktgtui.drawing.trial_cells import Keep, cells, gate_titles, keeper
from ktgtui.screens.base import Page
from ktgtui.screens.best.ranking import Ranked, named, ranked, retrained
from ktgtui.widgets.prompt import Prompt
from ktgtui.widgets.static_lines import Sketch
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note

FIXED = (Column("", 9, right=True), Column("error", 6, right=True), Column("+-", 5, right=True),
         Column("n", 2, right=True), Column("models", 17, least=92))
AGAIN = Column("again acc %", 12, right=True)
TEST = Column("test acc %", 12, right=True)
TALL = 34
"""Screen lines from which the graph under the cursor is drawn too."""
OPEN = "open the test set"
"""What must be written out to do so."""

Rows = tuple[tuple[Ranked, ...], tuple[Ranked, ...]]
"""Named graphs, and the drawn ones best first."""


class BestPage(Page):
    """Named graphs on top, then the best; what each stands for against DML below."""

    NAME = "best"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("E", "evaluate", "train again", id="best.evaluate"),
        Binding("e", "report", "export report", id="best.report"),
        Binding("slash", "filter", "filter", key_display="/", id="best.filter"),
        Binding("escape", "unfilter", "all graphs", show=False, id="best.unfilter"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._asked: object = None
        self._evaluations: tuple[Evaluation, ...] = ()
        self._stamp: tuple[object, ...] = ()
        """Of the evaluations' file when it was last asked for."""
        self._dml: dict[tuple[str, ...], Ranked] = {}
        """The DML graph by its nodes' models."""
        self._certificate: Certificate | None = None
        self._rows: Rows = ((), ())
        self._best: Best | None = None
        self._filter = ""
        self._keep: Keep | None = None

    def body(self) -> Iterable[Widget]:
        yield Note(id="best-head")
        yield Table[Ranked](FIXED, lambda r: (), lambda r: (r.is_drawn, r.trial.key), "no graph with a result yet",
                            moved=self._moved, id="ranking")
        yield Prompt("filter", "a key, or a phrase: L[y,aux] = through", id="filter")
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
        now = (run.view.folder, stamp(run.view.folder / EVALUATIONS))
        if self._asked is not run.trials or self._stamp != now:
            if self._asked is not run.trials:
                self._certify(run)
            self._asked, self._stamp = run.trials, now
            self.context.background.ask("best", lambda: _read(run), lambda found: self._answered(run, found))
        self._tell(run)

    def on_resize(self, event: Resize) -> None:
        self.query_one(Sketch).display = self.size.height >= TALL

    def _answered(self, run: RunDetail, found: tuple[Rows, tuple[Evaluation, ...], Best | None] | EngineError) -> None:
        if isinstance(found, EngineError):
            self.notify(str(found), severity="error", markup=False)
            return
        if run.trials is not self._asked or not self.is_mounted:
            return
        self._rows, self._evaluations, self._best = found
        besides, drawn = self._rows
        self._dml = {r.graph.models: r for r in (*besides, *drawn) if r.is_dml}
        titles = tuple(Column(t, 3, least=72) for t in gate_titles(run.space.nodes))
        edges = len(titles)
        again = (AGAIN,) if self._evaluations else ()
        test = (TEST,) if any(e.test for e in self._evaluations) else ()
        self._table.cells = lambda row: _cells(row, edges, bool(again), bool(test))
        self._columns = (*FIXED, *again, *test, *titles, Column("known as", 10, grows=True, least=100))
        self._fill(run)

    _columns: tuple[Column, ...] = FIXED

    def _fill(self, run: RunDetail) -> None:
        """The rows that pass the filter; what they are held against stays."""
        besides, drawn = self._rows
        kept = drawn if self._keep is None else tuple(row for row in drawn if self._keep(row.trial))
        self._table.empty = "no graph passes the filter" if self._filter else "no graph with a result yet"
        self._table.show((*besides, *kept), self._columns)
        self._tell(run)

    def action_filter(self) -> None:
        self.query_one("#filter", Prompt).ask(self._filter)

    def action_unfilter(self) -> None:
        if self._filter and (run := self.context.snapshot.chosen):
            self._filter, self._keep = "", None
            self._fill(run)
        else:
            raise SkipAction()  # then escape dismisses notices, as on every page

    @on(Prompt.Answered, "#filter")
    def _filtered(self, event: Prompt.Answered) -> None:
        run, text = self.context.snapshot.chosen, event.text.strip()
        if run is None:
            return
        try:
            self._filter, self._keep = text, keeper(text, run.space) if text else None
        except EngineError as error:
            event.prompt.complain(str(error))
            return
        event.prompt.close()
        self._fill(run)
        self._table.focus()

    def _certify(self, run: RunDetail) -> None:
        """Hold a finished exhaustive run against its space."""
        self._certificate = None
        if run.view.strategy == "exhaustive" and run.view.done == run.info.total:
            self.context.background.ask(
                "certificate",
                lambda: certify(run.space.enumerate(), run.trials, run.trainings, run.info.repeats, best_of(run)),
                lambda found: self._certified_by(run, found),
            )

    def _certified_by(self, run: RunDetail, found: Certificate | EngineError) -> None:
        if not isinstance(found, EngineError) and self._asked is run.trials:
            self._certificate = found
            self._tell(run)

    def _tell(self, run: RunDetail) -> None:
        sealed = remark(self._evaluations) or "the test set is closed"
        head: Paragraph = [(f"{run.view.name}  ", "accent"), (run.space.name, ""), ("  validation errors.  ", "dim"),
                           (sealed, "warn" if remark(self._evaluations) else "dim")]
        worth: Paragraph = [(why_none(run.trials, run.space), "warn")] if not run.edf.n else []
        if self._best is not None:
            fine = resolution_words(run.space.protocol.validation, self._best.repeats)
            worth = [(f"{self._best.words()}  ", "warn" if self._best.tied > 1 else ""), (fine, "dim")]
        certificate = self._certificate
        proof: Paragraph = [(f"{len(self._table.rows):,} shown: {self._filter}  ", "accent")] if self._filter else []
        if certificate is not None:
            proof = [*proof, (certificate.words(), "good" if certificate.is_complete else "bad")]
        self.query_one("#best-head", Note).show([line for line in (head, worth, proof) if line])
        self._compare()

    def _compare(self) -> None:
        """The graph under the cursor against DML of the same nodes, repeat by repeat."""
        row = self._table.current
        if row is None:
            return
        dml = self._dml.get(row.graph.models)
        told = [[(str(row.graph), "")], against("in the search", row.trials, row, dml)]
        if row.again:
            told.append(against("trained again with fresh seeds", retrained(row), row, dml, retrained(dml) if dml else ()))
        self.query_one("#best-foot", Note).show(told)
        self.query_one(Sketch).show(draw(Drawn(row.graph, row.trial.accuracy), self.context.session.plain))

    def _moved(self, row: Ranked) -> None:
        self._compare()

    @on(Table.Taken, "#ranking")
    def _taken(self, event: Table.Taken) -> None:
        if event.row.is_drawn:
            open_trial(self.context, event.row.trial.number)
        else:
            self.notify("this graph was trained besides the draws: it has no trial")

    def action_report(self) -> None:
        """Write the run's report to reports/."""
        run = self.context.snapshot.chosen
        if run is not None and not self.context.refuses():
            jobs.send(self.context, jobs.report(run.view.folder, self.context.session.folder))

    def advance(self) -> bool:
        """Offer to train the best graph again."""
        self.action_evaluate()
        return True

    def action_evaluate(self) -> None:
        """Ask which graphs to train again with fresh seeds, and whether the test set is to be opened."""
        run = self.context.snapshot.chosen
        if run is None or self.context.refuses():
            return
        if run.view.live:
            self.notify("a run that is being searched cannot be evaluated: wait for its end", severity="warning")
            return
        fields = [Field("graphs", "best dml", "best, topN, ties, dml, keys"), Field("repeats", "5"),
                  Field("test", hint=f"closed; write '{OPEN}' to open it for good")]
        form = Form(f"train graphs of {run.view.name} again", fields, lambda values: self._plan(run, values))
        self.context.push_screen(form, lambda values: self._evaluate(run, values))

    def _plan(self, run: RunDetail, values: Values) -> Sequence[Paragraph]:
        errand, test = self._errand(run, values)
        told: list[Paragraph] = [[("fresh seeds that chose nothing: what the graphs are worth without the luck they were "
                                   "chosen for", "")], [(errand.command(), "dim")]]
        if test:
            told.insert(1, [("the test set is opened, and the run says so for good", "bad")])
        return told

    def _errand(self, run: RunDetail, values: Values) -> tuple[jobs.Errand, bool]:
        wish, repeats = values["test"].strip(), values["repeats"].strip()
        if wish and wish != OPEN:
            raise StoreError(f"test: write '{OPEN}', or nothing to leave it closed")
        if not repeats.isdigit() or not int(repeats):
            raise StoreError(f"repeats: must be a number from 1 on, got {repeats!r}")
        graphs = values["graphs"].replace(",", " ").split() or ["best"]
        return jobs.evaluation(run.view.folder, self.context.session.folder, graphs, int(repeats), bool(wish)), bool(wish)

    def _evaluate(self, run: RunDetail, values: Values | None) -> None:
        if values is not None:
            jobs.send(self.context, self._errand(run, values)[0], self._again)

    def _again(self) -> None:
        if self.is_current:
            self.show(self.context.snapshot)


def _read(run: RunDetail) -> tuple[Rows, tuple[Evaluation, ...], Best | None]:
    """Rows, evaluations and the best graph of a run. Raises StoreError for a damaged file."""
    evaluations = tuple(read_evaluations(run.view.folder))
    ranking = rank(run.trials, run.space, run.info, evaluations)
    drawn = ranked(run.trials, ranking)
    besides = named(run.trainings, drawn[0].graph.models, evaluations) if drawn else ()
    return (besides, drawn), evaluations, ranking.best


def against(how: str, own: Sequence[Trial], row: Ranked, dml: Ranked | None, others: Sequence[Trial] | None = None) -> Paragraph:
    """A graph beside DML of its nodes, paired over the repeats that both have."""
    if dml is None:
        return [(f"{how}: DML of these nodes was not trained in this run", "dim")]
    if dml.trial.key == row.trial.key:
        return [(f"{how}: this is DML of these nodes (losses summed)", "accent")]
    trials = dml.trials if others is None else others
    try:
        found = paired([*own, *trials], row.trial.key, dml.trial.key)
    except EngineError:
        return [(f"{how}: DML of these nodes was not trained in the same repeats", "dim")]
    if len(found.differences) < 2:
        lead = f"{abs(found.mean):.2f} points {'better' if found.mean < 0 else 'worse'} than" if found.mean else "as good as"
        return [(f"{how}: {lead} DML of these nodes, one repeat each", "accent")]
    return [(f"{how}: ", ""), (found.words("this graph", "DML"), "accent")]


def _cells(row: Ranked, edges: int, again: bool, test: bool) -> Sequence[Cell]:
    _, _, _, models, *gates = cells(row.trial)
    place: Cell = ("DML" if row.is_dml else "ref", "accent")
    if row.is_drawn:
        place = ("-" if row.place == UNRANKED else str(row.place), "dim")
    figures = [(str(f) if f else "", "accent") for f, shown in ((row.validation, again), (row.test, test)) if shown]
    shown = gates if len(gates) == edges else [("", "")] * edges
    return (place, f"{row.error:.2f}", (formatting.percent(row.spread), "dim"), str(len(row.errors)), models, *figures, *shown,
            (row.known_as, "good"))
