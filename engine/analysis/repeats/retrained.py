"""A graph trained again and again: mean, deviation and interval a node, and how much its selection flattered it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.space.graph import Graph
from engine.store.files.evaluations import Evaluation

Which = Literal["validation", "test"]
"""Of which images a figure speaks."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Accuracy (%) over retrainings."""

    values: tuple[float, ...]
    mean: float
    std: float | None
    """Sample standard deviation; None for a single value."""
    low: float | None
    """95 % t interval of the mean; None for a single value."""
    high: float | None

    def plain(self) -> dict[str, Any]:
        """For `--json`."""
        held = {"mean": self.mean, "std": self.std, "low": self.low, "high": self.high}
        rounded = {name: None if value is None else round(value, 4) for name, value in held.items()}
        return rounded | {"values": [round(v, 4) for v in self.values]}

    def __str__(self) -> str:
        return f"{self.mean:.2f}" if self.std is None else f"{self.mean:.2f} ± {self.std:.2f}"


def figure(values: Sequence[float]) -> Figure:
    """Sum up at least one value."""
    held = np.asarray(values, np.float64)
    mean = float(held.mean())
    if len(held) == 1:
        return Figure((mean,), mean, None, None, None)
    from scipy.special import stdtrit

    std = float(held.std(ddof=1))
    half = float(stdtrit(len(held) - 1, 0.975)) * std / len(held) ** 0.5
    return Figure(tuple(map(float, held)), mean, std, mean - half, mean + half)


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node of a graph over its retrainings."""

    node: int
    model: str
    pretrained: bool
    validation: Figure | None
    """None for a node that is not trained because the target cannot feel it."""
    test: Figure | None
    """None as long as the test set is closed."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """One graph over its retrainings."""

    graph: Graph
    key: str
    evaluations: tuple[Evaluation, ...]
    """Repeats in order."""
    nodes: tuple[NodeFigures, ...]
    diverged: int
    """Retrainings without a result; they are in no figure."""

    @property
    def target(self) -> NodeFigures:
        return self.nodes[0]

    def plain(self, *, test: bool) -> dict[str, Any]:
        """For `--json`; figures of the test set only if `test`."""
        nodes = []
        for node in self.nodes:
            held = {"node": node.node, "model": node.model, "pretrained": node.pretrained,
                    "validation": node.validation and node.validation.plain()}
            nodes.append(held | ({"test": node.test and node.test.plain()} if test else {}))
        return {"key": self.key, "graph": str(self.graph), "retrainings": len(self.evaluations), "diverged": self.diverged,
                "repeats": [e.repeat for e in self.evaluations], "nodes": nodes,
                "weights": [e.weights for e in self.evaluations if e.weights]}


def repeated(evaluations: Iterable[Evaluation]) -> list[Repeated]:
    """Group by graph, in the order of first appearance."""
    groups: dict[str, list[Evaluation]] = {}
    for evaluation in evaluations:
        groups.setdefault(evaluation.key, []).append(evaluation)
    return [_of(key, sorted(group, key=lambda e: e.repeat)) for key, group in groups.items()]


def _of(key: str, group: Sequence[Evaluation]) -> Repeated:
    graph = Graph.parse(group[0].graph)
    done = [e for e in group if e.state.has_result]
    read = [e for e in done if e.test is not None]
    nodes = tuple(
        NodeFigures(
            place + 1, model, graph.is_pretrained(place + 1),
            _column([e.accuracy[place] for e in done]),
            _column([e.test[place] for e in read if e.test]),
        )
        for place, model in enumerate(graph.models)
    )  # fmt: skip
    return Repeated(graph, key, tuple(group), nodes, len(group) - len(done))


def _column(values: Sequence[float | None]) -> Figure | None:
    held = [v for v in values if v is not None]
    return figure(held) if held else None


def difference(ours: Sequence[Evaluation], theirs: Sequence[Evaluation], which: Which) -> Figure | None:
    """Target accuracy of ours minus theirs (points) where both were trained on the same batches; None if nowhere."""
    other = {(e.seed, e.repeat): value for e in theirs if (value := _value(e, which)) is not None}
    gaps = [value - other[e.seed, e.repeat] for e in ours
            if (e.seed, e.repeat) in other and (value := _value(e, which)) is not None]  # fmt: skip
    return figure(gaps) if gaps else None


def _value(evaluation: Evaluation, which: Which) -> float | None:
    if not evaluation.state.has_result:
        return None
    values = evaluation.accuracy if which == "validation" else evaluation.test
    return values[0] if values else None
