"""What a strategy is: it says which graphs come next, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.space.graph import Graph
from engine.store.trials import Trial


@dataclass(frozen=True, slots=True)
class Draw:
    """One graph to try: `number` is its place in the order of draws (a trial's number), `graph` is canonical."""

    number: int
    graph: Graph
    repeat: int = 0


class Strategy(Protocol):
    """Which graph next. The same settings give the same draws in the same order, so a resumed search draws alike."""

    total: int
    """Draws there will be."""

    def settings(self) -> dict[str, Any]:
        """`name` and everything that decides the draws: what `run.json` keeps and a resume compares."""
        ...

    def preview(self) -> Iterable[Draw]:
        """The draws that can be foreseen, without taking them: packs are shaped for these."""
        ...

    def ask(self, most: int) -> Sequence[Draw]:
        """The next draws, at most `most`; empty when there are no more."""
        ...

    def tell(self, trial: Trial) -> None:
        """A draw's outcome, in trial order."""
        ...
