"""One graph: drawn, its curves, what else is the same graph, and what is known one edge away.

Why is it good? Nine edges and their other gates are a local ablation table that fills as the search runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from engine.analysis.neighbours import Known, neighbours
from engine.errors import EngineError
from engine.space.catalogue import GATES
from engine.space.files.notes import about_trial
from engine.space.graph import Graph, edges
from engine.store.records import Trial
from ktgtui.actions.launcher import start_search
from ktgtui.actions.selection import on_disk, reference_of
from ktgtui.context import Context
from ktgtui.data.best_graph import BestGraph
from ktgtui.data.file_stamp import stamp
from ktgtui.data.snapshot import RunDetail, Snapshot
from ktgtui.drawing.graph import Drawn, draw
from ktgtui.drawing.plots import CurveFigure
from ktgtui.drawing.text import Cell, Column, Paragraph
from ktgtui.screens.base import Page
from ktgtui.screens.trial import queue_file, queue_results, what_if
from ktgtui.screens.trial.edge_table import Row, cells, foot, head, rows
from ktgtui.screens.trial.queue_results import NOTHING, Queued
from ktgtui.widgets.plot import Plot
from ktgtui.widgets.static_lines import Sketch
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note


class TrialPage(Page):
    """The trial that was opened, or the run's best."""

    NAME = "trial"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "what if", key_display="← →", id="trial.gate-before", priority=True),
        Binding("right", "turn(1)", "next gate", show=False, id="trial.gate-after", priority=True),
        Binding("a", "queue", "queue it", id="trial.queue"),
        Binding("s", "search_queue", "search the queue", id="trial.search-queue"),
        Binding("escape", "undo", "as trained", show=False, id="trial.as-trained"),
        Binding("b", "best", "the best", id="trial.best"),
        Binding("t", "note", "note", id="trial.note"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._trial: Trial | None = None
        self._gates: tuple[str, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._tried: Graph | None = None
        """The graph with gates turned by hand; None: as trained."""
        self._known: Known | None = None
        self._best = BestGraph(context.repaint)
        self._queued = NOTHING
        self._queued_of: tuple[object, ...] = ()
        """What the queue's results were last asked for."""

    def body(self) -> Iterable[Widget]:
        yield Note(id="trial-head")
        with Horizontal(id="trial-top"):
            yield Sketch(id="sketch")
            with Vertical(id="trial-curve"):
                yield Plot(id="learning")
        yield Table[Row]((), self._cells, lambda r: r.edge, moved=lambda _: self._sketch(), id="edges")
        yield Note(id="trial-foot")

    @property
    def _table(self) -> Table[Row]:
        return self.query_one("#edges", Table)

    def show(self, snapshot: Snapshot) -> None:
        run = snapshot.chosen
        trial = None if run is None else self._wanted(run)
        if run is None or trial is None:
            self.query_one("#trial-head", Note).show([[("no trial yet", "dim")]])
            return
        self.context.read_curves((trial.training,) if trial.training else ())
        written = snapshot.notes.get(about_trial(run.view.name, trial.key), "")
        self._ask_queued(run, snapshot)
        now = (run.trials, trial.number, written, self._queued)
        if self._drawn != now:
            if self._drawn[1:2] != (trial.number,) or self._trial is None or self._trial.key != trial.key:
                self._tried = None
            self._drawn = now
            self._trial = trial
            self._fill(run, trial)
        curve = run.curves.get(trial.training or "")
        shown = self._curve_shown
        if curve is not None and curve.id != shown:
            self.query_one(Plot).show(CurveFigure(curve))
        elif curve is None:
            self.query_one(Plot).show(None, f"{trial.state.value}: not trained" if trial.training is None else "")
        self._curve_shown = curve.id if curve else ""

    _curve_shown = ""

    def _ask_queued(self, run: RunDetail, snapshot: Snapshot) -> None:
        """Read what was queued, and what became of it, when there is news of either."""
        folder = self.context.session.folder
        views = queue_results.searches(run, snapshot.runs)
        waiting = stamp(queue_file.path(folder, run.space.slug))
        now = (run.view.folder, waiting, *((view.folder, view.done) for view in views))
        if now != self._queued_of:
            if self._queued_of[:1] != now[:1]:
                self._queued = NOTHING
            self._queued_of = now
            self.context.background.ask("queue", lambda: queue_results.read(run, views, folder),
                                        lambda found: self._heard(now, found))

    def _heard(self, of: tuple[object, ...], found: Queued | EngineError) -> None:
        if of == self._queued_of and isinstance(found, Queued) and self.is_mounted:
            self._queued = found
            if self.is_current:
                self.show(self.context.snapshot)

    def _wanted(self, run: RunDetail) -> Trial | None:
        """The trial that was asked for, else the best."""
        number = self.context.session.selected_trial
        if number is not None and (found := next((t for t in run.trials if t.number == number), None)):
            return found
        self._best.ask(self.context.background, "best trial", run)
        if best := self._best.found:
            return next((t for t in run.trials if t.key == best.key), None)
        with_result = (t for t in run.trials if t.error is not None)
        return min(with_result, key=lambda t: (t.error or 0.0, t.key), default=run.trials[0] if run.trials else None)

    def _fill(self, run: RunDetail, trial: Trial) -> None:
        graph = Graph.parse(trial.graph)
        self._known = Known([*self._queued.trials, *run.trials])
        around = neighbours(graph, run.space.gates, self._known)
        self._gates = tuple(g for g in GATES if any(g in gates for gates in run.space.gates))
        columns = (Column("edge", 5), Column("gate", 9), Column("loss", 7, right=True, least=70),
                   *(Column(g, 13, right=True) for g in self._gates), Column("", 1, grows=True))
        self._table.show(rows(trial, run.trainings.get(trial.training or ""), around), columns)
        self._say_head(run, trial)
        written = self.context.snapshot.notes.get(about_trial(run.view.name, trial.key))
        said: list[Paragraph] = [[(f"note: {written}", "warn")]] if written else []
        self.query_one("#trial-foot", Note).show([*foot(run, trial, around, self._queued), *said])
        self._sketch()

    def _say_head(self, run: RunDetail, trial: Trial) -> None:
        """Which trial it is, or what is known of it with gates turned."""
        tried = self._tried
        said = head(run, trial, Graph.parse(trial.graph)) if tried is None or self._known is None else [
            what_if.told(run, trial, tried, self._known, self._queued)]
        self.query_one("#trial-head", Note).show(said)

    def _sketch(self) -> None:
        if self._trial is not None:
            row = self._table.current
            accuracy = () if self._tried else self._trial.accuracy
            what = Drawn(self._tried or Graph.parse(self._trial.graph), accuracy, row.edge if row else None)
            self.query_one(Sketch).show(draw(what, self.context.session.plain))

    def action_turn(self, by: int) -> None:
        """Another gate on the edge under the cursor; several edges can be turned one after the other."""
        row, run, trial = self._table.current, self.context.snapshot.chosen, self._trial
        if row is None or run is None or trial is None:
            return
        graph = Graph.parse(trial.graph)
        tried = self._tried or graph
        now = what_if.turned(tried, edges(graph.nodes).index(row.edge), run.space.gates, by)
        self._try(run, trial, None if now == graph else now)

    def action_undo(self) -> None:
        if self._tried is None:
            raise SkipAction()  # then escape dismisses notices, as on every page
        elif (run := self.context.snapshot.chosen) and self._trial:
            self._try(run, self._trial, None)

    def _try(self, run: RunDetail, trial: Trial, graph: Graph | None) -> None:
        self._tried = graph
        self._say_head(run, trial)
        self._table.redraw()
        self._sketch()

    def action_queue(self) -> None:
        """Put the graph as turned on the space's list of graphs to train."""
        run, trial = self.context.snapshot.chosen, self._trial
        if run is None or trial is None or self.context.refuses():
            return
        if self._tried is None or not (self._tried.is_valid and self._tried.is_taught):
            self.notify("turn a gate first (left, right), to a graph that can be trained", severity="warning")
            return
        file = queue_file.path(self.context.session.folder, run.space.slug)
        try:
            new = queue_file.add(file, self._tried, f"trial {trial.number} of {run.view.name}, turned")
        except EngineError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        waiting = len(queue_file.read(file))
        self.notify(f"{'queued' if new else 'there already'}: {waiting} in queues/{file.name}; s searches them", markup=False)
        self._ask_queued(run, self.context.snapshot)

    def action_search_queue(self) -> None:
        """Train the listed graphs with this run's seed, so that they see the batches its graphs saw."""
        run = self.context.snapshot.chosen
        if run is None or self.context.refuses():
            return
        file = queue_file.path(self.context.session.folder, run.space.slug)
        if not queue_file.read(file):
            self.notify("no graph is queued: turn a gate and press a", severity="warning")
            return
        try:
            space, reference = on_disk(self.context, run.space), reference_of(self.context, run.space)
            order = what_if.order(run, space, reference, self.context.session.folder)
        except EngineError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        start_search(self.context, order)

    def _cells(self, row: Row) -> Sequence[Cell]:
        turned = row.gate if self._tried is None else self._tried.gate(*row.edge)
        return cells(row, turned, self._gates, self._queued)

    @on(Table.Taken, "#edges")
    def _taken(self, event: Table.Taken) -> None:
        """Go to the best known neighbour across this edge."""
        known = [n for n in event.row.others.values() if n.error is not None and not n.same]
        run = self.context.snapshot.chosen
        if run is None or not known:
            self.notify("no other gate on this edge is known yet", severity="warning")
            return
        key = min(known, key=lambda n: (n.error or 0.0, n.graph.key)).graph.key
        found = next((t for t in run.trials if t.key == key), None)
        if found is None:
            self.notify("that graph is no trial of this run: one that trains alike shares its result, or a queued search made it")
            return
        self.context.session.selected_trial = found.number
        self.show(self.context.snapshot)

    def action_note(self) -> None:
        """Write down what a person thinks of this graph."""
        from ktgtui.actions import edit_space

        run, trial = self.context.snapshot.chosen, self._trial
        if run is not None and trial is not None:
            edit_space.note(self.context, about_trial(run.view.name, trial.key), f"trial {trial.number}")

    def action_best(self) -> None:
        self.context.session.selected_trial = None
        self.show(self.context.snapshot)
