"""What a strategy is: it says which graphs come next, and at rungs which of them go on, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from engine.space.graph import Graph
from engine.store.files.rung_decisions import Judgement
from engine.store.records import Trial


@dataclass(frozen=True, slots=True)
class Draw:
    """One graph to try: `number` is its place in the order of draws (a trial's number), `graph` is canonical."""

    number: int
    graph: Graph
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class RungReport:
    """A cohort has come to a rung."""

    epoch: int
    """The rung: one of `Strategy.rungs`."""
    cohort: int
    """Trial number // `Strategy.cohort` of the draws that opened it."""
    entries: tuple[tuple[int, float | None], ...]
    """(trial number, the target's validation accuracy (%) at `epoch`), by number; None: no number (diverged, failed).
    Graphs that train identically enter once, as the first one drawn, and untaught ones enter at chance."""


class Strategy(Protocol):
    """Which graph next. The same settings, told the same outcomes, give the same draws in the same order: so a resumed
    search, which asks again from the beginning and tells what is recorded, draws alike."""

    total: int
    """Draws there will be."""
    at_once: int | None
    """Draws that may be in training together; None: all. Packs are made no larger."""
    rungs: tuple[int, ...]
    """Epochs at which graphs are judged, ascending, before the protocol's last; empty: all train to the end."""
    cohort: int
    """Draws that are judged together."""
    inherited: Mapping[tuple[str, int], Trial]
    """Results of another run that count as this one's, by (graph's key, repeat): such draws are not trained."""

    def settings(self) -> dict[str, Any]:
        """`name` and everything that decides the draws: what `run.json` keeps and a resume compares."""
        ...

    def preview(self) -> Iterable[Draw]:
        """Draws that show every model, gate and pre-trained node that may come, without taking any: packs are shaped
        for these."""
        ...

    def ask(self, most: int) -> Sequence[Draw]:
        """The next draws, at most `most`, of different numbers; empty when there are no more. What was asked before has
        been told."""
        ...

    def tell(self, trial: Trial) -> None:
        """A draw's outcome. Outcomes of what was asked for together come in trial order."""
        ...

    def judge(self, report: RungReport) -> Judgement:
        """Who goes on. Rungs judge their cohorts in order, each cohort at each rung once. Nothing is written here."""
        ...

    def state(self) -> dict[str, Any]:
        """What it knows, for people: plain JSON data."""
        ...


class Defaults:
    """What a strategy is that does not say otherwise: all its draws may train at once and to the end, and are its own."""

    at_once: int | None = None
    rungs: tuple[int, ...] = ()
    cohort: int = 1
    inherited: Mapping[tuple[str, int], Trial] = MappingProxyType({})

    def tell(self, trial: Trial) -> None:
        """Nothing is learned."""

    def judge(self, report: RungReport) -> Judgement:
        raise AssertionError(f"no graph is judged, but a cohort came to epoch {report.epoch}")

    def state(self) -> dict[str, Any]:
        return {}
