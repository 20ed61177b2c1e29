"""What one graph of a pack has become after some epochs, so that any later pack can go on with it.

Weights, the optimiser's memory, BatchNorm's statistics and the curves so far, a graph: a pack can be paused, its graphs
divided among other packs, and every number stays what it would have been. All random draws come from (seed, repeat,
epoch or step), so there is no generator to keep (DESIGN.md, wall 1).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from engine.errors import StoreError
from engine.training.state.history import History
from engine.training.trainer import EpochReport, PackTrainer

OWN, COMMON = "own", "common"
"""An optimiser's memory of a parameter is a tensor of its shape (momentum: a network's own) or a number (AdamW's count of
steps: equal for all networks of a pack)."""


@dataclass(frozen=True, slots=True)
class GraphState:
    """One graph between two epochs, on the host."""

    history: History
    seconds: float
    """Its share of the time of the packs it rode in."""
    tensors: dict[str, Tensor]
    """`NODE/weight/NAME`, `NODE/own/KIND/NAME`, `NODE/common/KIND/NAME`."""

    @property
    def epoch(self) -> int:
        """Epochs behind it."""
        return self.history.epochs

    def encode(self) -> bytes:
        h = self.history
        told = {"accuracy": h.accuracy, "losses": h.losses, "edges": h.edges}
        return save_tensors({n: t.contiguous() for n, t in (self.tensors | told).items()}, {"seconds": repr(self.seconds)})

    @classmethod
    def decode(cls, blob: bytes) -> GraphState:
        """Raises StoreError for what is no state."""
        try:
            tensors = load_tensors(blob)
            history = History(tensors.pop("accuracy"), tensors.pop("losses"), tensors.pop("edges"))
            return cls(history, _seconds(blob), tensors)
        except (SafetensorError, KeyError) as error:
            raise StoreError(f"no checkpoint of a graph ({error})") from None


def _seconds(blob: bytes) -> float:
    """From the header of safetensors (8 bytes of length, JSON), which `load` leaves out."""
    length = int.from_bytes(blob[:8], "little")
    return float(json.loads(blob[8 : 8 + length])["__metadata__"]["seconds"])


def states(trainer: PackTrainer, seconds: Sequence[float]) -> list[GraphState]:
    """The graphs of a pack between two epochs; `seconds[i]` is graph i's share of the time so far."""
    tensors: list[dict[str, Tensor]] = [{} for _ in trainer.graphs]
    for (graph, node), home in _homes(trainer).items():
        for name, stacked in home.stacked.items():
            tensors[graph][f"{node}/weight/{name}"] = stacked[home.row]
            for kind, value in trainer.optimiser.state.get(stacked, {}).items():
                own = value.shape == stacked.shape
                tensors[graph][f"{node}/{OWN if own else COMMON}/{kind}/{name}"] = value[home.row] if own else value
    kept = [{n: t.detach().to("cpu", copy=True) for n, t in held.items()} for held in tensors]
    return [GraphState(History.of(trainer, i), took, held) for i, (took, held) in enumerate(zip(seconds, kept, strict=True))]


@torch.no_grad()
def restore(trainer: PackTrainer, held: Sequence[GraphState]) -> None:
    """Put graphs where they were; `held[i]` belongs to `trainer.graphs[i]`, and `trainer.first` is their epoch."""
    assert {state.epoch for state in held} == {trainer.first}
    trainer.reports = _reports(trainer, held)
    homes = _homes(trainer)
    for graph, state in enumerate(held):
        for key, value in state.tensors.items():
            node, scope, *kind, name = key.split("/")
            home = homes[graph, int(node)]
            stacked = home.stacked[name]
            if scope == "weight":
                stacked[home.row] = value.to(stacked)
                continue
            memory = trainer.optimiser.state[stacked]
            if scope == COMMON:
                memory[kind[0]] = value.to(stacked.device)
            else:
                memory.setdefault(kind[0], torch.zeros_like(stacked))[home.row] = value.to(stacked)


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a trained node lives: network `row` of a fleet's stacked tensors."""

    stacked: dict[str, Tensor]
    row: int


def _homes(trainer: PackTrainer) -> dict[tuple[int, int], _Home]:
    """By (graph, node)."""
    inner = trainer.setting.accelerator.unwrap_model(trainer.module)
    stacked = {model: fleet.stored() for model, fleet in zip(inner.models, inner.fleets, strict=True)}
    return {node: _Home(stacked[place.model], place.row) for node, place in trainer.plan.homes.items()}


def _reports(trainer: PackTrainer, held: Sequence[GraphState]) -> list[EpochReport]:
    """The graphs' histories side by side, as if they had been one pack from the start; nothing where there is no node."""
    graphs, nodes, first = trainer.shape.graphs, trainer.shape.nodes, trainer.first
    like = held[0].history
    accuracy = like.accuracy.new_zeros(first, graphs, nodes)
    losses = like.losses.new_zeros(first, graphs, nodes)
    edges = like.edges.new_zeros(first, graphs, nodes, nodes + 1)
    for place, state in enumerate(held):
        own = state.history.accuracy.shape[1]
        accuracy[:, place, :own] = state.history.accuracy
        losses[:, place, :own] = state.history.losses
        edges[:, place, :own, : own + 1] = state.history.edges
    return [EpochReport(epoch + 1, accuracy[epoch], losses[epoch], edges[epoch]) for epoch in range(first)]
