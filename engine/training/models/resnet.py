"""CIFAR ResNets (He et al. 2016, section 4.2): 6n+2 layers, 16-32-64 channels, parameter-free shortcuts (option A)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, relu_


class Shortcut(nn.Module):
    """Halves the image by subsampling and pads new channels with zeros (option A: no parameters)."""

    abreast = True

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra
        self.networks = 1
        """Networks whose channels lie side by side (`engine.training.batched_layers`)."""

    def forward(self, x: Tensor) -> Tensor:
        x = avg_pool2d(x, 1, 2)  # not a slice: that forgets the memory format, backwards too
        if self.networks == 1:
            return pad(x, (0, 0, 0, 0, 0, self.extra))
        x = x.permute(0, 2, 3, 1).unflatten(3, (self.networks, -1))
        return pad(x, (0, self.extra)).flatten(3).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a shortcut."""

    abreast = True

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut: nn.Module = nn.Identity() if inside == outside else Shortcut(outside - inside)

    def forward(self, x: Tensor) -> Tensor:
        inner = relu_(self.bn1(self.conv1(x)))
        return relu_(self.bn2(self.conv2(inner)) + self.shortcut(x))


class ResNet(nn.Module):
    """Images `[batch, channels, height, width]` to logits `[batch, class]`."""

    abreast = True

    def __init__(self, depth: int, channels: int, classes: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        stages: list[nn.Module] = []
        inside = 16
        for stage, outside in enumerate((16, 32, 64)):
            for block in range(blocks):
                stages.append(Block(inside, outside, 2 if stage and not block else 1))
                inside = outside
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(relu_(self.bn1(self.conv1(x))))
        return self.linear(x.mean((2, 3)))
