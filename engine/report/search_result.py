"""What a search says at its end: the best graphs, the reference, the EDF, the folder, and what to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.analysis.edf import Edf, of_trials, resolution, resolution_words
from engine.analysis.ranking import UNRANKED, Best, Ranked, over_repeats, rank, why_none
from engine.analysis.run_sample import UNIFORM
from engine.report.figures.terminal_plot import Mark, edf_plot
from engine.space.catalogue import CUTOFF, THROUGH
from engine.space.files.load import Space
from engine.space.graph import Graph, edges
from engine.store.files.evaluations import read_evaluations
from engine.store.folder import space_of
from engine.store.records import RunInfo, State, Training, Trial

BEST = 5
"""Graphs listed."""

SHORT = {THROUGH: "thr", CUTOFF: "-", "linear": "lin", "correct": "cor", "negative-linear": "neg"}
"""Gates in a table's narrow columns; others by their first three letters."""


@dataclass(frozen=True, slots=True)
class Result:
    """A run's result; everything the ending prints or gives as JSON."""

    folder: Path
    space: Space
    info: RunInfo
    outcomes: dict[str, int]
    complete: bool
    best: tuple[Ranked, ...]
    choice: Best | None
    """The first of those, how many tie with it and what choosing it is worth; None if no graph has a result above chance."""
    why_none: str
    """Why there is no best graph; empty if there is one."""
    reference: Ranked | None
    """DML (every edge through, node losses summed) of the best graph's nodes, trained in this run."""
    edf: Edf
    wall: float | None = None
    """Seconds this command ran."""
    notes: tuple[str, ...] = field(default=())

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        counts = self.space.counts()
        return {
            "space": self.space.name,
            "counts": {n: getattr(counts, n) for n in ("raw", "paper", "keys", "effective")}
            | ({"effective_within": counts.effective_within} if counts.effective_within else {}),
            "strategy": self.info.strategy,
            "seed": self.info.seed,
            "complete": self.complete,
            "trials": sum(self.outcomes.values()),
            "total": self.info.total,
            "outcomes": self.outcomes,
            "best": [_plain(r) for r in self.best],
            "tied": 0 if self.choice is None else self.choice.tied,
            "optimism": None if self.choice is None else asdict(self.choice.optimism),
            "resolution": resolution(self.space.protocol.validation, self.choice.repeats if self.choice else 1),
            "reference": None if self.reference is None else {"name": "dml", **_plain(self.reference)},
            "wall": self.wall,
            "folder": str(self.folder),
        }


def result(
    folder: Path, info: RunInfo, trials: Sequence[Trial], trainings: dict[str, Training], wall: float | None = None
) -> Result:
    """Compute the result of a run from its records. Raises StoreError if its evaluations are damaged."""
    space, evaluations = space_of(folder, info), read_evaluations(folder)
    seen = Counter(t.state for t in trials)
    ranking = rank(trials, space, info, evaluations)
    listed = ranking.graphs(BEST)
    return Result(
        folder=folder,
        space=space,
        info=info,
        outcomes={s.value: seen[s] for s in State},
        complete=info.total is not None and len(trials) >= info.total,
        best=tuple(listed),
        choice=ranking.best,
        why_none="" if listed else why_none(trials, space),
        reference=_reference(listed[0], trainings) if listed else None,
        edf=of_trials(trials, space.protocol, space.name),
        wall=wall,
    )


def _reference(best: Ranked, trainings: dict[str, Training]) -> Ranked | None:
    graph = Graph(best.graph.models, (THROUGH,) * best.graph.nodes**2).canonical()
    effective = graph.effective().graph
    found = [t for t in trainings.values() if effective and t.graph == str(effective) and t.state.has_result]
    return over_repeats(graph.key, graph, [t.accuracy for t in found]) if found else None


def _plain(ranked: Ranked) -> dict[str, Any]:
    return {
        "key": ranked.key,
        **({"place": ranked.place.first, "tied": ranked.place.tied} if ranked.place != UNRANKED else {}),
        "graph": str(ranked.graph),
        "gates": {str(e): g for e, g in ranked.graph.items()},
        "error": round(ranked.error, 4),
        "errors": [round(e, 4) for e in ranked.errors],
        "accuracy": [None if a is None else round(a, 4) for a in ranked.accuracy],
    }


def text(shown: Result, width: int, *, colour: bool, plain: bool) -> str:
    """The ending as text; the plot is as wide as `width` allows, and the table of three nodes fits 80 columns."""
    width = max(60, min(width, 120))
    parts = [_headline(shown)]
    if shown.choice:
        marks = [Mark("DML of the same nodes", shown.reference.error)] if shown.reference else []
        parts += [_table(shown, shown.choice), edf_plot([shown.edf], width, 16, colour=colour, marks=marks, plain=plain)]
    else:
        parts.append(shown.why_none)
    parts.append(f"run folder  {shown.folder}\nnext        {next_step(shown)}")
    return "\n\n".join(parts)


def next_step(shown: Result) -> str:
    """What a person would type now, or change where nothing has learnt."""
    if not shown.complete:
        return shown.info.command
    if not shown.best:
        at = "at a lower rate" if shown.outcomes["diverged"] else "longer or at another rate"
        return f"train {at} (--set protocol.epochs=..., --set protocol.lr=...)"
    if shown.info.strategy.get("name") not in UNIFORM:  # no sample to take advice from, but graphs to prove
        return f"python -m engine.evaluate {shown.folder} --graph top5"
    return f"python -m engine.analysis {shown.folder} --advice"


def _headline(shown: Result) -> str:
    total = f" of {shown.info.total:,}" if shown.info.total is not None else ""
    head = f"{shown.space.name}, {shown.info.strategy.get('name')}: {sum(shown.outcomes.values()):,}{total} trials"
    told = ", ".join(f"{n} {name}" for name, n in shown.outcomes.items() if n)
    return f"{head} ({told})" if told else head


def _table(shown: Result, best: Best) -> str:
    headed = edges(shown.space.nodes)
    rows = [(str(r.place), r) for r in shown.best]
    if shown.reference:
        rows.append(("DML", shown.reference))
    wide = max(len(name) for name, _ in rows)
    lines = [" " * wide + "  error %  " + "".join(f"{e!s:<4}" for e in headed) + "models"]
    for name, ranked in rows:
        own = dict(ranked.graph.items())  # a listed graph may have fewer nodes than the space
        gates = "".join(f"{_short(own.get(e, CUTOFF)):<4}" for e in headed)
        lines.append(f"{name:>{wide}}  {ranked.error:7.2f}  {gates}{' '.join(ranked.graph.models)}".rstrip())
    used = sorted({CUTOFF, *(g for _, r in rows for g in r.graph.gates)})
    notes = [", ".join(f"{_short(g)} = {g}" for g in used) + "; y the label, 1 the target"]
    last = shown.best[-1].place
    if last.first + last.tied - 1 > BEST:
        notes.append(f"{last.tied:,} graphs tie at {shown.best[-1].error:.2f} %; their gates do not decide which are listed")
    notes += [best.words(), *filter(None, [best.chosen_by()])]
    notes.append(f"{resolution_words(shown.space.protocol.validation, best.repeats)}, nothing finer is told apart")
    return "\n".join([*lines, *("     " + note for note in notes)])


def _short(gate: str) -> str:
    return SHORT.get(gate, gate[:3])
