"""One run as it goes: progress, packs, every trial, the learning curves of the one under the cursor, the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from engine.errors import EngineError
from engine.store.trials import Trial
from ktgtui import wording
from ktgtui.screens.page import Page
from ktgtui.snapshot import RunDetail, RunView, Snapshot
from ktgtui.sparkline import told
from ktgtui.trialrows import Keep, Order, arranged, cells, gate_titles, keeper
from ktgtui.widgets.note import Note
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
        yield Table(FIXED, cells, lambda t: t.number, moved=self._moved, id="trials")
        yield Prompt("filter", "failed, a key, or a phrase: L[y,aux] = through", id="filter")
        with Horizontal(id="live-foot"):
            yield Note(id="curves")
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
        doing = "   ".join(packs) if packs else f"{run.view.space}  {run.view.strategy}  seed {run.info.seed}"
        shown = f"   {len(self._table.rows):,} shown: {self._filter}" if self._filter else ""
        return [(doing, "dim"), (f"   {self._order.value}", "dim"), (shown, "accent")]

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
        """Curves of the trial under the cursor, and the log."""
        trial = self._table.current
        self.workbench.want_curves(tuple(t.training for t in self._table.around() if t.training))
        note = self.query_one("#curves", Note)
        curve = run.curves.get(trial.training or "") if trial else None
        if trial is not None and trial.training is None:
            note.show([[(f" #{trial.number} {trial.state.value}: not trained", "dim")]])
        elif trial is not None and curve is not None:
            title = [(f" #{trial.number} accuracy by epoch, a node a line", "dim")]
            note.show([title, *told(curve, note.size.width, self.workbench.plain)])
        log = self.query_one("#log", Note)
        log.show([[(line[: log.size.width], "dim")] for line in run.log[-max(1, log.size.height) :]])

    def _moved(self, trial: Trial) -> None:
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
