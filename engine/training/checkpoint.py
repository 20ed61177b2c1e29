"""What one graph of a pack has become after some epochs, so that any later pack can go on with it.

Weights, the optimiser's memory, BatchNorm's statistics and the curves so far, a graph: a pack can be paused, its graphs
divided among other packs, and every number stays what it would have been. All random draws come from (seed, repeat,
epoch or step), so there is no generator to keep (DESIGN.md, wall 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from engine.errors import StoreError
from engine.training.trainer import EpochReport, PackTrainer

OWN, COMMON = "own", "common"
"""An optimiser's memory of a parameter is a tensor of its shape (momentum: a network's own) or a number (AdamW's count of
steps: equal for all networks of a pack)."""


@dataclass(frozen=True, slots=True)
class GraphState:
    """One graph after `epoch` epochs, on the host."""

    epoch: int
    tensors: dict[str, Tensor]
    """`NODE/weight/NAME`, `NODE/own/KIND/NAME`, `NODE/common/KIND/NAME`; `accuracy`, `losses`, `edges` as in EpochReport
    with the epochs as first dimension instead of the graphs; `seconds`, its share of the packs it rode in."""

    def encode(self) -> bytes:
        return save_tensors({name: tensor.contiguous() for name, tensor in self.tensors.items()})

    @classmethod
    def decode(cls, blob: bytes) -> GraphState:
        """Raises StoreError for what is no state."""
        try:
            tensors = load_tensors(blob)
            return cls(len(tensors["accuracy"]), tensors)
        except (SafetensorError, KeyError) as error:
            raise StoreError(f"no checkpoint of a graph ({error})") from None


def states(trainer: PackTrainer, seconds: Sequence[float]) -> list[GraphState]:
    """The graphs of a pack between two epochs; `seconds[i]` is graph i's share of the time so far."""
    tensors = [_history(trainer, place) for place in range(len(trainer.graphs))]
    for held, took in zip(tensors, seconds, strict=True):
        held["seconds"] = torch.tensor(took, dtype=torch.float64)
    for (graph, node), home in _homes(trainer).items():
        for name, stacked in home.stacked.items():
            tensors[graph][f"{node}/weight/{name}"] = stacked[home.row]
            for kind, value in trainer.optimiser.state.get(stacked, {}).items():
                own = value.shape == stacked.shape
                tensors[graph][f"{node}/{OWN if own else COMMON}/{kind}/{name}"] = value[home.row] if own else value
    epoch = len(trainer.reports)
    return [GraphState(epoch, {n: t.detach().to("cpu", copy=True) for n, t in held.items()}) for held in tensors]


@torch.no_grad()
def restore(trainer: PackTrainer, held: Sequence[GraphState]) -> None:
    """Put graphs where they were; `held[i]` belongs to `trainer.graphs[i]`, and `trainer.first` is their epoch."""
    assert {state.epoch for state in held} == {trainer.first}
    trainer.reports = _reports(trainer, held)
    homes = _homes(trainer)
    for graph, state in enumerate(held):
        for key, value in state.tensors.items():
            if "/" not in key:
                continue
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
    stacked = {model: fleet.state() for model, fleet in zip(inner.models, inner.fleets, strict=True)}
    return {(p.graph, p.node): _Home(stacked[p.model], p.row) for p in trainer.plan.places if p.graph is not None}


def _history(trainer: PackTrainer, place: int) -> dict[str, Tensor]:
    nodes = trainer.graphs[place].nodes
    return {
        "accuracy": torch.stack([r.accuracy[place, :nodes] for r in trainer.reports]),
        "losses": torch.stack([r.losses[place, :nodes] for r in trainer.reports]),
        "edges": torch.stack([r.edges[place, :nodes, : nodes + 1] for r in trainer.reports]),
    }


def _reports(trainer: PackTrainer, held: Sequence[GraphState]) -> list[EpochReport]:
    """The graphs' histories side by side, as if they had been one pack from the start; nothing where there is no node."""
    graphs, nodes = trainer.shape.graphs, trainer.shape.nodes
    out = []
    for epoch in range(trainer.first):
        sizes = {"accuracy": (graphs, nodes), "losses": (graphs, nodes), "edges": (graphs, nodes, nodes + 1)}
        made = {name: held[0].tensors[name].new_zeros(size) for name, size in sizes.items()}
        for place, state in enumerate(held):
            for name, tensor in made.items():
                part = state.tensors[name][epoch]
                tensor[place][tuple(slice(n) for n in part.shape)] = part
        out.append(EpochReport(epoch + 1, made["accuracy"], made["losses"], made["edges"]))
    return out
