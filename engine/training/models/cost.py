"""What a network costs, counted without memory; and whether it can train on given images at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from engine.errors import TrainingError
from engine.space.protocol import Protocol
from engine.training.models.registry import Shape, build
from engine.training.seeds import seeded


@dataclass(frozen=True, slots=True)
class Cost:
    parameters: int
    """Trainable numbers."""
    multiply_adds: int
    """Of one image's forward pass, in convolutions and matrix products (normalisation and activations left out)."""


def cost(name: str, shape: Shape, classes: int) -> Cost:
    """Exact counts, on the meta device. Raises TrainingError if the model cannot take such images."""
    try:
        network = _weightless(name, shape, classes).eval()
        counter = FlopCounterMode(display=False)
        with torch.device("meta"), counter:
            network(torch.empty(1, *shape))
    except _CANNOT as error:
        raise TrainingError(f"model {name!r} cannot take {_shown(shape)} images: {_first_line(error)}") from None
    return Cost(_parameters(network), counter.get_total_flops() // 2)  # it counts a multiply-add as two operations


def count_parameters(name: str, shape: Shape, classes: int) -> int:
    """Exact number of trainable parameters, without a forward pass."""
    return _parameters(_weightless(name, shape, classes))


def _weightless(name: str, shape: Shape, classes: int) -> nn.Module:
    """The network on the meta device; made for real first if its constructor reads values (torchvision's RegNets do)."""
    try:
        with torch.device("meta"):
            return build(name, shape, classes)
    except (RuntimeError, NotImplementedError):
        with seeded("spare", name):
            return build(name, shape, classes).to("meta")


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


_CANNOT = (RuntimeError, ValueError, TypeError, AttributeError, IndexError, AssertionError)
"""What networks raise for images they were not made for."""


def check_fit(models: Iterable[str], shape: Shape, classes: int, protocol: Protocol) -> None:
    """Raise TrainingError in one line for the first model that cannot train on such images in the protocol's batches.

    Said before a search starts, instead of graph by graph. On the meta device: milliseconds a model. What fails there is
    tried for real, since the networks of other packages may read values, which meta tensors do not have.
    """
    last = protocol.last
    for name in sorted(set(models)):
        for batch in filter(None, dict.fromkeys((protocol.batch, last))):
            batch //= protocol.processes  # the smallest part that a process has of it
            if _fails(name, shape, classes, batch, "meta") and (told := _fails(name, shape, classes, batch, "cpu")):
                if batch < protocol.batch // protocol.processes:
                    raise TrainingError(f"model {name!r} cannot train on the epoch's last batch of {batch}: {told}",
                                        'set protocol.last_batch to "drop", or change protocol.batch')
                raise TrainingError(f"model {name!r} cannot train on {protocol.data}'s {_shown(shape)} images: {told}",
                                    "take it out of the space, or choose another data set")


def _fails(name: str, shape: Shape, classes: int, batch: int, device: str) -> str | None:
    """Why a training forward pass fails; None if it answers one logit a class."""
    try:
        with seeded("fit"):
            network = _weightless(name, shape, classes) if device == "meta" else build(name, shape, classes)
            with torch.device(device):
                answer = network.train()(torch.zeros(batch, *shape))
    except _CANNOT as error:
        return _first_line(error)
    if isinstance(answer, Tensor) and answer.shape == (batch, classes):
        return None
    got = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    return f"it must answer logits of shape {(batch, classes)}, got {got}"


def _shown(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
