"""The pages, in the order of their numbers. All but the first are imported when they are first opened.

The first paint waits for none of them: their imports (numpy, the engine's analysis) take 0.3 s.
"""

from __future__ import annotations

from collections.abc import Callable

from ktgtui.context import PageName
from ktgtui.screens.base import Page
from ktgtui.screens.spaces.screen import SpacesPage


def _live() -> type[Page]:
    from ktgtui.screens.live.screen import LivePage

    return LivePage


def _analyse() -> type[Page]:
    from ktgtui.screens.analyse.screen import AnalysePage

    return AnalysePage


def _refine() -> type[Page]:
    from ktgtui.screens.refine.screen import RefinePage

    return RefinePage


def _trial() -> type[Page]:
    from ktgtui.screens.trial.screen import TrialPage

    return TrialPage


def _best() -> type[Page]:
    from ktgtui.screens.best.screen import BestPage

    return BestPage


PAGES: dict[PageName, Callable[[], type[Page]]] = {
    "spaces": lambda: SpacesPage, "live": _live, "analyse": _analyse, "refine": _refine, "trial": _trial, "best": _best,
}
"""Each gives the page's class."""
