"""Images and labels as tensors, and what a data set must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

Part = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Images:
    """Images `[n, channels, height, width]` in 0..1 and labels `[n]` of one part of a data set."""

    images: Tensor
    labels: Tensor
    classes: int

    @property
    def shape(self) -> tuple[int, int, int]:
        c, h, w = self.images.shape[1:]
        return c, h, w

    def take(self, places: Tensor) -> Images:
        return Images(self.images[places], self.labels[places], self.classes)

    def to(self, device: torch.device, dtype: torch.dtype) -> Images:
        return Images(self.images.to(device, dtype), self.labels.to(device), self.classes)


Loader = Callable[[Path, bool, Part], Images]
"""`(folder, download, part) -> Images`: what a data set's entry point in `engine.datasets` must be."""
