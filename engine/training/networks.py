"""The networks of a trained graph as a file of their own: safetensors, all nodes of one graph and one repeat.

The header says which architectures the tensors belong to and what images they expect, so that a file can be used
without the run folder it came from. Reading one executes nothing of its content (DESIGN.md, wall 5).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from engine.errors import TrainingError
from engine.training.data.images import Images
from engine.training.models.registry import build
from engine.training.trainer import EVALUATION_BATCH, PackTrainer

FORMAT = "ktgtui-networks-1"


@dataclass(frozen=True, slots=True)
class Networks:
    """The nodes of one effective graph after training, on the host."""

    graph: str
    """Text form of the effective graph."""
    models: tuple[str, ...]
    states: tuple[dict[str, Tensor], ...]
    """State dictionary of each node."""
    shape: tuple[int, int, int]
    """Channels, height, width of an image in 0..1."""
    classes: int
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and deviation a channel that images are normalised with before they reach a network; None: as they are."""

    def node(self, number: int) -> nn.Module:
        """One network in eval mode, ready for images in 0..1 (`[batch, channels, height, width]` to logits)."""
        return Ready(self._network(number), self.normalisation).eval()

    def _network(self, number: int) -> nn.Module:
        state = self.states[number - 1]
        network = build(self.models[number - 1], self.shape, self.classes)
        # Parameters decide the type: a float64 protocol trains float64 networks.
        like = next((t for t in state.values() if t.is_floating_point()), torch.empty(0))
        network.to(like.dtype).load_state_dict(state)
        return network


class Ready(nn.Module):
    """A network behind its normalisation."""

    def __init__(self, network: nn.Module, normalisation: tuple[Iterable[float], Iterable[float]] | None) -> None:
        super().__init__()
        self.network = network
        self.normalises = normalisation is not None
        if normalisation is not None:
            like = next(network.parameters())
            for name, values in zip(("mean", "deviation"), normalisation, strict=True):
                self.register_buffer(name, torch.tensor(list(values), dtype=like.dtype)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        if self.normalises:
            images = (images - self.get_buffer("mean")) / self.get_buffer("deviation")
        logits: Tensor = self.network(images)
        return logits


def trained(trainer: PackTrainer, normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None) -> list[Networks]:
    """The networks of every graph of a pack that has run, pre-trained nodes included."""
    inner = trainer.setting.accelerator.unwrap_model(trainer.module)
    fleets = dict(zip(inner.models, inner.fleets, strict=True))
    homes = {node: (fleets[place.model], place.row) for node, place in trainer.plan.homes.items()}
    bank, train = trainer.setting.teachers, trainer.setting.split.train
    out = []
    for place, graph in enumerate(trainer.graphs):
        states = []
        for node, model in enumerate(graph.models, 1):
            frozen = graph.is_pretrained(node)
            fleet, row = (bank.fleets[trainer.shape.teachers.index((model, node))], 0) if frozen else homes[place, node]
            assert fleet is not None, "a pack does not begin without its teachers"
            states.append({n: t.detach().to("cpu", copy=True) for n, t in fleet.network(row).items()})
        out.append(Networks(str(graph), graph.models, tuple(states), train.shape, train.classes, normalisation))
    return out


@torch.no_grad()
def accuracy(networks: Networks, images: Images) -> tuple[float, ...]:
    """Accuracy (%) of each node on images as they are in the data set (0..1, not yet normalised)."""
    device = images.labels.device
    size = EVALUATION_BATCH.get(device.type, 2048)
    found = []
    for node in range(1, len(networks.models) + 1):
        network = networks.node(node).to(device)
        right = sum(
            int((network(images.images[part]).argmax(-1) == images.labels[part]).sum())
            for part in (slice(start, start + size) for start in range(0, len(images.labels), size))
        )
        found.append(100.0 * right / len(images.labels))
    return tuple(found)


def save(networks: Networks, path: Path) -> None:
    """Write atomically. Raises TrainingError if the disk refuses."""
    tensors = {f"{n}/{name}": t.contiguous() for n, s in enumerate(networks.states, 1) for name, t in s.items()}
    head = {"format": FORMAT, "graph": networks.graph, "models": json.dumps(networks.models),
            "shape": json.dumps(networks.shape), "classes": str(networks.classes),
            "normalisation": json.dumps(networks.normalisation)}
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(save_tensors(tensors, metadata=head))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written: {error.strerror or error}", "free some space and start again") from None


def load(path: Path) -> Networks:
    """Read a file back. Raises TrainingError: not there, damaged, or no networks of this project."""
    try:
        with safe_open(path, "pt") as file:
            head = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dictionary
    except (OSError, SafetensorError) as error:
        again = "delete it: the next evaluation trains it again"
        raise TrainingError(f"{path}: cannot be read ({error})", again) from None
    try:
        if head.get("format") != FORMAT:
            raise ValueError(f"format {head.get('format')!r} instead of {FORMAT!r}")
        models = tuple(json.loads(head["models"]))
        shape, classes = tuple(json.loads(head["shape"])), int(head["classes"])
        means = json.loads(head["normalisation"])
    except (KeyError, ValueError) as error:
        raise TrainingError(f"{path}: holds no networks of a transfer graph ({error})", "check the path") from None
    states = tuple(
        {name.partition("/")[2]: t for name, t in tensors.items() if name.startswith(f"{node}/")}
        for node in range(1, len(models) + 1)
    )
    return Networks(head["graph"], models, states, shape, classes, means and (tuple(means[0]), tuple(means[1])))

