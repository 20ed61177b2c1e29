"""torchvision's classification networks, adapted to the data: its classes, its channels, its size.

They were made for photographs of 224 pixels. Here

- a single channel is shown to all three;
- ResNets (ResNeXt, Wide ResNet) and DenseNets on images under 64 pixels keep their resolution at the entrance: the first
  convolution has stride 1 and the pooling after it is left out, else 32x32 images were 8x8 before the first block;
- vision transformers cut images of the data's own size into patches;
- other networks see images enlarged to the least size torchvision states for their weights, if they are smaller.

Parameters keep torchvision's names and shapes (but for a vision transformer's positions and the last layer's classes).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from engine.errors import TrainingError

WINDOWED = (224, 224)
"""MaxViT divides its images into a fixed number of windows."""

Shape = tuple[int, int, int]

SMALL = 64
"""Images whose shorter side is below this do without the entrance's reduction by four."""


def vision(name: str, shape: Shape, classes: int) -> nn.Module:
    """torchvision's network of that name. Raises TrainingError if it cannot be made for such images."""
    from torchvision import models

    if shape[0] not in (1, 3):
        raise TrainingError(f"model 'torchvision:{name}' takes images of 1 or 3 channels, the data have {shape[0]}")
    extra: dict[str, Any] = {}
    # These two also answer with the logits of auxiliary heads while training, unless told to leave them out.
    if name in ("googlenet", "inception_v3"):
        extra = {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        extra = {"image_size": _in_patches(max(shape[1:]), int(name.rsplit("_", 1)[1]))}
    try:
        network: nn.Module = models.get_model(name, weights=None, num_classes=classes, **extra)
    except ValueError as error:
        raise TrainingError(f"model 'torchvision:{name}': {error}") from None
    size = _least(name, shape)
    if "image_size" in extra:
        size = (extra["image_size"],) * 2
    elif name.startswith("maxvit"):
        size = WINDOWED
    elif min(shape[1:]) < SMALL and _open_entrance(network):
        size = shape[1:]
    if shape[0] == 1 or size != shape[1:]:
        network.register_forward_pre_hook(_Adapt(shape[0], size if size != shape[1:] else None))
    return network


class _Adapt:
    """Before the network: three channels, and images of its size. A hook, so that parameters keep their names."""

    def __init__(self, channels: int, size: tuple[int, int] | None) -> None:
        self.channels, self.size = channels, size

    def __call__(self, network: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
        (images,) = given
        if self.size is not None:
            images = interpolate(images, self.size, mode="bilinear", align_corners=False)
        return (images.expand(-1, 3, -1, -1) if self.channels == 1 else images,)


def _in_patches(side: int, patch: int) -> int:
    return -(-side // patch) * patch


def _least(name: str, shape: Shape) -> tuple[int, int]:
    """Height and width, enlarged to the least that torchvision states for the network, sides in proportion."""
    from torchvision import models

    height, width = shape[1:]
    least = min(weights.meta["min_size"] for weights in models.get_model_weights(name))
    factor = max(1.0, least[0] / height, least[1] / width)
    return round(height * factor), round(width * factor)


def _open_entrance(network: nn.Module) -> bool:
    """Take the reduction by four from the entrance of a ResNet or DenseNet; False for other networks."""
    from torchvision.models import DenseNet, ResNet

    if isinstance(network, ResNet):
        network.conv1.stride = (1, 1)
        network.maxpool = nn.Identity()
    elif isinstance(network, DenseNet):
        network.features.conv0.stride = (1, 1)
        network.features.pool0 = nn.Identity()
    else:
        return False
    return True
