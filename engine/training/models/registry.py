"""From a model's name to a network. Names are validated without torch by `engine.space.catalogue`; here they are built.

Built-in families, `torchvision:NAME`, and entry points of group `engine.models` (a callable of `shape` and `classes`).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from torch import nn

from engine.errors import TrainingError, nearest
from engine.space.catalogue import is_model, model_examples
from engine.training.models.resnet import ResNet
from engine.training.models.small import Perceptron, SmallConvolution
from engine.training.models.torchvision_models import Shape, vision
from engine.training.models.wrn import WideResNet
from engine.training.plugins import bring

Builder = Callable[[Shape, int], nn.Module]


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", name)))


FAMILIES: dict[str, Callable[[tuple[int, ...], Shape, int], nn.Module]] = {
    "resnet": lambda n, shape, classes: ResNet(n[0], shape[0], classes),
    "wrn": lambda n, shape, classes: WideResNet(n[0], n[1], shape[0], classes),
    "mlp": lambda n, shape, classes: Perceptron(shape, n, classes),
    "cnn": lambda n, shape, classes: SmallConvolution(shape, n[0], classes),
}
"""Leading letters of a built-in name to its builder, which gets the numbers in the name."""


def builder(name: str) -> Builder:
    """The function that makes a new network of that name. Raises TrainingError for an unknown one."""
    if not is_model(name):
        raise TrainingError(f"unknown model {name!r}", nearest(name, model_examples()))
    if name.startswith("torchvision:"):
        return lambda shape, classes: vision(name.removeprefix("torchvision:"), shape, classes)
    if (brought := bring("models", name)) is not None:
        return brought
    family = FAMILIES[re.match(r"[a-z]+", name)[0]]  # type: ignore[index]
    return lambda shape, classes: family(_numbers(name), shape, classes)


def build(name: str, shape: Shape, classes: int) -> nn.Module:
    """A new network: images `[batch, *shape]` to logits `[batch, classes]`. Draws from torch's global generator."""
    return builder(name)(shape, classes)
