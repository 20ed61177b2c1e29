"""A run as a table for other tools: CSV or Parquet with one flat row a trial, JSON lines with everything."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import msgspec

from engine.errors import StoreError
from engine.space.graph import Graph
from engine.store.log.durable import disk
from engine.store.reader import RunReader
from engine.store.records import Training, Trial

Row = dict[str, Any]


def rows(reader: RunReader) -> list[Row]:
    """A flat row a trial, in number order, all with the same columns.

    Columns: the trial's own; `model_1` ... and `gate_y>1` ... of its graph; `accuracy_1` ... and `best_accuracy_1` ...
    by its graph's nodes (%, None for a node not trained); then its training's.
    """
    trainings = reader.trainings
    found = [_row(trial, trainings.get(trial.training or "")) for trial in reader.trials]
    columns = dict.fromkeys(name for row in found for name in row)
    return [columns | row for row in found]


def _row(trial: Trial, training: Training | None) -> Row:
    graph = Graph.parse(trial.graph)
    row: Row = {"number": trial.number, "key": trial.key, "graph": trial.graph, "repeat": trial.repeat,
                "state": str(trial.state), "error": trial.error, "inherited": trial.inherited}
    row |= {f"model_{node}": model for node, model in enumerate(graph.models, 1)}
    row |= {f"gate_{edge}": gate for edge, gate in graph.items()}
    row |= {f"accuracy_{node}": _at(trial.accuracy, node - 1) for node in range(1, graph.nodes + 1)}
    best = dict(zip(trial.nodes, training.best_accuracy, strict=False)) if training else {}
    row |= {f"best_accuracy_{node}": best.get(node) for node in range(1, graph.nodes + 1)}
    row["training"] = trial.training
    for name in ("seed", "epochs", "wall", "pack", "worker", "device", "reason"):
        row[name] = getattr(training, name, None)
    return row


def _at(values: Sequence[float | None], place: int) -> float | None:
    return values[place] if place < len(values) else None


def write_csv(reader: RunReader, stream: TextIO) -> int:
    """Write the flat rows as CSV, None as nothing; returns how many."""
    found = rows(reader)
    writer = csv.DictWriter(stream, list(found[0]) if found else ["number"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return len(found)


def write_jsonl(reader: RunReader, stream: TextIO) -> int:
    """Write `{"trial": ..., "training": ..., "curve": ...}` a line, as they are stored; returns how many."""
    trainings = reader.trainings
    trials = reader.trials
    for trial in trials:
        id = trial.training or ""
        line = {"trial": trial, "training": trainings.get(id), "curve": reader.curve(id) if id else None}
        stream.write(msgspec.json.encode(line).decode() + "\n")
    return len(trials)


def write_parquet(reader: RunReader, path: Path) -> int:
    """Write the flat rows as Parquet; returns how many. Raises StoreError if pyarrow is not installed."""
    try:
        pyarrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise StoreError("Parquet needs the package pyarrow", "pip install 'ktgtui[parquet]', or take --csv") from None
    found = rows(reader)
    with disk("write", path):
        parquet.write_table(pyarrow.Table.from_pylist(found), path)
    return len(found)
