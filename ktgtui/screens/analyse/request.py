"""Which question stands behind each way of looking at a run, and what must be said before its curves are believed."""

from __future__ import annotations

from collections.abc import Callable

from engine.analysis.run_sample import UNIFORM
from ktgtui.data.samples import LETTERED, Samples
from ktgtui.data.snapshot import RunDetail, RunView
from ktgtui.screens.analyse.crossing import crossing
from ktgtui.screens.analyse.curves import curves
from ktgtui.screens.analyse.importance import choices
from ktgtui.screens.analyse.runs import beside
from ktgtui.screens.analyse.view import Paragraph, View

Wanted = tuple[str, int, int]
"""`curves`, `crossing`, `choices` or `beside`, with the places in LETTERED of the condition and of the crossed one."""


def asking(wanted: Wanted, known: Samples, run: RunDetail, others: tuple[RunView, ...]) -> Callable[[], View]:
    """The question behind a page, to be asked in the thinker's thread."""
    kind, place, other = wanted
    condition, outer = LETTERED[place], LETTERED[other]
    if kind == "crossing":
        return lambda: crossing(known, run, outer, condition)
    if kind == "choices":
        return lambda: choices(known, run)
    if kind == "beside":
        return lambda: beside(known, run, others)
    return lambda: curves(known, run, condition)


def caveat(run: RunDetail | None) -> Paragraph:
    """What must be said before a curve of this run is believed."""
    if run is None:
        return []
    if run.view.strategy not in UNIFORM:
        return [(f"   drawn by {run.view.strategy}: no uniform sample, bands and verdicts do not hold", "warn")]
    if run.view.strategy == "exhaustive" and run.view.total and run.view.done < run.view.total:
        return [("   exhaustive and not finished: no uniform sample yet", "warn")]
    return []
