"""Random search with successive halving: the paper's baseline (section 4.3), or ASHA as published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from engine.errors import SpaceError
from engine.space.space import Space
from engine.store.files.rung_decisions import Judgement
from engine.strategies.halving import NUMBERLESS, Halving, Rungs
from engine.strategies.interface import Defaults, Draw, RungReport

COHORT = 16
"""Graphs judged together. Larger ones are judged better at the beginning, when a rung has seen nobody; they cost no
time, as graphs are packed by rung and not by cohort."""


class Asha(Defaults):
    """`n` different graphs, uniform up to relabelling, each trained as far as its rungs let it."""

    def __init__(self, space: Space, n: int, seed: int, halving: Halving | None = None, cohort: int = COHORT) -> None:
        """Raises SpaceError for n or cohort < 1, and for a protocol that ends before the first rung."""
        if n < 1:
            raise SpaceError(f"--asha: must be at least 1 graph, got {n}")
        if cohort < 1:
            raise SpaceError(f"--cohort: must be at least 1 graph, got {cohort}")
        halving = halving or Halving()
        self.rungs = halving.marks(space.protocol.epochs)
        if not self.rungs:
            raise SpaceError(
                f"--asha: the first rung is at epoch {halving.least * halving.factor**halving.early}, "
                f"but the protocol ends at epoch {space.protocol.epochs}", "train longer, or judge earlier with --r and --s"
            )  # fmt: skip
        self.cohort = cohort
        self.graphs = space.sample(n, seed)
        self.total = len(self.graphs)
        self._settings = {
            "name": "asha", "n": n, **halving.plain(), "R": space.protocol.epochs, "cohort": cohort,
            "cohorts": -(-self.total // cohort), "repeats": 1,
        }  # fmt: skip
        self._draws = self.preview()
        self._judge = Rungs(halving)

    def judge_as(self, begun: Mapping[str, Any]) -> None:
        """Before anything is judged: as a run with these settings was begun, if that was by an earlier version's rule.

        What else they have otherwise stays as it was asked for, and is refused by name.
        """
        assert not self._judge.rungs
        halving = self._judge.halving
        if begun.get("ties") == halving.ties == "optuna":
            halving = replace(halving, counts_numberless=NUMBERLESS not in begun)
            self._settings = {n: v for n, v in self._settings.items() if n != NUMBERLESS} | halving.plain()
            self._judge = Rungs(halving)

    def preview(self) -> Iterator[Draw]:
        return (Draw(number, graph) for number, graph in enumerate(self.graphs))

    def settings(self) -> dict[str, Any]:
        return self._settings

    def ask(self, most: int) -> list[Draw]:
        return list(islice(self._draws, most))

    def judge(self, report: RungReport) -> Judgement:
        last = report.cohort == self._settings["cohorts"] - 1
        return self._judge.judge(report.epoch, report.cohort, report.entries, last)

    def state(self) -> dict[str, Any]:
        return {"rungs": self._judge.plain()}
