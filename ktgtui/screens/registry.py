"""The pages by name, in the order of their numbers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from textual.screen import Screen

PAGES = {
    "spaces": "ktgtui.screens.spaces.screen:SpacesPage",
    "live": "ktgtui.screens.live.screen:LivePage",
    "analyse": "ktgtui.screens.analyse.screen:AnalysePage",
    "refine": "ktgtui.screens.refine.screen:RefinePage",
    "trial": "ktgtui.screens.trial.screen:TrialPage",
    "best": "ktgtui.screens.best.screen:BestPage",
}
"""All but the first are imported when they are first opened: the first paint waits for none of them."""


def page(name: str) -> Any:
    """Makes a page when it is first opened."""

    def made() -> Screen[None]:
        module, _, kind = PAGES[name].partition(":")
        opened: Screen[None] = getattr(import_module(module), kind)()
        return opened

    return made
