"""The tour in the workbench: what its line says, and what the key that leads on does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

from ktgtui.context import Context, PageName
from ktgtui.drawing import formatting
from ktgtui.tour import steps
from ktgtui.tour.steps import LEVELS, ONWARD, STEPS, Evidence, Kind, Stop

if TYPE_CHECKING:
    from engine.errors import EngineError
    from engine.space.files.choices import Choice
    from ktgtui.data.snapshot import Snapshot
    from ktgtui.drawing.text import Paragraph


class ShownPage(Protocol):
    """What the tour needs to know of the page that is shown."""

    NAME: ClassVar[PageName]

    @property
    def is_drafting(self) -> bool:
        """Whether a constraint stands on it that is not accepted yet."""

    def advance(self) -> bool:
        """Do what comes next on this page; False if nothing does."""


class Guide:
    """Follows the folder while `session.touring`; can be left and taken up at any time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._choices: tuple[Choice, ...] = ()
        self._evidence: Evidence | None = None
        self._evidence_of: tuple[object, ...] = ()

    def offer(self, snapshot: Snapshot) -> None:
        """At the first look: begin where nothing was begun yet."""
        session = self._context.session
        session.touring = not snapshot.runs and not session.readonly

    def toggle(self) -> None:
        session = self._context.session
        if not session.touring and self._context.refuses():
            return
        session.touring = not session.touring
        if not session.touring:
            self._context.notify("G takes the tour up again, where it was left", title="tour left")
        self._context.repaint()

    def stop(self, page: ShownPage) -> Stop | None:
        """Where the person stands now."""
        from engine.space.files import choices

        self._choices = choices.read(self._context.session.folder / "spaces")
        shot = self._context.snapshot
        here = steps.stop(shot, self._choices, "")
        elsewhere = shot.chosen is None or here is None or here.run is None or shot.chosen.view.folder != here.run.folder
        idle = page.NAME == "refine" and not page.is_drafting
        return here if elsewhere or idle else steps.stop(shot, self._choices, page.NAME)

    def lines(self, page: ShownPage) -> Sequence[Paragraph]:
        """What the line at the bottom says; nothing while the tour is left."""
        if not self._context.session.touring or not self._context.snapshot.ready or (here := self.stop(page)) is None:
            return []
        self._ask(here)
        head: Paragraph = [(f" tour {here.number}/{STEPS} ", "cursor"), (f" {self._title(here)}  ", "accent"),
                           ("ctrl+n", "accent"), (f" {ONWARD[here.kind]}  ", ""), ("G", "accent"), (" leaves", "dim")]
        return [head, *self._told(here)]

    def _title(self, here: Stop) -> str:
        name = f"{here.space.name} ({here.letter} of the paper)" if here.depth or here.level is None else here.space.name
        return {Kind.BEGIN: f"search {name}", Kind.WAIT: f"{name} is being searched", Kind.RESUME: f"{name} stopped",
                Kind.LOOK: f"{name} is searched", Kind.CHOOSE: "what goes with good graphs?",
                Kind.DECIDE: "decide on a constraint", Kind.JUDGE: f"all of {name} is trained",
                Kind.EVALUATE: "the best graph against DML"}[here.kind]

    def _told(self, here: Stop) -> list[Paragraph]:
        if here.kind is Kind.BEGIN:
            return [[(_begin(here), "")]]
        if here.kind is Kind.WAIT and here.run:
            left = f", {formatting.duration(here.run.eta)} left" if here.run.eta is not None else ""
            return [[(f" {formatting.progress(here.run.done, here.run.total)} graphs{left}. Page 2 shows each as it comes in. "
                      "You may leave the workbench meanwhile: the search is a process of its own.", "")]]
        if here.kind is Kind.RESUME:
            return [[(" Its process is gone; what it recorded is kept, and the same command goes on from there.", "warn")]]
        if here.level is None:
            return [[(" Every graph of the space has its result (page 4 draws them all). The best of many flatter "
                      "themselves, so it and DML of the same nodes are trained again, five times, with seeds that chose "
                      "nothing." if here.kind is Kind.EVALUATE else " The lineage is walked: from A's 39,609 graphs to "
                      f"{here.space.counts.keys if here.space.counts else 0:,}, and all of these are trained.", "")]]
        return self._chosen(here)

    def _chosen(self, here: Stop) -> list[Paragraph]:
        level = here.level
        assert level is not None
        found = self._evidence if self._evidence_of == self._wanted(here) else None
        paper: Paragraph = [(f" The paper, on CIFAR-100, chose {level.chosen}: ", ""), (level.phrase, "accent")]
        if here.kind is Kind.DECIDE:
            return [paper, [(" ctrl+s asks for a name and your reason, then offers the child's search. Any other phrase "
                             "will do as well; ctrl+g lists what your trials advise.", "dim")]]
        if found is None:
            return [paper]
        role = {"better": "good", "worse": "bad"}.get(found.stand, "warn")
        shown: Paragraph = [(" Here its graphs have the median ", ""), (found.kept, "accent"), (", the others ", ""),
                            (found.others, ""), (": ", ""), (found.stand, role),
                            (f". Your trials advise {found.advised}.", "dim")]
        return [paper, shown]

    def _wanted(self, here: Stop) -> tuple[object, ...]:
        run = self._context.snapshot.chosen
        return (here.depth, run.trials if run and here.run and run.view.folder == here.run.folder else None)

    def _ask(self, here: Stop) -> None:
        """What the chosen run says of the paper's choice, once it is finished."""
        run, level = self._context.snapshot.chosen, here.level
        wanted = self._wanted(here)
        if here.kind not in (Kind.LOOK, Kind.CHOOSE) or level is None or run is None or wanted[1] is None:
            return
        if wanted == self._evidence_of:
            return
        self._evidence, self._evidence_of = None, wanted
        known, phrase = self._context.samples, level.phrase
        self._context.background.ask("tour", lambda: steps.evidence(known, run, phrase),
                                     lambda found: self._answered(wanted, found))

    def _answered(self, wanted: tuple[object, ...], found: Evidence | EngineError) -> None:
        if isinstance(found, Evidence) and wanted == self._evidence_of:
            self._evidence = found
            self._context.repaint()

    def onward(self, page: ShownPage) -> None:
        """Do what the line says comes next."""
        here = self.stop(page) if self._context.session.touring else None
        if here is None:
            return
        # Spaces and forms load what the first line of the tour must not wait for.
        from ktgtui.actions.selection import refine
        from ktgtui.actions.start_search import search_form

        context = self._context
        if here.run is not None and here.kind is not Kind.BEGIN:
            context.select_run(here.run.folder)
        if here.kind in (Kind.BEGIN, Kind.RESUME):
            search_form(context, here.space.reference, None if here.level is None else steps.GRAPHS)
        elif here.kind is Kind.WAIT:
            context.show_page("live")
        elif here.kind is Kind.LOOK and here.level:
            context.show_page("analyse", here.level.condition)
        elif here.kind is Kind.CHOOSE and here.level:
            refine(context, here.level.phrase)
        elif here.kind is Kind.DECIDE and here.level:
            if not page.advance():  # accept what stands in the line; the paper's constraint if nothing does
                refine(context, here.level.phrase)
        elif here.kind is Kind.JUDGE:
            context.show_page("best")
        else:
            page.advance()


def _begin(here: Stop) -> str:
    if here.level is None:
        return (" Small enough to train every graph: no sampling, no luck of the draw, and a certificate at the end.")
    if here.depth == 0:
        return (f" A space of 39,609 graphs is narrowed in {len(LEVELS)} steps until all that is left can be trained, as "
                f"the paper does. First a uniform sample: {steps.GRAPHS} random graphs of A. ctrl+s starts it.")
    return f" A fresh sample of {steps.GRAPHS} graphs: the trials that suggested a constraint flatter it."
