"""What a search decided at a rung, with everything it decided from: a record for people, and for a replay.

The rule's settings are in `run.json`; the judgements in order, each with its entries, are all that the rule saw
(`engine.strategies.halving.replay` gives the same decisions again).
"""

from __future__ import annotations

import msgspec


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One cohort judged at one rung."""

    epoch: int
    """The rung: epochs trained by those who enter it."""
    cohort: int
    """Which cohort, from 0; a rung judges its cohorts in this order."""
    entries: tuple[tuple[int, float | None], ...]
    """Who enters the rung: (trial number, the target's validation accuracy (%) at `epoch`; None: no number)."""
    kept: tuple[int, ...] = ()
    """Trial numbers that go on to the next rung, in the order of numbers. Under the rule `promote` also trials of
    earlier cohorts that waited here."""
    stopped: dict[int, str] = {}
    """Trial number to the reason, of those that go no further."""
