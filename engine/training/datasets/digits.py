"""scikit-learn's digits: 1,797 grey images of 8x8 pixels that ship with a dependency."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from engine.training.data.images import Images, Part
from engine.training.seeds import generator

DIGITS_TEST = 297
"""Digits has no test set of its own: these many of its 1,797 images, the same for everybody, are set apart as one."""


@cache
def _order() -> Tensor:
    return torch.randperm(1797, generator=generator("digits", "test"))


def digits(folder: Path, download: bool, part: Part) -> Images:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    order = _order()
    return Images(images, labels, 10).take(order[:DIGITS_TEST] if part == "test" else order[DIGITS_TEST:])
