"""The one place where any exception is caught: what networks raise is a result, not the search's end."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from engine.errors import EngineError

Said = TypeVar("Said")
Made = TypeVar("Made")


def attempted(work: Generator[Said, None, Made]) -> Generator[Said, None, Made | Exception]:
    """Run `work`, passing on what it yields; its exception is returned. EngineError (bad input) and Ctrl-C go through."""
    try:
        return (yield from work)
    except EngineError:
        raise
    except Exception as error:  # noqa: BLE001  a network of somebody's may raise anything
        return error
