"""How long a search will take: by calibration until something was measured, by what was measured from then on."""

from __future__ import annotations

from dataclasses import dataclass, field

SETTLED = 1.0
"""Seconds of measuring before a rate is believed."""


@dataclass
class Pace:
    """Graphs trained a second, counted from the first epoch that any pack finishes.

    What comes before it is loading, teachers and compiling, which come once: a rate that counted it would promise a later end
    than there is.
    """

    expected: float | None = None
    """Graphs a second by calibration; None where nothing was calibrated."""
    _since: tuple[float, float] | None = field(default=None)

    def rate(self, now: float, trained: float) -> float | None:
        """Graphs a second measured so far; `trained` is the graphs' worth of work at `now` (seconds on any clock that stands
        still while the search does)."""
        if self._since is None:
            if trained > 0:
                self._since = (now, trained)
            return None
        seconds, gained = now - self._since[0], trained - self._since[1]
        return gained / seconds if seconds > SETTLED and gained > 0 else None

    def left(self, graphs: float, rate: float | None) -> float | None:
        """Seconds until `graphs` more are trained; None if nobody knows."""
        pace = rate or self.expected
        return graphs / pace if pace else None
