"""Wide ResNets WRN-d-k (Zagoruyko & Komodakis 2016): pre-activation blocks, 16k-32k-64k channels, d = 6n+4."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import relu_


class Block(nn.Module):
    """BN-ReLU-conv twice; a 1x1 convolution of the pre-activated input where the channels change."""

    abreast = True

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.shortcut = None if inside == outside else nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = relu_(self.bn1(x))
        inner = self.conv2(relu_(self.bn2(self.conv1(active))))
        return inner + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """Images `[batch, channels, height, width]` to logits `[batch, class]`; no dropout."""

    abreast = True

    def __init__(self, depth: int, width: int, channels: int, classes: int) -> None:
        super().__init__()
        blocks = (depth - 4) // 6
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        stages: list[nn.Module] = []
        inside = 16
        for stage, outside in enumerate((16 * width, 32 * width, 64 * width)):
            for block in range(blocks):
                stages.append(Block(inside, outside, 2 if stage and not block else 1))
                inside = outside
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(inside)
        self.linear = nn.Linear(inside, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = relu_(self.bn(self.stages(self.conv1(x))))
        return self.linear(x.mean((2, 3)))
