"""Data sets as tensors on the device; the test set stays behind a wall.

`training_part` and `held_out_part` are two functions on purpose: a search calls only the first (DESIGN.md, wall 6), and
the second is called by a final evaluation alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from engine.errors import DataError
from engine.space.protocol import Protocol
from engine.training.data.images import Images
from engine.training.datasets.registry import loader
from engine.training.seeds import generator

__all__ = ["Images", "Split", "held_out_part", "normalise", "split", "training_part"]


def training_part(name: str, folder: Path, download: bool = False) -> Images:
    """The data set's training part. Raises DataError saying where it was looked for and how to get it."""
    return loader(name)(folder, download, "train")


def held_out_part(name: str, folder: Path, download: bool = False) -> Images:
    """The data set's test part: for an explicit final evaluation only."""
    return loader(name)(folder, download, "test")


@dataclass(frozen=True, slots=True)
class Split:
    """What a search sees: the training images it learns from and the validation images it selects on."""

    train: Images
    validation: Images


def split(part: Images, protocol: Protocol) -> Split:
    """Divide a training part at random by the protocol's sizes and `split_seed`. Raises DataError if it is too small.

    `normalisation: channel` uses the mean and deviation of the training images.
    """
    total = len(part.labels)
    if protocol.train + protocol.validation > total:
        raise DataError(
            f"protocol: train + validation = {protocol.train} + {protocol.validation} images, but {protocol.data} has {total}",
            "make protocol.train or protocol.validation smaller",
        )
    order = torch.randperm(total, generator=generator("split", protocol.split_seed))
    train = part.take(order[: protocol.train])
    validation = part.take(order[protocol.train : protocol.train + protocol.validation])
    if protocol.normalisation == "channel":
        train, validation = normalise(train, train), normalise(validation, train)
    return Split(train, validation)


def normalise(images: Images, reference: Images) -> Images:
    """Subtract the reference images' mean and divide by their deviation, channel by channel."""
    mean = reference.images.mean((0, 2, 3), keepdim=True)
    deviation = reference.images.std((0, 2, 3), keepdim=True).clamp_min(1e-8)
    return Images((images.images - mean) / deviation, images.labels, images.classes)
