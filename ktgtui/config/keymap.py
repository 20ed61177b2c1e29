"""Every key binding by action id: for the settings file, and to refuse an id that is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from textual.binding import Binding
from textual.dom import DOMNode

from ktgtui.config.settings import SettingsError


def every(bound: Iterable[type[DOMNode]]) -> Iterator[tuple[str, str, str]]:
    """(action id, keys, what it does) of everything that binds keys, each id once."""
    seen = set()
    for kind in bound:
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
