"""Successive halving: who goes on at a rung. One implementation, for searches, replays and what-if questions.

Three rules. `stop` with ties by rank is the paper's (section 4.3): at epochs 1, 2, 4, ... a graph in the lower half of
all results seen at that epoch is stopped; one without a number is the last of them. `stop` with ties as in Optuna is what
the public code ran (`SuccessiveHalvingPruner`): one without a number is stopped and takes no place among the others.
`promote` is ASHA as published (Li et al. 2020): nobody is stopped, the best of a rung are promoted, the others wait.

A cohort enters a rung together and is judged together; a rung judges its cohorts in their order, so decisions depend on
the order of trial numbers and never on the clock. A cohort of one is the paper's sentence to the letter.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Any, Literal

from engine.errors import SpaceError
from engine.store.files.rung_decisions import Judgement

RULES = ("stop", "promote")
TIES = ("rank", "optuna")
NUMBERLESS = "numberless"
"""Name of the setting that tells a run by Optuna's ties from those of version 0.1.0."""

Place = tuple[float, int]
"""Minus the accuracy (%) and the trial number: sorted, the best comes first and ties go to the earlier trial."""


@dataclass(frozen=True, slots=True)
class Halving:
    """The settings of a rule."""

    factor: int = 2
    """eta: one in `factor` goes on."""
    least: int = 1
    """r: epochs before the first rung (of `early` 0)."""
    early: int = 0
    """s: rungs left out at the beginning."""
    rule: Literal["stop", "promote"] = "stop"
    ties: Literal["rank", "optuna"] = "rank"
    counts_numberless: bool = False
    """With Optuna's ties: does a trial without a number count among a rung's results, as the worst? Not in Optuna, but in
    runs whose settings say nothing of it, which version 0.1.0 began. By rank it does."""

    def __post_init__(self) -> None:
        for flag, value, least in (("eta", self.factor, 2), ("r", self.least, 1), ("s", self.early, 0)):
            if value < least:
                raise SpaceError(f"--{flag}: must be at least {least}, got {value}")
        for name, known in (("rule", RULES), ("ties", TIES)):
            if getattr(self, name) not in known:
                raise SpaceError(f"--{name}: must be {' or '.join(known)}, got {getattr(self, name)!r}")
        if self.rule == "promote" and self.ties == "optuna":
            raise SpaceError("--ties optuna: goes with --rule stop, got --rule promote", "leave --ties away")

    def marks(self, last: int) -> tuple[int, ...]:
        """Epochs of the rungs: r * eta^s, and each `factor` times the one before, below `last`, where all end anyway."""
        marks, mark = [], self.least * self.factor**self.early
        while mark < last:
            marks.append(mark)
            mark *= self.factor
        return tuple(marks)

    def allowed(self, seen: int) -> int:
        """How many of a rung's `seen` results may go on, were there no ties."""
        return seen // self.factor if self.rule == "promote" else max(1, seen // self.factor)

    @property
    def leaves_out(self) -> bool:
        """Is a trial without a number stopped without entering what its rung has seen?"""
        return self.ties == "optuna" and not self.counts_numberless

    def plain(self) -> dict[str, Any]:
        """As JSON data, in the words of `run.json`."""
        told = {"eta": self.factor, "r": self.least, "s": self.early, "rule": self.rule, "ties": self.ties}
        return told | {NUMBERLESS: "left out"} if self.leaves_out else told

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Halving:
        """From a run's strategy settings. Raises KeyError if they are of another strategy."""
        earlier = settings["ties"] == "optuna" and NUMBERLESS not in settings
        return cls(settings["eta"], settings["r"], settings["s"], settings["rule"], settings["ties"], earlier)


@dataclass(slots=True)
class Rung:
    """What has been seen at one epoch."""

    seen: list[Place] = field(default_factory=list)
    """Sorted; those without a number too, unless the rule leaves them out."""
    gone: set[int] = field(default_factory=set)
    """Trial numbers that went on."""
    entered: set[int] = field(default_factory=set)
    """Trial numbers that came here, with or without a number."""


@dataclass(slots=True)
class Rungs:
    """A rule at work: judges cohort after cohort and remembers what each rung has seen."""

    halving: Halving
    rungs: dict[int, Rung] = field(default_factory=dict)

    def judge(self, epoch: int, cohort: int, entries: Iterable[tuple[int, float | None]], last: bool = False) -> Judgement:
        """Who goes on, after all `entries` (trial number, accuracy in %, None or NaN: no number) have entered.

        `last`: no other cohort will come to this rung, so that nobody waits there any longer.
        """
        entries = tuple(sorted((number, None if v is None or isnan(v) else v) for number, v in entries))
        rung = self.rungs.setdefault(epoch, Rung())
        for number, value in entries:
            if value is not None or not self.halving.leaves_out:
                insort(rung.seen, (inf if value is None else -value, number))
            rung.entered.add(number)
        if self.halving.rule == "promote":
            best = rung.seen[: self.halving.allowed(len(rung.seen))]
            kept = {number for badness, number in best if badness < inf} - rung.gone
            out = rung.entered - rung.gone - kept if last else set()
        else:
            kept = {number for number, value in entries if value is not None and self._stays(rung.seen, (-value, number))}
            out = {number for number, _ in entries} - kept
        rung.gone |= kept
        reasons = {number: self._reason(rung.seen, number, epoch) for number in sorted(out)}
        return Judgement(epoch=epoch, cohort=cohort, entries=entries, kept=tuple(sorted(kept)), stopped=reasons)

    def _stays(self, seen: list[Place], own: Place) -> bool:
        if self.halving.ties == "optuna":
            return bisect_left(seen, (own[0], -1)) <= max(len(seen) // self.halving.factor - 1, 0)
        return bisect_left(seen, own) < self.halving.allowed(len(seen))

    def _reason(self, seen: list[Place], number: int, epoch: int) -> str:
        place = next((i for i, (_, other) in enumerate(seen, 1) if other == number), None)
        if place is None or seen[place - 1][0] == inf:
            return f"no number at epoch {epoch}"
        return f"place {place} of {len(seen)} at epoch {epoch}, {self.halving.allowed(len(seen))} go on"

    def plain(self) -> dict[str, Any]:
        """For people: how many each rung has seen and let on."""
        return {str(epoch): {"seen": len(r.entered), "kept": len(r.gone)} for epoch, r in sorted(self.rungs.items())}


def replay(judgements: Iterable[Judgement], settings: dict[str, Any]) -> list[Judgement]:
    """The judgements a run's settings lead to, from the recorded entries alone: equal to the recorded ones.

    `settings` are the `strategy` of `run.json`. Raises KeyError if they are of a strategy that judges by no such rule.
    """
    rungs = Rungs(Halving.of(settings))
    return [rungs.judge(j.epoch, j.cohort, j.entries, j.cohort == settings["cohorts"] - 1) for j in judgements]

