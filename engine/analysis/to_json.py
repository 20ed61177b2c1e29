"""Info objects as plain data, for `--json`: the same numbers as on screen, unrounded where a machine may want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from engine.analysis.advice.advise import Advice, Advised, reason
from engine.analysis.advice.next_step import Step
from engine.analysis.advice.stability import Stability
from engine.analysis.conditions import Split
from engine.analysis.edf import Edf, resolution
from engine.analysis.importance import Enrichment, Share
from engine.analysis.ranking import Best
from engine.analysis.verdict import Verdict

SHARES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)


def edf(curve: Edf) -> dict[str, Any]:
    """One curve: its n, quantiles and left-out counts."""
    return {
        "label": curve.label, "n": curve.n, "inherited": curve.inherited, "passes": curve.passes,
        "averaged": curve.averaged, "fraction": curve.fraction, "left_out": curve.left_out.counts(),
        "best": finite(curve.best), "median": finite(curve.median),
        "resolution": None if curve.images is None else resolution(curve.images, curve.averaged),
        "quantiles": {str(q): finite(curve.quantile(q)) for q in SHARES},
    }


def best(found: Best | None) -> dict[str, Any] | None:
    """The best graph, how many tie with it and what choosing it is worth."""
    return None if found is None else asdict(found)


def finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if isfinite(value) else None


def verdict(found: Verdict) -> dict[str, Any]:
    return {
        "kind": found.kind, "leader": found.leader, "sentence": found.sentence, "crossings": list(found.crossings),
        "more": found.more, "quantiles": [{**asdict(q), "gap": q.gap} for q in found.quantiles], "area": found.area,
        "coverage": found.difference.coverage,
    }


def split(parted: Split, verdicts: Sequence[Verdict | None]) -> dict[str, Any]:
    """A condition: every value's curve, phrase and verdict against the others."""
    values = zip(parted.values, parted.edfs(), verdicts, strict=True)
    return {
        "title": parted.title,
        "values": [{"phrase": v.phrase, **edf(e), "verdict": None if w is None else verdict(w)} for v, e, w in values],
    }


def advised(found: Advised, steps: Sequence[Step]) -> dict[str, Any]:
    """All candidates, each with the step it would lead to."""
    return {
        "coverage": found.coverage, "looks": found.looked, "critical": found.critical,
        "ranked": [{**_advice(a, found), "next": asdict(s)} for a, s in zip(found.ranked, steps, strict=True)],
        "too_few": [{"phrase": c.phrase, "n": c.n} for c in found.too_few],
    }


def _advice(advice: Advice, found: Advised) -> dict[str, Any]:
    return {
        "phrase": advice.phrase, "condition": advice.candidate.condition.name, "n": advice.child.n,
        "inherited": advice.child.inherited, "sure": advice.is_sure, "lift": asdict(advice.lift),
        "median": asdict(advice.median), "q10": asdict(advice.tenth), "best": advice.best, "beyond": advice.beyond,
        "regret": {**asdict(advice.regret), "best_lost": advice.regret.best_lost},
        "interaction": None if advice.interaction is None else asdict(advice.interaction),
        "reason": reason(advice, found),
    }


def stability(found: Stability) -> dict[str, Any]:
    choices = [{"phrase": phrase, "share": share} for phrase, share in found.choices]
    return {"halves": found.halves, "choices": choices, "lift_seen": found.seen, "lift_unseen": found.unseen}


def importance(shares: Sequence[Share]) -> list[dict[str, Any]]:
    return [asdict(s) for s in shares]


def winners(found: Sequence[Enrichment]) -> list[dict[str, Any]]:
    return [{**asdict(e), "n": e.n} for e in found]
