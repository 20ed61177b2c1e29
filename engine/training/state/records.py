"""From a trained pack's reports to the records of its graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from traceback import format_exception

from engine.packing.packs import open_edges, pretrained
from engine.space.graph import Graph
from engine.store.records import Curve, State, Training, training_id
from engine.training.calibration import cache
from engine.training.state.history import History
from engine.training.trainer import PackTrainer, Setting


def trainings(trainer: PackTrainer, pack: int, wall: float, worker: str) -> list[tuple[Training, Curve]]:
    """One training record and one curve a graph of a pack that has run. `wall` is the pack's seconds."""
    share, ride = wall / len(trainer.graphs), Ride(trainer.setting, pack, worker)
    return [training(graph, History.of(trainer, place), share, ride) for place, graph in enumerate(trainer.graphs)]


@dataclass(frozen=True, slots=True)
class Ride:
    """What the records of a pack's graphs share."""

    setting: Setting
    pack: int
    worker: str


def training(graph: Graph, history: History, wall: float, ride: Ride, reason: str | None = None) -> tuple[Training, Curve]:
    """The record of a graph with this history (at least an epoch) and its curve. `wall`: its seconds.

    DONE at the protocol's last epoch, DIVERGED once a loss was no number, else STOPPED: for `reason`, or to go on later.
    """
    setting, sick = ride.setting, history.sound < history.epochs
    epochs = history.sound + 1 if sick else history.epochs
    accuracy = [_row(row) for row in history.accuracy[:epochs].tolist()]
    best = [max(range(epochs), key=lambda e: accuracy[e][n]) for n in range(graph.nodes)]
    edges = history.edges[epochs - 1]
    whole = epochs == setting.protocol.epochs
    found = Training(
        id=training_id(graph.key, setting.repeat),
        graph=str(graph),
        repeat=setting.repeat,
        seed=setting.seed,
        state=State.DIVERGED if sick else State.DONE if whole else State.STOPPED,
        epochs=epochs,
        accuracy=accuracy[-1],
        best_accuracy=tuple(accuracy[e][n] for n, e in enumerate(best)),
        best_epoch=tuple(e + 1 for e in best),
        losses={str(e): round(float(edges[e.target - 1, e.source]), 6) for e in open_edges(graph)},
        pretrained=pretrained(graph),
        wall=wall,
        pack=ride.pack,
        worker=ride.worker,
        device=cache.kind(setting.accelerator.device),
        reason=f"loss not finite in epoch {epochs}" if sick else None if whole else reason,
    )
    losses = (_row(row) for row in history.losses[:epochs].tolist())
    return found, Curve(id=found.id, accuracy=tuple(accuracy), loss=tuple(map(_numbers, losses)))


def unbegun(graph: Graph, ride: Ride, reason: str) -> Training:
    """The record of a graph that was stopped before its first epoch ended."""
    return Training(
        id=training_id(graph.key, ride.setting.repeat), graph=str(graph), repeat=ride.setting.repeat,
        seed=ride.setting.seed, state=State.STOPPED, epochs=0, accuracy=(None,) * graph.nodes, pack=ride.pack,
        worker=ride.worker, device=cache.kind(ride.setting.accelerator.device), reason=reason,
    )  # fmt: skip


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
        device=cache.kind(setting.accelerator.device),
        reason=said.splitlines()[0][:300],
        traceback=None if isinstance(error, str) else "".join(format_exception(error)),
    )


def _row(values: Sequence[float]) -> tuple[float, ...]:
    # 4 decimals of a percent: a validation image is 0.01 % of 10,000, and records stay small.
    return tuple(round(v, 4) for v in values)


def _numbers(values: Sequence[float]) -> tuple[float | None, ...]:
    """JSON has no word for NaN."""
    return tuple(v if isfinite(v) else None for v in values)
