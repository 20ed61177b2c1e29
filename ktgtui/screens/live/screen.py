"""One run as it goes: progress, packs, every trial, the learning curves of the one under the cursor, the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from engine.errors import EngineError
from engine.store.records import Trial
from ktgtui.actions.selection import open_trial
from ktgtui.context import Context
from ktgtui.data.best_graph import BestGraph
from ktgtui.data.snapshot import RunDetail, RunView, Snapshot
from ktgtui.drawing import formatting
from ktgtui.drawing.sparkline import told
from ktgtui.drawing.text import Column
from ktgtui.drawing.trial_cells import Keep, Order, arranged, cells, gate_titles, keeper
from ktgtui.screens.base import Page
from ktgtui.screens.live.panes import PANES, clock
from ktgtui.widgets.prompt import Prompt
from ktgtui.widgets.static_lines import Sketch
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note

FIXED = (Column("#", 6, right=True), Column("error", 6, right=True), Column("outcome", 8),
         Column("models", 17, grows=True))


class LivePage(Page):
    """The chosen run's trials."""

    NAME = "live"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "sort", id="live.sort"),
        Binding("slash", "filter", "filter", key_display="/", id="live.filter"),
        Binding("p", "steer('pause_or_resume')", "pause", id="live.pause"),
        Binding("x", "steer('stop')", "stop", id="live.stop"),
        Binding("g", "steer('again')", "go on", id="live.again"),
        Binding("K", "steer('stop_trial')", "stop one trial", show=False, id="live.stop-trial"),
        Binding("W", "workers", "workers", show=False, id="live.workers"),
        Binding("o", "beside", "packs, machine, log", id="live.beside"),
        Binding("l", "app.list('log')", "log", show=False, id="live.log"),
        Binding("escape", "unfilter", "all trials", show=False, id="live.unfilter"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._order = Order.BEST
        self._filter = ""
        self._keep: Keep | None = None
        self._drawn: tuple[object, ...] = ()
        self._best = BestGraph(context.repaint)
        self._beside = "packs"
        """Of `beside.PANES`."""

    def body(self) -> Iterable[Widget]:
        yield Note(id="progress")
        yield Table(FIXED, cells, lambda t: t.number, moved=self._moved, id="trials")
        yield Prompt("filter", "failed, a key, or a phrase: L[y,aux] = through", id="filter")
        yield Prompt("workers", "worker processes from now on", id="workers")
        with Horizontal(id="live-foot"):
            yield Note(id="curves")
            yield Sketch(id="beside")

    @property
    def _table(self) -> Table[Any]:
        return self.query_one("#trials", Table)

    def show(self, snapshot: Snapshot) -> None:
        run = snapshot.chosen
        if run is None:
            wished = snapshot.run(self.context.session.selected_run)
            said = f"{wished.name}: {wished.error or wished.phase}" if wished else "no run chosen"
            self.query_one("#progress", Note).show([[(said, "accent" if wished else "dim")]])
            self._table.empty = "no run yet: start a search on the spaces page"
            self._table.show([])
            self.query_one("#curves", Note).show([])
            self.query_one("#beside", Sketch).show([])
            self._drawn = ()
            return
        self.query_one("#progress", Note).show([progress(run.view, self.context.session.plain), self._second(run)])
        self._fill(run)
        self._foot(run)
        if not run.view.live:  # while it goes on, page 6 says it
            self._best.ask(self.context.background, "worth", run)

    def _second(self, run: RunDetail) -> list[tuple[str, str]]:
        """What is in training, or what the run is."""
        graphs = sum(p.graphs for p in run.packs)
        packs = f"   {graphs} graphs in {len(run.packs)} packs" if run.packs else ""
        doing = f"{run.view.space}  {run.view.strategy}  seed {run.info.seed}{packs}"
        shown = f"   {len(self._table.rows):,} shown: {self._filter}" if self._filter else ""
        best = None if run.view.live else self._best.found
        # Over several repeats the best mean is another graph's than the best single error in the line above.
        worth = f"   {best.words() if best.repeats > 1 else best.optimism.words()}" if best else ""
        return [(doing, "dim"), (f"   {self._order.value}", "dim"), (worth, ""), (shown, "accent")]

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
        self.query_one("#progress", Note).show([progress(run.view, self.context.session.plain), self._second(run)])

    def _foot(self, run: RunDetail) -> None:
        """Curves of the trial under the cursor, and the log."""
        trial = self._table.current
        self.call_after_refresh(self._want_curves)  # reading the next ones meanwhile would keep the key's frame waiting
        note = self.query_one("#curves", Note)
        curve = run.curves.get(trial.training or "") if trial else None
        if trial is not None and trial.training is None:
            note.show([[(f" #{trial.number} {trial.state.value}: not trained", "dim")]])
        elif trial is not None and curve is not None:
            title = [(f" #{trial.number} accuracy by epoch, a node a line", "dim")]
            note.show([title, *told(curve, note.size.width, self.context.session.plain)])
        self._show_beside(run)

    def _want_curves(self) -> None:
        self.context.read_curves(tuple(t.training for t in self._table.around() if t.training))

    def _show_beside(self, run: RunDetail) -> None:
        pane = self.query_one("#beside", Sketch)
        titles = [(f" {name} ", "cursor" if name == self._beside else "dim") for name in PANES]
        lines = PANES[self._beside](run, pane.size.width - 1, pane.size.height - 1, self.context.session.plain, clock())
        pane.show([titles, *([(" ", ""), *line] for line in lines)])

    def _moved(self, trial: Trial) -> None:
        if run := self.context.snapshot.chosen:
            self._foot(run)

    @on(Table.Taken, "#trials")
    def _taken(self, event: Table.Taken) -> None:
        open_trial(self.context, event.row.number)

    def action_sort(self) -> None:
        self._order = self._order.next
        self._again()

    def action_steer(self, what: str) -> None:
        from ktgtui.actions import control_run

        control_run.CONTROLS[what](self.context)

    def action_workers(self) -> None:
        run = self.context.snapshot.chosen
        if run is not None and not self.context.refuses():
            self.query_one("#workers", Prompt).ask(str(len({p.worker for p in run.packs}) or ""))

    @on(Prompt.Answered, "#workers")
    def _hire(self, event: Prompt.Answered) -> None:
        from ktgtui.actions import control_run

        try:
            control_run.set_workers(self.context, event.text)
        except EngineError as error:
            event.prompt.complain(str(error))
            return
        event.prompt.close()
        self._table.focus()

    def action_beside(self) -> None:
        """Show the next of packs, machine and log beside the curves."""
        names = list(PANES)
        self._beside = names[(names.index(self._beside) + 1) % len(names)]
        if run := self.context.snapshot.chosen:
            self._show_beside(run)

    def action_filter(self) -> None:
        self.query_one("#filter", Prompt).ask(self._filter)

    def action_unfilter(self) -> None:
        if not self._filter:
            raise SkipAction()  # then escape dismisses notices, as on every page
        self._unfilter()

    def _unfilter(self) -> None:
        self._filter, self._keep = "", None
        self._again()

    @on(Prompt.Answered, "#filter")
    def _filtered(self, event: Prompt.Answered) -> None:
        run = self.context.snapshot.chosen
        if run is None or not event.text.strip():
            self._unfilter()
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
        self.show(self.context.snapshot)


def progress(run: RunView, plain: bool) -> Sequence[tuple[str, str]]:
    """The run in a line: what it does, how far it is, how fast, how good."""
    if run.error:
        return [(run.name, "bad"), (f"  {run.error}", "")]
    role = "good" if run.phase == "finished" else "accent" if run.live else "warn"
    parts = [(f"{run.name}  ", "accent"), (f"{run.phase}  ", role), (f"{formatting.progress(run.done, run.total)} ", "")]
    if run.total and run.done < run.total:
        parts.append((f"{formatting.bar(run.share, 16, plain)} ", "curve0"))
    if run.rate:
        parts.append((f" {run.rate:.1f} graphs/s", ""))
    if run.eta is not None:
        parts.append((f"  {formatting.duration(run.eta)} left", ""))
    if run.best is not None:
        parts.append((f"  best {formatting.best(run.best, run.tied)}  median {formatting.percent(run.median)} %", ""))
    if run.failed:
        parts.append((f"  {run.failed} failed", "bad"))
    return [*parts, (f"  {run.message}" if run.message else "", "warn")]
