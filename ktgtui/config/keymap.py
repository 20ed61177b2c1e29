"""Every key binding by action id: for the settings file, and to refuse an id that is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any

from textual.binding import Binding

from ktgtui.config.settings import SettingsError

PLACES = (
    "app:Workbench", "screens.spaces.screen:SpacesPage", "screens.live.screen:LivePage", "screens.analyse.screen:AnalysePage",
    "screens.refine.screen:RefinePage", "screens.trial.screen:TrialPage", "screens.best.screen:BestPage", "widgets.table:Table",
    "widgets.prompt:Prompt", "dialogs.form:Form", "dialogs.picker:Listing",
    "dialogs.editor:Editor",
)


def every() -> Iterator[tuple[str, str, str]]:
    """(action id, keys, what it does), pages in their order."""
    seen = set()
    for place in PLACES:
        module, _, name = place.partition(":")
        kind: Any = getattr(import_module(f"ktgtui.{module}"), name)
        for binding in kind.BINDINGS:
            if isinstance(binding, Binding) and binding.id and binding.id not in seen:
                seen.add(binding.id)
                yield binding.id, binding.key, binding.description


def checked(keys: Mapping[str, str], known: Iterable[str]) -> Mapping[str, str]:
    """`keys` if all of them are bindings. Raises SettingsError naming the nearest one that is."""
    ids = list(known)
    for name in keys:
        if name not in ids:
            near = difflib.get_close_matches(name, ids, 1)
            raise SettingsError(f"settings: keys: there is no action {name!r}",
                                f"did you mean {near[0]!r}?" if near else "ktgtui --settings lists them")
    return keys
