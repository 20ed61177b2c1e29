"""The first page: design spaces on disk with their counts, runs with their progress, the EDF of the chosen run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from engine.errors import EngineError
from ktgtui.context import Context
from ktgtui.data.last_visit import since
from ktgtui.data.snapshot import RunView, Snapshot, SpaceView
from ktgtui.drawing import formatting
from ktgtui.drawing.text import Cell, Column, Paragraph
from ktgtui.screens.base import Page
from ktgtui.widgets.plot import Plot
from ktgtui.widgets.table import Table
from ktgtui.widgets.text_block import Note

SPACES = (
    Column("space", 16, grows=True),
    Column("constraint added", 30, least=112),
    Column("raw", 10, right=True, least=70),
    Column("paper's", 10, right=True),
    Column("graphs", 10, right=True),
    Column("effective", 10, right=True),
    Column("runs", 4, right=True),
    Column("best %", 6, right=True),
    Column("median", 6, right=True, least=84),
)
RUNS = (
    Column("run", 12, grows=True),
    Column("trials", 9, right=True),
    Column("", 8, least=64),
    Column("state", 11),
    Column("left", 7, right=True, least=72),
    Column("best %", 6, right=True, least=52),
)

NO_RUNS = """no runs here yet: put the cursor
on a space and press s, or type

python -m engine.search \\
  digits/X --exhaustive"""


MOST_NEWS = 3


class SpacesPage(Page):
    """Spaces above, runs and their EDF below."""

    NAME = "spaces"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "search", "start a search", id="spaces.search"),
        Binding("r", "refine", "refine", id="spaces.refine"),
        Binding("n", "shape('template')", "new", id="spaces.new"),
        Binding("b", "shape('branch')", "branch", id="spaces.branch"),
        Binding("e", "shape('edit')", "edit", id="spaces.edit"),
        Binding("c", "compare", "compare", show=False, id="spaces.compare"),
        Binding("t", "note", "note", show=False, id="spaces.note"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._runs_of: dict[str, list[RunView]] = {}
        self._marked: SpaceView | None = None
        """The first of two spaces to compare."""
        self._settled = False
        """The cursor stands on a run that the workbench chose once; afterwards it is the person's."""

    def body(self) -> Iterable[Widget]:
        yield Note(id="news")
        with Vertical(id="spaces-body"):
            yield Table[SpaceView](SPACES, self._space_cells, lambda s: s.reference, "reading ...", moved=self._say,
                                   id="spaces")
            yield Note(id="words")
            with Horizontal(id="runs-body"):
                yield Table[RunView](RUNS, self._run_cells, lambda r: r.folder,
                                     moved=lambda r: self.context.select_run(r.folder), id="runs")
                with Vertical(id="edf-body"):
                    yield Note(id="edf-title")
                    yield Plot(id="edf")

    def show(self, snapshot: Snapshot) -> None:
        self._runs_of = _by_space(snapshot.runs)
        spaces: Table[SpaceView] = self.query_one("#spaces", Table)
        runs: Table[RunView] = self.query_one("#runs", Table)
        if snapshot.ready:
            runs.empty = NO_RUNS
        spaces.show(snapshot.spaces)
        runs.show(snapshot.runs)
        if not self._settled and snapshot.chosen:
            self._settled = True
            runs.seek(snapshot.chosen.view.folder)
        self._say(spaces.current)
        self._plot(snapshot)
        self._greet()

    def _greet(self) -> None:
        """What happened since the last visit, in as many lines as the page can spare."""
        note, session = self.query_one("#news", Note), self.context.session
        note.display = bool(session.news and session.last_visit)
        if session.last_visit is None or not session.news:
            return
        lines: list[Paragraph] = [[("welcome back  ", "accent"), (f"last here {since(session.last_visit, time.time())}", ""),
                                   ("   N lists all, esc forgets", "dim")]]
        for one in session.news[:MOST_NEWS]:
            lines.append([(f"{one.name}  ", "good" if one.good else "bad"), (one.said, "")])
        if (more := len(session.news) - MOST_NEWS) > 0:
            lines.append([(f"and {more} more", "dim")])
        note.show(lines)

    def _plot(self, snapshot: Snapshot) -> None:
        chosen = snapshot.chosen
        title, plot = self.query_one("#edf-title", Note), self.query_one(Plot)
        if chosen is None:
            title.show([])
            plot.show(None)
            return
        from engine.analysis.ranking import why_none  # numpy is there by now: the watcher loaded it
        from ktgtui.drawing.plots import edf_figure

        edf = chosen.edf
        said = f"  median {edf.median:.2f} %  best {formatting.best(edf.best, chosen.view.tied)}" if edf.n else ""
        title.show([[(chosen.view.name, "accent")],
                    [(f"n = {edf.n:,}{said}", ""),
                     (f"  left out: {edf.left_out}" if edf.left_out.total else "", "dim")]])
        plot.show(edf_figure([chosen.edf]), "" if edf.n else why_none(chosen.trials, chosen.space))

    def _say(self, space: SpaceView | None) -> None:
        note = self.query_one("#words", Note)
        if space is None:
            note.show([])
        elif space.error:
            note.show([[(space.error, "bad")]])
        else:
            added = ", ".join(space.phrases) or "no constraint"
            because = f"  because {space.reason}" if space.reason else ""
            written = self.context.snapshot.notes.get(f"space {space.name}")
            said = f"  note: {written}" if written else ""
            note.show([[(f"{space.name}  ", "accent"), (added, ""), (because, "good"), (said, "warn")],
                       [(space.words, "dim")]])

    @property
    def _space(self) -> SpaceView | None:
        """The space under the cursor, if it can be used."""
        table: Table[SpaceView] = self.query_one("#spaces", Table)
        return None if table.current is None or table.current.error else table.current

    def action_search(self) -> None:
        if self._space and not self.context.refuses():
            from ktgtui.actions.start_search import search_form

            search_form(self.context, self._space.reference)

    def action_shape(self, how: str) -> None:
        """Open the editor on the space under the cursor; one that cannot be read can be mended so."""
        from ktgtui.actions import edit_space

        space = self.query_one("#spaces", Table).current
        if space is None or (space.error and how != "edit"):
            return
        try:
            edit_space.EDITS[how](self.context, space)
        except EngineError as error:
            self.notify(str(error), severity="error", markup=False)

    def action_compare(self) -> None:
        """The first press marks a space, the second on another one compares the two."""
        from ktgtui.actions import edit_space

        marked, space = self._marked, self._space
        if space is None:
            return
        if marked is None or marked.reference == space.reference:
            self._marked = space
            self.notify(f"{space.name}: go to another space and press c again", markup=False)
            return
        self._marked = None
        edit_space.compare(self.context, marked, space)

    def action_note(self) -> None:
        from engine.space.files.notes import about_space
        from ktgtui.actions import edit_space

        if self._space:
            edit_space.note(self.context, about_space(self._space.name), self._space.name)

    def action_refine(self) -> None:
        from ktgtui.actions.selection import work_on  # the engine's spaces: not before the first paint

        if self._space:
            work_on(self.context, self._space.reference)
            self.context.show_page("refine")

    @on(Table.Taken, "#runs")
    def _run_taken(self, event: Table.Taken) -> None:
        self.context.select_run(event.row.folder)
        self.context.show_page("live")

    @on(Table.Taken, "#spaces")
    def _space_taken(self, event: Table.Taken) -> None:
        self.action_refine()

    def _space_cells(self, space: SpaceView) -> Sequence[Cell]:
        branch = space.branch.translate(_ASCII_TREE) if self.context.session.plain else space.branch
        name = branch + space.name
        if space.error:
            return ((name, "bad"), ("cannot be read", "bad"), *[""] * 7)
        c = space.counts
        runs = self._runs_of.get(space.name, [])
        best = min((r.best for r in runs if r.best is not None), default=None)
        newest = next((r.median for r in reversed(runs) if r.median is not None), None)
        raw, paper, keys, effective = ("",) * 4 if c is None else map(c.shown, ("raw", "paper", "keys", "effective"))
        return (name, (", ".join(space.phrases), "dim"), (raw, "dim"), (paper, "dim"), keys, effective,
                str(len(runs) or ""), (formatting.percent(best), "good"), formatting.percent(newest))

    def _run_cells(self, run: RunView) -> Sequence[Cell]:
        if run.error:
            return ((run.name, "bad"), "", "", (run.phase, "bad"), "", "")
        filled = formatting.bar(run.share, 8, self.context.session.plain) if run.total else ""
        trials = formatting.progress(run.done, run.total if run.done != run.total else None)
        return (run.name, trials, (filled, "curve0"), _state(run),
                formatting.duration(run.eta), (formatting.percent(run.best), "good"))


_ASCII_TREE = str.maketrans("└├│", "`|:")


def _state(run: RunView) -> Cell:
    if run.failed:
        return (f"{run.failed} failed", "bad")
    role = "good" if run.phase == "finished" else "accent" if run.live else "warn"
    return (run.phase, role)


def _by_space(runs: Sequence[RunView]) -> dict[str, list[RunView]]:
    found: dict[str, list[RunView]] = {}
    for run in runs:
        found.setdefault(run.space, []).append(run)
    return found
