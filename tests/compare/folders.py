"""Run folders of known results, whose evaluations are there already: a comparison has nothing to train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.space.files import resolved
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.reference_graphs import dml
from engine.store.files.evaluations import FRESH, Evaluation, EvaluationFile
from engine.store.records import RunInfo, State, Training, Trial, training_id
from engine.store.run import Run

SPACE = load("digits/X").with_protocol({"epochs": 4})
GRAPHS = list(SPACE.enumerate())
DML = dml(("mlp16", "mlp96", "mlp96")).canonical()


def searched(folder: Path, accuracies: Sequence[float], seed: int = 0, strategy: str = "random", **protocol: int) -> Graph:
    """A run whose trial i, graph i of digits/X, has that accuracy (%) after 2 s; returns its best graph."""
    space = SPACE.with_protocol({**protocol})
    info = RunInfo(name=folder.name, space=resolved.dump(space), strategy={"name": strategy}, seed=seed,
                   mode={"pack": 4}, total=len(accuracies))  # fmt: skip
    graphs = [g for g in GRAPHS if g != DML][: len(accuracies)]
    with Run.create(folder, info) as run:
        for number, (graph, value) in enumerate(zip(graphs, accuracies, strict=True)):
            form = graph.effective()
            assert form.graph is not None
            values = (value, 90.0, 90.0)
            id = training_id(form.graph.key, 0)
            training = Training(id=id, graph=str(form.graph), seed=seed, state=State.DONE, wall=2.0, epochs=space.protocol.epochs,
                                accuracy=values)
            trial = Trial(number=number, key=graph.key, graph=str(graph), state=State.DONE, training=id, nodes=form.nodes,
                          accuracy=values)  # fmt: skip
            run.add([trial], [training])
    return graphs[max(range(len(accuracies)), key=lambda i: accuracies[i])]


def evaluations(graph: Graph, values: Sequence[float], test: Sequence[float] = (), seed: int = 0) -> list[Evaluation]:
    """Retrainings of a graph whose target came to these accuracies (%)."""
    return [
        Evaluation(
            key=graph.key, graph=str(graph), repeat=FRESH + i, seed=seed, state=State.DONE, epochs=4,
            accuracy=(value, 90.0, 90.0), test=(test[i], 90.0, 90.0) if test else None, created="2026-01-01T00:00:00+00:00",
        )
        for i, value in enumerate(values)
    ]


def keep(folder: Path, *records: Sequence[Evaluation]) -> None:
    with EvaluationFile(folder) as file:
        for part in records:
            file.add(part)
