"""One run as it goes: progress, packs, every trial, the learning curves of the one under the cursor, the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from engine.errors import EngineError
from ktgtui import wording
from ktgtui.screens.page import Page
from ktgtui.snapshot import RunDetail, RunView, Snapshot
from ktgtui.trialrows import Keep, Order, arranged, cells, gate_titles, keeper
from ktgtui.widgets.note import Note
from ktgtui.widgets.plot import Plot
from ktgtui.widgets.prompt import Prompt
from ktgtui.widgets.table import Column, Table

FIXED = (Column("#", 6, right=True), Column("error", 6, right=True), Column("outcome", 8),
         Column("models", 17, grows=True))


class LivePage(Page):
    """The chosen run's trials."""

    TITLE = "live"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort", id="live.sort"),
        Binding("slash", "filter", "filter", key_display="/", id="live.filter"),
        Binding("escape", "unfilter", "all trials", show=False, id="live.unfilter"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._order = Order.BEST
        self._filter = ""
        self._keep: Keep | None = None
        self._drawn: tuple[object, ...] = ()

    def body(self) -> Iterable[Widget]:
        yield Note(id="progress")
        yield Table(FIXED, cells, lambda t: t.number, id="trials")
        yield Prompt("filter", "failed, a key, or a phrase: L[y,aux] = through", id="filter")
        with Horizontal(id="live-foot"):
            with Vertical(id="curve-body"):
                yield Note(id="curve-title")
                yield Plot(id="curve")
            yield Note(id="log")

    @property
    def _table(self) -> Table[Any]:
        return self.query_one("#trials", Table)

    def show(self, snapshot: Snapshot) -> None:
        run = snapshot.chosen
        if run is None:
            self.query_one("#progress", Note).show([[("no run chosen", "dim")]])
            self._table.empty = "no run yet: start a search on the spaces page"
            self._table.show([])
            return
        self.query_one("#progress", Note).show([progress(run.view, self.workbench.plain), self._second(run)])
        self._fill(run)
        self._foot(run)

    def _second(self, run: RunDetail) -> list[tuple[str, str]]:
        """What is in training, or what the run is."""
        packs = [f"pack {p.number}: {p.graphs} graphs, epoch {p.epoch}/{p.epochs}" for p in run.packs]
        told = "   ".join(packs) if packs else f"{run.view.space}  {run.view.strategy}  seed {run.info.seed}"
        shown = f"   {len(self._table.rows):,} shown: {self._filter}" if self._filter else ""
        return [(told, "dim"), (f"   {self._order.value}", "dim"), (shown, "accent")]

    def _fill(self, run: RunDetail) -> None:
        wanted = (id(run.trials), self._order, self._keep)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        kept = run.trials if self._keep is None else [t for t in run.trials if self._keep(t)]
        titles = gate_titles(run.space.nodes)
        columns = (*FIXED, *(Column(title, 3, least=80) for title in titles))
        self._table.empty = "no trial passes the filter" if self._filter else "no trial yet"
        self._table.show(arranged(kept, self._order), columns)
        self.query_one("#progress", Note).show([progress(run.view, self.workbench.plain), self._second(run)])

    def _foot(self, run: RunDetail) -> None:
        title, plot = self.query_one("#curve-title", Note), self.query_one("#curve", Plot)
        trial = self._table.current
        curve = run.curve if run.curve and trial and trial.training == run.curve.id else None
        if curve is None:
            title.show([])
            plot.show(None, "" if trial is None or trial.training else f"{trial.state.value}: not trained")
        elif self._curve_shown != curve.id:
            from ktgtui.drawing import CurveFigure

            title.show([[(f"#{trial.number} accuracy (%) by epoch, a node a curve", "dim")]] if trial else [])
            plot.show(CurveFigure(curve))
        self._curve_shown = curve.id if curve else None
        room = max(1, self.query_one("#log", Note).size.height)
        self.query_one("#log", Note).show([[(line, "dim")] for line in run.log[-room:]])

    _curve_shown: str | None = None

    @on(Table.Moved, "#trials")
    def _moved(self, event: Table.Moved) -> None:
        self.workbench.want_curve(event.row.training)
        if run := self.workbench.snapshot.chosen:
            self._foot(run)

    @on(Table.Taken, "#trials")
    def _taken(self, event: Table.Taken) -> None:
        self.workbench.open_trial(event.row.number)

    def action_sort(self) -> None:
        self._order = self._order.next
        self._again()

    def action_filter(self) -> None:
        self.query_one(Prompt).ask(self._filter)

    def action_unfilter(self) -> None:
        self._filter, self._keep = "", None
        self._again()

    @on(Prompt.Answered)
    def _filtered(self, event: Prompt.Answered) -> None:
        run = self.workbench.snapshot.chosen
        if run is None or not event.text.strip():
            self.action_unfilter()
        else:
            try:
                keep = keeper(event.text, run.space)
            except EngineError as error:
                event.prompt.complain(str(error))
                return
            self._filter, self._keep = event.text.strip(), keep
            self._again()
        event.prompt.close()
        self._table.focus()

    def _again(self) -> None:
        self.show(self.workbench.snapshot)


def progress(run: RunView, plain: bool) -> Sequence[tuple[str, str]]:
    """The run in a line: what it does, how far it is, how fast, how good."""
    if run.error:
        return [(run.name, "bad"), (f"  {run.error}", "")]
    role = "good" if run.phase == "finished" else "accent" if run.live else "warn"
    parts = [(f"{run.name}  ", "accent"), (f"{run.phase}  ", role), (f"{wording.progress(run.done, run.total)} ", "")]
    if run.total and run.done < run.total:
        parts.append((f"{wording.bar(run.share, 16, plain)} ", "curve0"))
    if run.rate:
        parts.append((f" {run.rate:.1f} graphs/s", ""))
    if run.eta is not None:
        parts.append((f"  {wording.duration(run.eta)} left", ""))
    if run.best is not None:
        parts.append((f"  best {run.best:.2f} %  median {wording.percent(run.median)} %", ""))
    if run.failed:
        parts.append((f"  {run.failed} failed", "bad"))
    return [*parts, (f"  {run.message}" if run.message else "", "warn")]
