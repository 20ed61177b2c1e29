"""What other packages bring: entry points of the groups `engine.gates`, `engine.models` and `engine.datasets`."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from typing import Any, Literal

from engine.errors import TrainingError

Group = Literal["gates", "models", "datasets"]


@cache
def _installed(group: Group) -> dict[str, metadata.EntryPoint]:
    """Looked up once: a search of packages takes 5 ms, building an MLP 0.2."""
    return {entry.name: entry for entry in metadata.entry_points(group=f"engine.{group}")}


def bring(group: Group, name: str) -> Any:
    """The object that an installed package gives under this name; None if there is none.

    Raises TrainingError if the package is broken.
    """
    entry = _installed(group).get(name)
    if entry is None:
        return None
    try:
        return entry.load()
    except (ImportError, AttributeError) as error:
        raise TrainingError(f"entry point {name!r} of engine.{group} ({entry.value}) cannot be loaded: {error}",
                            "mend or uninstall its package") from None
