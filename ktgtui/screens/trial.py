"""One graph: drawn, its curves, what else is the same graph, and what is known one edge away.

Why is it good? Nine edges and their other gates are a local ablation table that fills as the search runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from engine.analysis.neighbours import Known, Neighbour, neighbours
from engine.errors import EngineError
from engine.space.catalogue import GATES
from engine.space.explain import name
from engine.space.graph import Edge, Graph, edges
from engine.space.notes import about_trial
from engine.store.trials import Trial
from ktgtui import graphlist, turning
from ktgtui.drawing import CurveFigure
from ktgtui.graphdrawing import Drawn, draw
from ktgtui.screens.page import Page
from ktgtui.snapshot import RunDetail, Snapshot
from ktgtui.subject import on_disk, reference_of
from ktgtui.trialrows import short
from ktgtui.widgets.note import Note, Paragraph
from ktgtui.widgets.plot import Plot
from ktgtui.widgets.sketch import Sketch
from ktgtui.widgets.table import Cell, Column, Table


@dataclass(frozen=True, slots=True)
class Row:
    """One edge, its gate, and the graph with each other gate there."""

    edge: Edge
    gate: str
    error: float | None
    """Of the graph itself (%)."""
    others: dict[str, Neighbour]


class TrialPage(Page):
    """The trial that was opened, or the run's best."""

    TITLE = "trial"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "what if", key_display="← →", id="trial.gate-before", priority=True),
        Binding("right", "turn(1)", "next gate", show=False, id="trial.gate-after", priority=True),
        Binding("a", "queue", "queue it", id="trial.queue"),
        Binding("s", "search_queue", "search the queue", id="trial.search-queue"),
        Binding("escape", "undo", "as trained", show=False, id="trial.as-trained"),
        Binding("b", "best", "the best", id="trial.best"),
        Binding("t", "note", "note", id="trial.note"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._trial: Trial | None = None
        self._gates: tuple[str, ...] = ()
        self._drawn: tuple[object, ...] = ()
        self._tried: Graph | None = None
        """The graph with gates turned by hand; None: as trained."""
        self._known: Known | None = None

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
        self.workbench.want_curves((trial.training,) if trial.training else ())
        written = snapshot.notes.get(about_trial(run.view.name, trial.key), "")
        if self._drawn != (run.trials, trial.number, written):
            self._drawn = (run.trials, trial.number, written)
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

    def _wanted(self, run: RunDetail) -> Trial | None:
        """The trial that was asked for, else the best."""
        number = self.workbench.trial
        if number is not None and (found := next((t for t in run.trials if t.number == number), None)):
            return found
        with_result = [t for t in run.trials if t.error is not None]
        return min(with_result, key=lambda t: t.error or 0.0, default=run.trials[0] if run.trials else None)

    def _fill(self, run: RunDetail, trial: Trial) -> None:
        graph = Graph.parse(trial.graph)
        self._tried, self._known = None, Known(run.trials)
        around = neighbours(graph, run.space.gates, self._known)
        self._gates = tuple(g for g in GATES if any(g in gates for gates in run.space.gates))
        columns = (Column("edge", 5), Column("gate", 9), *(Column(g, 14, right=True) for g in self._gates),
                   Column("", 1, grows=True))
        rows = [
            Row(edge, gate, trial.error, {n.gate: n for n in around if n.edge == edge}) for edge, gate in graph.items()
        ]
        self._table.show(rows, columns)
        self.query_one("#trial-head", Note).show(_head(run, trial, graph))
        written = self.workbench.snapshot.notes.get(about_trial(run.view.name, trial.key))
        said: list[Paragraph] = [[(f"note: {written}", "warn")]] if written else []
        self.query_one("#trial-foot", Note).show([*_foot(run, trial, around), *said])
        self._sketch()

    def _sketch(self) -> None:
        if self._trial is not None:
            row = self._table.current
            accuracy = () if self._tried else self._trial.accuracy
            what = Drawn(self._tried or Graph.parse(self._trial.graph), accuracy, row.edge if row else None)
            self.query_one(Sketch).show(draw(what, self.workbench.plain))

    def action_turn(self, by: int) -> None:
        """Another gate on the edge under the cursor; several edges can be turned one after the other."""
        row, run, trial = self._table.current, self.workbench.snapshot.chosen, self._trial
        if row is None or run is None or trial is None:
            return
        graph = Graph.parse(trial.graph)
        tried = self._tried or graph
        now = turning.turned(tried, edges(graph.nodes).index(row.edge), run.space.gates, by)
        self._try(run, trial, None if now == graph else now)

    def action_undo(self) -> None:
        if (run := self.workbench.snapshot.chosen) and self._trial:
            self._try(run, self._trial, None)

    def _try(self, run: RunDetail, trial: Trial, graph: Graph | None) -> None:
        self._tried = graph
        own = Graph.parse(trial.graph)
        self.query_one("#trial-head", Note).show(
            _head(run, trial, own) if graph is None or self._known is None else [turning.told(run, trial, graph, self._known)])
        self._table.redraw()
        self._sketch()

    def action_queue(self) -> None:
        """Put the graph as turned on the space's list of graphs to train."""
        run, trial = self.workbench.snapshot.chosen, self._trial
        if run is None or trial is None or self.workbench.refuses():
            return
        if self._tried is None or not (self._tried.is_valid and self._tried.is_taught):
            self.notify("turn a gate first (left, right), to a graph that can be trained", severity="warning")
            return
        file = graphlist.path(self.workbench.folder, run.space.slug)
        try:
            new = graphlist.add(file, self._tried, f"trial {trial.number} of {run.view.name}, turned")
        except EngineError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        waiting = len(graphlist.read(file))
        self.notify(f"{'queued' if new else 'there already'}: {waiting} in queues/{file.name}; s searches them", markup=False)

    def action_search_queue(self) -> None:
        """Train the listed graphs with this run's seed, so that they see the batches its graphs saw."""
        run = self.workbench.snapshot.chosen
        if run is None or self.workbench.refuses():
            return
        file = graphlist.path(self.workbench.folder, run.space.slug)
        if not graphlist.read(file):
            self.notify("no graph is queued: turn a gate and press a", severity="warning")
            return
        try:
            space, reference = on_disk(self.workbench, run.space), reference_of(self.workbench, run.space)
            order = turning.order(run, space, reference, self.workbench.folder)
            self.workbench.launcher.start(order)
        except EngineError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        self.workbench.did(order.command())
        self.workbench.look()

    def _cells(self, row: Row) -> Sequence[Cell]:
        turned = row.gate if self._tried is None else self._tried.gate(*row.edge)
        gate = (short(row.gate), "accent") if turned == row.gate else (f"{short(row.gate)} > {short(turned)}", "warn")
        return (str(row.edge), gate, *(_cell(row, gate) for gate in self._gates), "")

    @on(Table.Taken, "#edges")
    def _taken(self, event: Table.Taken) -> None:
        """Go to the best known neighbour across this edge."""
        known = [n for n in event.row.others.values() if n.error is not None and not n.same]
        run = self.workbench.snapshot.chosen
        if run is None or not known:
            self.notify("no other gate on this edge is known yet", severity="warning")
            return
        key = min(known, key=lambda n: n.error or 0.0).graph.key
        found = next((t for t in run.trials if t.key == key), None)
        if found is None:
            self.notify("that graph was not drawn itself: its result is shared by one that trains alike")
            return
        self.workbench.trial = found.number
        self.show(self.workbench.snapshot)

    def action_note(self) -> None:
        """Write down what a person thinks of this graph."""
        from ktgtui import shaping

        run, trial = self.workbench.snapshot.chosen, self._trial
        if run is not None and trial is not None:
            shaping.note(self.workbench, about_trial(run.view.name, trial.key), f"trial {trial.number}")

    def action_best(self) -> None:
        self.workbench.trial = None
        self.show(self.workbench.snapshot)


def _cell(row: Row, gate: str) -> Cell:
    """What is known of the graph with this gate on the edge: its error and how much worse it is."""
    if gate == row.gate:
        return ("here" if row.error is None else f"{row.error:.2f}", "accent")
    other = row.others.get(gate)
    if other is None:
        return ""
    if other.same:
        return ("trains the same", "dim")
    if other.error is None:
        return ({"unknown": "?"}.get(other.state, other.state), "dim")
    if row.error is None:
        return f"{other.error:.2f}"
    worse = other.error - row.error
    return (f"{other.error:.2f} ({worse:+.2f})", "bad" if worse > 0 else "good" if worse < 0 else "")


def _head(run: RunDetail, trial: Trial, graph: Graph) -> list[Paragraph]:
    error = "" if trial.error is None else f"  error {trial.error:.2f} %"
    known_as = name(graph)
    repeat = f"  repeat {trial.repeat}" if run.info.repeats > 1 else ""
    return [[(f"#{trial.number}  ", "accent"), (trial.state.value, ""), (error, "accent"), (repeat, "dim"),
             (f"  {known_as}" if known_as else "", "good"), (f"  key {trial.key}", "dim")]]


def _foot(run: RunDetail, trial: Trial, around: Sequence[Neighbour]) -> list[Paragraph]:
    """How many others are this graph, what failed, and how the neighbourhood stands."""
    alike = sum(t.training == trial.training for t in run.trials) - 1 if trial.training else 0
    training = run.trainings.get(trial.training or "")
    known = [n for n in around if n.error is not None and not n.same]
    better = sum((n.error or 0.0) < trial.error for n in known) if trial.error is not None else 0
    told: list[Paragraph] = [[
        (f"{len(known)} of {len(around)} neighbours known, {better} of them better", ""),
        (f"   {alike} other trials train the same" if alike else "", "dim"),
        (f"   {training.wall:.1f} s, pack {training.pack}" if training else "", "dim")]]
    if training and training.reason:
        told.append([(training.reason, "bad")])
    return told
