"""Baselines side by side: accuracy over repeats, and what each gains over its target alone on the same seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from engine.space.graph import Graph
from engine.store.reader import RunReader
from engine.store.records import Trial


@dataclass(frozen=True, slots=True)
class Row:
    """One baseline."""

    name: str
    graph: str
    accuracy: tuple[float, ...]
    """Validation accuracy (%) of the target, by repeat; those without a result left out."""
    gain: tuple[float, ...]
    """Points over the same target alone, by repeat: paired, as a repeat has the same batches."""

    @property
    def mean(self) -> float | None:
        return fmean(self.accuracy) if self.accuracy else None


@dataclass(frozen=True, slots=True)
class Rows:
    folders: tuple[Path, ...]
    rows: tuple[Row, ...]

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        return {"folders": [str(f) for f in self.folders], "baselines": [{**asdict(r), "mean": r.mean} for r in self.rows]}


def rows(folders: Sequence[Path]) -> Rows:
    """The baselines of run folders, each with its settings' names. Raises StoreError."""
    found: dict[str, tuple[str, Mapping[int, float]]] = {}
    for folder in folders:
        with RunReader(folder) as reader:
            reader.refresh()
            for name, graph in reader.info.strategy["graphs"].items():
                found[name] = (graph, _by_repeat(reader.trials, graph))
    alone = {Graph.parse(graph).models[0]: values for name, (graph, values) in found.items() if name.startswith("alone ")}
    made = []
    for name, (graph, values) in found.items():
        base = alone.get(Graph.parse(graph).models[0], {})
        paired = tuple(round(value - base[repeat], 4) for repeat, value in values.items() if repeat in base)
        made.append(Row(name, graph, tuple(values.values()), paired))
    return Rows(tuple(folders), tuple(made))


def _by_repeat(trials: Sequence[Trial], graph: str) -> dict[int, float]:
    return {t.repeat: t.accuracy[0] or 0.0 for t in trials if t.graph == graph and t.state.has_result}


def text(found: Rows) -> str:
    """A table; gains over the target alone are paired by repeat."""
    width = max(len(row.name) for row in found.rows)
    lines = [f"{'':<{width}}  accuracy %      over alone"]
    for row in found.rows:
        value = _told(row.accuracy, ".2f") if row.accuracy else "no result"
        gain = "" if row.name.startswith("alone ") or not row.gain else _told(row.gain, "+.2f")
        lines.append(f"{row.name:<{width}}  {value:<14}  {gain}".rstrip())
    lines.append(f"validation accuracy, mean ± deviation of {max(len(r.accuracy) for r in found.rows)} repeats on common seeds")
    return "\n".join([*lines, "", f"run folders  {'  '.join(map(str, found.folders))}"])


def _told(values: Sequence[float], form: str) -> str:
    mean = format(fmean(values), form)
    return f"{mean} ± {stdev(values):.2f}" if len(values) > 1 else mean
