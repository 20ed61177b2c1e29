"""Small networks for small images: perceptrons and a two-layer convolutional network."""

from __future__ import annotations

import itertools
from math import prod

from torch import Tensor, nn
from torch.nn.functional import relu_


class Perceptron(nn.Module):
    """Flattened images through `widths` hidden layers with ReLU, to logits `[batch, class]`."""

    abreast = True

    def __init__(self, shape: tuple[int, int, int], widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        sizes = (prod(shape), *widths)
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.linear = nn.Linear(sizes[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for layer in self.hidden:
            x = relu_(layer(x))
        return self.linear(x)


class SmallConvolution(nn.Module):
    """Two 3x3 convolutions with batch normalisation (`width` and twice `width` channels), mean over the image, linear."""

    abreast = True

    def __init__(self, shape: tuple[int, int, int], width: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(shape[0], width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.linear = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = relu_(self.bn1(self.conv1(x)))
        x = relu_(self.bn2(self.conv2(x)))
        return self.linear(x.mean((2, 3)))
