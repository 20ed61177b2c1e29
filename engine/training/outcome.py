"""From a trained pack's reports to the records of its graphs."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from traceback import format_exception

from torch import Tensor

from engine.space.graph import Graph
from engine.store.trials import Curve, State, Training
from engine.training.pack import open_edges, pretrained
from engine.training.trainer import EpochReport, PackTrainer, Setting


def training_id(key: str, repeat: int) -> str:
    return f"{key}.{repeat}"


def trainings(trainer: PackTrainer, pack: int, wall: float, worker: str) -> list[tuple[Training, Curve]]:
    """One training record and one curve a graph of a pack that has run. `wall` is the pack's seconds."""
    setting = trainer.setting
    out = []
    for place, graph in enumerate(trainer.graphs):
        epochs = _finite_epochs(trainer.reports, place, graph)
        sick = epochs < len(trainer.reports)
        seen = trainer.reports[: epochs + 1] if sick else trainer.reports
        accuracy = [_row(r.accuracy, place, graph.nodes) for r in seen]
        last = seen[-1]
        best = [max(range(len(accuracy)), key=lambda e: accuracy[e][n]) for n in range(graph.nodes)]
        found = Training(
            id=training_id(graph.key, setting.repeat),
            graph=str(graph),
            repeat=setting.repeat,
            seed=setting.seed,
            state=State.DIVERGED if sick else State.DONE,
            epochs=len(seen),
            accuracy=accuracy[-1],
            best_accuracy=tuple(accuracy[e][n] for n, e in enumerate(best)),
            best_epoch=tuple(e + 1 for e in best),
            losses={str(e): round(float(last.edges[place, e.target - 1, e.source]), 6) for e in open_edges(graph)},
            pretrained=pretrained(graph),
            wall=wall / len(trainer.graphs),
            pack=pack,
            worker=worker,
            device=str(setting.accelerator.device),
            reason=f"loss not finite in epoch {epochs + 1}" if sick else None,
        )
        losses = tuple(_row(r.losses, place, graph.nodes) for r in seen)
        out.append((found, Curve(id=found.id, accuracy=tuple(accuracy), loss=tuple(map(_numbers, losses)))))
    return out


def failed(graph: Graph, setting: Setting, pack: int, error: Exception | str) -> Training:
    """The record of a graph whose training raised, or could not begin for the reason given."""
    said = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return Training(
        id=training_id(graph.key, setting.repeat),
        graph=str(graph),
        repeat=setting.repeat,
        seed=setting.seed,
        state=State.FAILED,
        epochs=0,
        accuracy=(None,) * graph.nodes,
        pack=pack,
        device=str(setting.accelerator.device),
        reason=said.splitlines()[0][:300],
        traceback=None if isinstance(error, str) else "".join(format_exception(error)),
    )


def _finite_epochs(reports: Sequence[EpochReport], place: int, graph: Graph) -> int:
    """Epochs before the first in which a node's loss is no number."""
    for epoch, report in enumerate(reports):
        if not all(isfinite(v) for v in report.losses[place, : graph.nodes].tolist()):
            return epoch
    return len(reports)


def _row(values: Tensor, place: int, nodes: int) -> tuple[float, ...]:
    # 4 decimals of a percent: a validation image is 0.01 % of 10,000, and records stay small.
    return tuple(round(v, 4) for v in values[place, :nodes].tolist())


def _numbers(values: Sequence[float]) -> tuple[float | None, ...]:
    """JSON has no word for NaN."""
    return tuple(v if isfinite(v) else None for v in values)
