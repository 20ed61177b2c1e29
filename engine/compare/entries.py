"""What the comparison of searches rests on: each run's best graph and DML of its nodes, trained again, and what it cost.

The paper's Table 2 for any set of runs. Everything comes from run folders and their evaluations; no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.analysis.diagnostics.trajectory import Trajectory, trajectory
from engine.analysis.repeats.retrained import Figure, Repeated, Which, difference
from engine.evaluate.evaluation import Chosen, Evaluated
from engine.space.reference_graphs import dml
from engine.store.reader import RunReader


@dataclass(frozen=True, eq=False)
class Entry:
    """One search of the comparison."""

    name: str
    """Space and strategy, and the run folder's name where that is not enough."""
    folder: Path
    trials: int
    best: Repeated
    """The run's best graph, trained again."""
    dml: Repeated
    """DML (all edges through, node losses summed) of the same nodes, trained again on the same batches."""
    selected: float
    """Validation accuracy (%) the best graph was chosen by."""
    path: Trajectory
    remark: str | None
    notes: tuple[str, ...] = ()
    """Where equal graphs were left out, and what decided."""

    @property
    def graph_epochs(self) -> float:
        return float(self.path.epochs[-1]) if len(self.path.epochs) else 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training, summed over workers."""
        return float(self.path.seconds[-1]) if len(self.path.seconds) else 0.0

    @property
    def optimism(self) -> float | None:
        """Validation accuracy (%) at selection minus the retrained mean."""
        again = self.best.target.validation
        return None if again is None else self.selected - again.mean

    def gain(self, which: Which) -> Figure | None:
        """Best minus DML (points of accuracy), repeat by repeat."""
        return difference(self.best.evaluations, self.dml.evaluations, which)

    @property
    def is_dml(self) -> bool:
        """Is the best graph DML itself? Then there is nothing to gain."""
        return self.best.key == self.dml.key


def entry(found: Evaluated, name: str) -> Entry:
    """What a comparison takes from a run whose `best` and `dml`, chosen in this order, have been evaluated."""
    chosen = found.chosen
    with RunReader(chosen.folder) as reader:
        reader.refresh()
        trials, trainings = reader.trials, reader.trainings
    first = chosen.graphs[0]
    by_key = {graph.key: graph for graph in found.graphs}
    path = trajectory(trials, trainings, chosen.space.protocol)
    reference = dml(first.models).key
    return Entry(name, chosen.folder, len(trials), by_key[first.key], by_key[reference], chosen.selected[first.key], path,
                 found.remark, chosen.notes)


def names(chosen: Sequence[Chosen]) -> list[str]:
    """`digits/A, asha`; runs that would be called the same are told apart by their folders."""
    plain = [f"{c.space.name}, {c.info.strategy.get('name')}" for c in chosen]
    return [n if plain.count(n) == 1 else f"{n} ({c.folder.name})" for n, c in zip(plain, chosen, strict=True)]


@dataclass(frozen=True, slots=True)
class Against:
    """One search's best graph against another's."""

    ours: str
    theirs: str
    gap: Figure
    """Points of accuracy, ours minus theirs, by pairs of retrainings on the same batches."""


def between(entries: Sequence[Entry], which: Which, protocols: Sequence[Chosen]) -> list[Against]:
    """Every later search against every earlier one, where protocol and search seed are the same."""
    found = []
    for i, ours in enumerate(entries):
        for j, theirs in enumerate(entries[:i]):
            if protocols[i].space.protocol.differing(protocols[j].space.protocol):
                continue
            if gap := difference(ours.best.evaluations, theirs.best.evaluations, which):
                found.append(Against(ours.name, theirs.name, gap))
    return found


def spent(entries: Sequence[Entry], most: int = 8) -> list[tuple[int, list[float | None]]]:
    """Lowest validation error (%) so far after 100, 200, 500, 1,000, ... graph-epochs, at most the last `most` such costs,
    the whole cost of the longest search last.

    None where a search has found nothing yet; a search that has ended keeps its last value.
    """
    longest = int(max(e.graph_epochs for e in entries))
    round_ones = (m * 10**power for power in range(2, 12) for m in (1, 2, 5))
    marks = [*(m for m in round_ones if m < longest), longest]
    return [(mark, [_best_after(e.path, mark) for e in entries]) for mark in marks[-most:]]


def _best_after(path: Trajectory, cost: float) -> float | None:
    place = int(path.epochs.searchsorted(cost, side="right")) - 1
    value = float(path.best[place]) if place >= 0 else float("nan")
    return None if value != value else value


def plain(entries: Sequence[Entry], chosen: Sequence[Chosen], *, test: bool) -> dict[str, Any]:
    """For `--json`; figures of the test set only if `test`."""
    kinds: tuple[Which, ...] = ("validation", "test") if test else ("validation",)
    return {
        "searches": [_plain(e, kinds) for e in entries],
        "between": {kind: [{"ours": a.ours, "theirs": a.theirs, **a.gap.plain()} for a in between(entries, kind, chosen)]
                    for kind in kinds},
    }  # fmt: skip


def _plain(entry: Entry, kinds: Sequence[Which]) -> dict[str, Any]:
    path = entry.path
    steps = [i for i in range(len(path.best)) if path.best[i] == path.best[i] and (i == 0 or path.best[i] != path.best[i - 1])]
    gains = {kind: (gap := entry.gain(kind)) and gap.plain() for kind in kinds}
    return {
        "name": entry.name, "run": str(entry.folder), "trials": entry.trials, "graph_epochs": entry.graph_epochs,
        "training_seconds": round(entry.seconds, 3), "best": entry.best.plain(test="test" in kinds),
        "dml": entry.dml.plain(test="test" in kinds), "best_is_dml": entry.is_dml, "gain": gains,
        "selected": entry.selected, "optimism": entry.optimism, "test_set": entry.remark or "closed",
        "notes": list(entry.notes),
        "best_so_far": [[float(path.epochs[i]), float(path.best[i])] for i in steps],
    }  # fmt: skip
