"""The guided way from A to X on digits: where a person stands, what comes next, what the data say. Textual-free.

The tour follows what is in the folder, so it can be left and taken up anywhere, also after the workbench was closed.
It says what *this* run shows, with how sure that is, and what the paper chose on CIFAR-100; the two need not agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from engine.errors import AnalysisError
from ktgtui.data.snapshot import RunDetail, RunView, Snapshot, SpaceView

if TYPE_CHECKING:
    from engine.analysis.sample import Sample
    from engine.space.files.choices import Choice
    from ktgtui.data.samples import Samples

START = "digits/A"
GRAPHS = 300
"""Random graphs of a step: a condition's values then hold 30 to 140 graphs each, and two cores need half a minute."""
FEW = 1_000
"""Graphs of a space up to which all of them are searched, as its form offers; C still has 1,134."""


@dataclass(frozen=True, slots=True)
class Level:
    """One step of the paper's refinement (its Table 1), told for digits."""

    letter: str
    condition: str
    """Name of the condition whose curves lead to it."""
    phrase: str
    chosen: str
    """What the paper saw and chose."""


LEVELS = (
    Level("A", "aux-models", "m[aux] = mlp96", "both auxiliary nodes the larger model"),
    Level("B", "label-aux", "L[y,aux] = through", "labels to the auxiliary nodes throughout"),
    Level("C", "aux-target", "L[aux,1] in {through, linear}", "auxiliary nodes teach from the start or increasingly"),
)
LAST = "X"
STEPS = 2 * len(LEVELS) + 2
"""Search and choose at each level, then search X, then hold the best graph against DML."""


class Kind(Enum):
    """What there is to do."""

    BEGIN = "begin"
    WAIT = "wait"
    RESUME = "resume"
    LOOK = "look"
    CHOOSE = "choose"
    DECIDE = "decide"
    JUDGE = "judge"
    EVALUATE = "evaluate"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the tour stands."""

    kind: Kind
    depth: int
    """0 at A."""
    space: SpaceView
    run: RunView | None
    """The run of `space` that counts: a finished one, else the newest."""

    @property
    def level(self) -> Level | None:
        """The refinement that leads on from here; None at the last space."""
        return LEVELS[self.depth] if self.depth < len(LEVELS) and not self._small else None

    @property
    def _small(self) -> bool:
        return self.space.counts is not None and self.space.counts.keys <= FEW and self.depth > 1

    @property
    def letter(self) -> str:
        return self.level.letter if self.level else LAST

    @property
    def number(self) -> int:
        """Of STEPS."""
        before = 2 * self.depth if self.level else 2 * len(LEVELS)
        return before + (1 if self.kind in (Kind.BEGIN, Kind.WAIT, Kind.RESUME) else 2)


def chain(spaces: Iterable[SpaceView], choices: Iterable[Choice]) -> tuple[SpaceView, ...]:
    """The spaces from digits/A on, each made by the last choice about the one before. Empty if digits/A is not there."""
    named = {space.name: space for space in spaces if not space.error}
    children = {choice.parent: choice.space for choice in choices if not choice.withdrawn and choice.space in named}
    found = [START] if START in named else []
    while found and (child := children.get(found[-1])) and child not in found and len(found) <= len(LEVELS):
        found.append(child)
    return tuple(named[name] for name in found)


def stop(snapshot: Snapshot, choices: Sequence[Choice], page: str) -> Stop | None:
    """Where a person stands who is on this page of the workbench; None where digits/A is not to be had."""
    spaces = chain(snapshot.spaces, choices)
    if not spaces:
        return None
    depth, space = len(spaces) - 1, spaces[-1]
    run = _run(snapshot.runs, space.name)
    here = Stop(Kind.BEGIN, depth, space, run)
    return Stop(_kind(run, here.level is None, page), depth, space, run)


def _run(runs: Iterable[RunView], space: str) -> RunView | None:
    own = [run for run in runs if run.space == space and not run.error]
    return next((run for run in own if run.phase == "finished"), own[-1] if own else None)


def _kind(run: RunView | None, last: bool, page: str) -> Kind:
    if run is None:
        return Kind.BEGIN
    if run.phase != "finished":
        return Kind.WAIT if run.live else Kind.RESUME
    if last:
        return Kind.EVALUATE if page == "best" else Kind.JUDGE
    return {"analyse": Kind.CHOOSE, "refine": Kind.DECIDE}.get(page, Kind.LOOK)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run says of the paper's choice."""

    kept: str
    """Median of the graphs that satisfy it, with its interval and n."""
    others: str
    stand: str
    """`better`, `worse`, `not settled`, ... than the others."""
    sentence: str
    advised: str
    """The best founded constraint of these trials, and whether it is sure."""


def evidence(known: Samples, run: RunDetail, phrase: str) -> Evidence:
    """Hold the graphs that satisfy `phrase` against the others. Raises AnalysisError where there are too few."""
    from engine.analysis.conditions import by_phrase
    from engine.analysis.verdict import against_rest
    from ktgtui.data.samples import standing

    sample = known.of(run)
    parted = by_phrase(sample, phrase, run.space)
    told = [_median(edf) for edf in parted.edfs()]
    first = against_rest(parted)[0]
    return Evidence(told[0], told[1] if len(told) > 1 else "none", standing(parted.values[0].label, first),
                    first.sentence if first else "", _advised(sample))


def _advised(sample: Sample) -> str:
    """The constraint that stands first; nothing where all graphs are equal or too few."""
    from engine.analysis.advice.advise import advise

    try:
        best = advise(sample).ranked[0]
    except AnalysisError as error:
        return f"nothing ({error.message})"
    sure = "sure" if best.is_sure else "not sure"
    return f"{best.phrase} ({sure}, lift {best.lift.value:+.2f}, {best.lift.low:+.2f} to {best.lift.high:+.2f})"


def _median(edf: object) -> str:
    from engine.analysis.advice.advise import quantile_interval
    from engine.analysis.edf import Edf

    assert isinstance(edf, Edf)
    middle = quantile_interval(edf, 0.5)
    return f"{middle.value:.2f} % ({middle.low:.2f} to {middle.high:.2f}, n = {edf.n})"


ONWARD: Mapping[Kind, str] = {
    Kind.BEGIN: "the form of its search",
    Kind.WAIT: "see it run",
    Kind.RESUME: "go on with it",
    Kind.LOOK: "look at its curves",
    Kind.CHOOSE: "the paper's constraint",
    Kind.DECIDE: "write the smaller space",
    Kind.JUDGE: "the best graphs",
    Kind.EVALUATE: "train them again with fresh seeds",
}
"""What the key that leads on does at each kind of stop."""
