"""Errors meant for a person: one line that says what, where and what to do; the commands print it and exit with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EngineError(Exception):
    """Base of everything the engine refuses on purpose.

    `message` says what is wrong and where (file, place, rule, value); `hint` says what to do about it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}; {hint}")
        self.message = message
        self.hint = hint


class SpaceError(EngineError):
    """A space file, phrase or graph that cannot be used."""


class StoreError(EngineError):
    """A run folder that cannot be opened, written or trusted."""


class DataError(EngineError):
    """A data set that is missing, damaged or too small for the protocol."""


class TrainingError(EngineError):
    """A model, gate or protocol that training cannot carry out."""


class AnalysisError(EngineError):
    """Trials that cannot answer what was asked of them."""


class Stopped(BaseException):
    """A search is ended before its time, by a person or the system. No Exception: what is caught as a graph's is not this."""

    def __init__(self, line: str, code: int) -> None:
        """`line` tells who ended it, `code` is the exit code."""
        super().__init__(line)
        self.line = line
        self.code = code


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint naming the known name closest to `name`, or listing the known ones (at most twelve)."""
    names = sorted(known)
    small = {each.lower(): each for each in names}
    if close := difflib.get_close_matches(name, names, n=1, cutoff=0.5):
        return f"did you mean {close[0]!r}?"
    if close := difflib.get_close_matches(name.lower(), small, n=1, cutoff=0.5):
        return f"did you mean {small[close[0]]!r}?"
    return "known: " + ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
