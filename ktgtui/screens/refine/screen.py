"""The constraint editor: a phrase, typed or written by the plot, and at each key what it would do.

Counts before and after, the child's EDF from the parent's own trials (a restricted uniform sample is a uniform sample
of the child, so that costs no training), and what would be thrown away. Accepting writes the child's space file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input

from engine.analysis.advice.advise import Advised, advise, reason
from engine.errors import EngineError
from engine.space.space import Ancestor, Space
from engine.space.text.describe_space import describe
from ktgtui.actions.accept_constraint import Acceptance, Written, take_back
from ktgtui.actions.selection import open_trial, subject
from ktgtui.actions.start_search import search_form
from ktgtui.context import Context
from ktgtui.data.samples import Consequence, consequence
from ktgtui.data.snapshot import RunDetail, Snapshot
from ktgtui.drawing.plots import edf_figure
from ktgtui.drawing.text import Paragraph
from ktgtui.screens.base import Page
from ktgtui.screens.refine.completion import complete, words
from ktgtui.screens.refine.graph_map import MOST, GraphMap, Spot, graph_map, struck
from ktgtui.screens.refine.map_grid import Grid
from ktgtui.screens.refine.preview_text import comparison, counts, verdict
from ktgtui.tour.steps import GRAPHS
from ktgtui.widgets.plot import Plot
from ktgtui.widgets.text_block import Note


class Completer(Suggester):
    """Ghost text after the cursor; the right arrow takes it."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        return complete(value, self._known)


class RefinePage(Page):
    """From what is seen to a smaller space."""

    NAME = "refine"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "accept", "write child", id="refine.accept"),
        Binding("ctrl+z", "undo", "undo", id="refine.undo"),
        Binding("ctrl+t", "map", "map", id="refine.map"),
        Binding("ctrl+g", "app.list('advice')", "advice", id="refine.advice"),
        Binding("escape", "leave", "leave the line", id="refine.leave"),
        Binding("slash", "line", "constraint", key_display="/", id="refine.line"),
    ]

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._space: Space | None = None
        self._drafts: list[str] = []
        """Constraints taken with Enter, in order."""
        self._found: Consequence | None = None
        self._asked: tuple[object, ...] = ()
        self._written: list[Written] = []
        self._mapped: bool | None = None
        """Whether the map is shown in place of the EDFs; None until a person says: shown for an exhaustive run."""
        self._map: GraphMap | None = None
        self._map_of: tuple[object, ...] = ()
        self._advised: Paragraph | None = None
        """The best founded constraint, said while none is typed."""
        self._given = ""
        """A constraint that another page handed over, until it stands in the line."""

    def body(self) -> Iterable[Widget]:
        yield Note(id="refined")
        with Horizontal(id="phrase-line"):
            yield Note(id="phrase-label")
            line = Input(placeholder="L[y,aux] = through", compact=True, id="phrase")
            line.cursor_blink = False
            yield line
        yield Note(id="phrase-said")
        yield Note(id="counts")
        yield Plot(id="whatif")
        yield Grid(self._open, id="map")
        yield Note(id="regret")

    @property
    def _input(self) -> Input:
        return self.query_one("#phrase", Input)

    def on_mount(self) -> None:
        self.query_one("#phrase-label", Note).show([[("constraint", "head")]])

    def show(self, snapshot: Snapshot) -> None:
        space = subject(self.context)
        if space is None:
            self.query_one("#refined", Note).show([[("no space chosen", "dim")]])
            return
        if self._space is None or self._space.lineage != space.lineage:
            self._space, self._drafts, self._found = space, [], None
            self._mapped, self._map, self._advised = None, None, None
            self._input.suggester = Completer(words(space))
        self._head(space)
        if self._given:
            self._put(self._given)
            self._given = ""
            self._input.focus()
        self._ask()
        self._ask_map()

    def receive(self, given: str) -> None:
        """Take a constraint into the line."""
        self._given = given

    def advance(self) -> bool:
        """Accept what stands in the line."""
        if self.is_drafting:
            self.action_accept()
            return True
        return False

    def _put(self, text: str) -> None:
        self._input.value = text
        self._input.cursor_position = len(text)

    @property
    def is_drafting(self) -> bool:
        """Whether a constraint is on its way."""
        return bool(self._texts)

    def _run(self) -> RunDetail | None:
        """The chosen run, if it is one of this space."""
        run = self.context.snapshot.chosen
        return run if run and self._space and run.space.lineage == self._space.lineage else None

    def _head(self, space: Space) -> None:
        run = self._run()
        trials = f"   {run.view.name}, n = {run.edf.n:,}" if run else "   no run of it is chosen: counts only"
        drafts = [[(f"{i}. ", "dim"), (text, "accent")] for i, text in enumerate(self._drafts, 1)]
        self.query_one("#refined", Note).show(
            [[(space.name, "accent"), (trials, "dim")], *([] if self.is_short else [[(describe(space), "")]]), *drafts])

    @property
    def _texts(self) -> tuple[str, ...]:
        typed = self._input.value.strip()
        return (*self._drafts, *([typed] if typed else []))

    def _ask(self) -> None:
        space, run, texts = self._space, self._run(), self._texts
        wanted = (space, run and run.trials, texts)
        if space is None or wanted == self._asked:
            return
        self._asked = wanted
        known = self.context.samples
        self.context.background.ask("refine", lambda: consequence(known, run, space, texts),
                                    lambda found: self._answered(texts, found))

    def _answered(self, texts: tuple[str, ...], found: Consequence | EngineError) -> None:
        if texts != self._texts or not self.is_mounted:
            return
        said = self.query_one("#phrase-said", Note)
        if isinstance(found, EngineError):
            self._found = None
            said.show([[(line, "bad")] for line in str(found).split("\n")])
            return
        self._found = found
        said.show([self._advised if self._advised and not found.phrases else verdict(found)])
        self.query_one("#counts", Note).show(counts(found.before, found.after, bool(found.phrases)))
        curves = [edf for edf in (found.parent, found.child) if edf is not None]
        self.query_one("#whatif", Plot).show(edf_figure(curves), "no trials of this space: counts only")
        self.query_one("#regret", Note).show(comparison(found))
        self._strike(found)
        self._ask_advice()

    def _ask_advice(self) -> None:
        """Once a run: what its trials advise, for a person who has not decided yet."""
        run, known = self._run(), self.context.samples
        if run is None or run.view.live or self._advised is not None or self._texts:
            return
        self._advised = []
        self.context.background.ask("refine advice", lambda: advise(known.of(run)), self._advise)

    def _advise(self, found: Advised | EngineError) -> None:
        if isinstance(found, EngineError):
            self._advised = [(str(found), "warn")]
        else:
            best = found.ranked[0]
            sure = "sure" if best.is_sure else "not sure"
            self._advised = [("advised: ", "dim"), (best.phrase, "accent"), (f" ({sure})  ", "good" if best.is_sure else "warn"),
                             (reason(best, found), "dim")]
        if not self._texts and self.is_mounted:
            self.query_one("#phrase-said", Note).show([self._advised])

    def _ask_map(self) -> None:
        """Draw every graph of a small space."""
        space, run = self._space, self._run()
        small = space is not None and space.keys <= MOST
        exhaustive = run is not None and run.view.strategy == "exhaustive"
        shown = small and (exhaustive if self._mapped is None else self._mapped)
        self.query_one("#map").display, self.query_one("#whatif").display = shown, not shown
        wanted = (space, run and run.trials)
        if not shown or space is None or wanted == self._map_of:
            return
        self._map_of = wanted
        self.context.background.ask("map", lambda: graph_map(run, space), self._draw_map)

    def _draw_map(self, found: GraphMap | EngineError) -> None:
        if isinstance(found, GraphMap) and self.is_mounted:
            self._map = found
            self.query_one("#map", Grid).show(found)
            if self._found:
                self._strike(self._found)

    def _strike(self, found: Consequence) -> None:
        """Strike through what the constraint drops."""
        base, space = self._map, self._space
        if base is None or space is None or not self.query_one("#map").display:
            return
        if not found.phrases:
            self.query_one("#map", Grid).show(base)
            return
        child = replace(space, lineage=(*space.lineage, Ancestor("draft", found.phrases)), file=None)
        self.context.background.ask("strike", lambda: struck(base, child), self._struck)

    def _struck(self, found: GraphMap | EngineError) -> None:
        if isinstance(found, GraphMap) and self.is_mounted:
            self.query_one("#map", Grid).show(found)

    def _open(self, spot: Spot) -> None:
        if spot.trial is None:
            self.notify("this graph is not trained yet")
        else:
            open_trial(self.context, spot.trial)

    def action_map(self) -> None:
        """The map in place of the EDFs, or back."""
        if self._space is None or self._space.keys > MOST:
            self.notify(f"a map is drawn of spaces up to {MOST:,} graphs", severity="warning")
            return
        self._mapped = not self.query_one("#map").display
        self._ask_map()
        if self._found:
            self._strike(self._found)

    @on(Input.Changed, "#phrase")
    def _typed(self) -> None:
        self._ask()

    @on(Input.Submitted, "#phrase")
    def _taken(self) -> None:
        """Enter keeps the phrase as a draft, so that another can be added; a wrong one stays to be mended."""
        typed = self._input.value.strip()
        if not typed or self._space is None:
            return
        try:
            phrase = str(self._space.parse(typed))
        except EngineError:
            return
        self._drafts.append(phrase)
        self._input.value = ""
        self._head(self._space)

    def action_undo(self) -> None:
        """Take the last draft back into the line; with nothing in it, the child written last."""
        if self._drafts and self._space:
            self._put(self._drafts.pop())
            self._head(self._space)
            self._ask()
        elif self._written and not self._input.value and take_back(self.context, self._written[-1]):
            self._put("; ".join(self._written.pop().choice.constraints))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the line, escape leaves it and a slash is a letter; elsewhere escape does what it does on every page."""
        return (self.focused is self._input) is (action == "leave") if action in ("leave", "line") else True

    def action_leave(self) -> None:
        self.set_focus(None)

    def action_line(self) -> None:
        self._input.focus()

    def action_accept(self) -> None:
        """Ask for a name and a reason, then write the child."""
        found, space = self._found, self._space
        if self.context.refuses():
            return
        if space is None or found is None or not found.phrases or found.whatif is None:
            self.notify("type a constraint first", severity="warning")
            return
        if not found.whatif.verdict.is_usable:
            self.notify(f"this constraint {found.whatif.verdict.value}", severity="warning")
            return
        try:
            Acceptance(self.context, space, found, self._run(), self._accepted).ask()
        except EngineError as error:
            self.notify(str(error), severity="warning", markup=False)

    def _accepted(self, written: Written) -> None:
        self._written.append(written)
        self._drafts, self._input.value = [], ""
        self.context.refresh_now()
        search_form(self.context, str(written.file), GRAPHS if self.context.session.touring else None)
