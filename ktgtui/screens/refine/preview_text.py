"""What constraints would do, in words: can they be used, how many graphs are left, what is lost."""

from __future__ import annotations

from engine.analysis.advice.regret import Regret
from engine.space.counting.counts import Counts
from ktgtui.data.samples import Consequence
from ktgtui.drawing.text import Paragraph


def verdict(found: Consequence) -> Paragraph:
    """Whether the last phrase can be used, in a line."""
    if found.whatif is None:
        return [("type a constraint, or press enter on a value of the analyse page", "dim")]
    said = found.whatif.verdict
    if said.is_usable:
        role = "good" if said.value == "narrows" else "warn"
        return [(f"{found.whatif.phrase}: {said.value}", role)]
    clash = ", ".join(f"'{p}'" for p in found.whatif.conflict)
    return [(f"{said.value}", "bad"), (f": {clash} cannot hold together" if clash else "", "bad")]


def counts(before: Counts, after: Counts, changed: bool) -> list[Paragraph]:
    """The four counts, before and after."""

    def pair(label: str, name: str) -> tuple[tuple[str, str], tuple[str, str]]:
        old, new = before.shown(name), after.shown(name)
        return (f"{label} ", "dim"), (f"{old} -> {new}   " if changed else f"{old}   ", "")

    return [[*pair("graphs", "keys"), *pair("effective", "effective")], [*pair("raw", "raw"), *pair("paper's", "paper")]]


def comparison(found: Consequence) -> list[Paragraph]:
    """Child against parent, and what would be lost."""
    if found.child is None or found.parent is None:
        return []
    legend = [(f"a {found.parent.legend()}", "curve0")], [(f"b {found.child.legend()}", "curve1")]
    if not found.child.n:
        return [legend[0], [("no trial at hand satisfies it", "warn")]]
    told = [*legend]
    if found.regret:
        told.append(_lost(found.regret))
    if found.verdict:
        told.append([(found.verdict.sentence, "dim")])
    return [list(line) for line in told]


def _lost(regret: Regret) -> list[tuple[str, str]]:
    top1, top5 = regret.top1.value, regret.top5.value
    return [(regret.words(), "bad" if regret.best_lost else "good"),
            (f", drops {100 * top1:.0f} % of the best 1 %, {100 * top5:.0f} % of the best 5 %", "warn" if top1 > 0.5 else "")]
