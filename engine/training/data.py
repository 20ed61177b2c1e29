"""Data sets as tensors on the device; the test set stays behind a wall.

`training_part` and `held_out_part` are two functions on purpose: a search calls only the first (DESIGN.md, wall 6), and
the second is called by a final evaluation alone. Images are `[n, channels, height, width]` in 0..1, labels `[n]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from engine.errors import DataError, nearest
from engine.space.catalogue import known_datasets
from engine.space.protocol import Protocol
from engine.training.seeds import generator

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

DIGITS_TEST = 297
"""Digits has no test set of its own: these many of its 1,797 images, the same for everybody, are set apart as one."""


@cache
def _digits_order() -> Tensor:
    return torch.randperm(1797, generator=generator("digits", "test"))


def _digits(folder: Path, download: bool, part: Part) -> Images:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    order = _digits_order()
    return Images(images, labels, 10).take(order[:DIGITS_TEST] if part == "test" else order[DIGITS_TEST:])


def _part_of(kind: str, part: Part) -> Any:
    """torchvision's class `kind`, made to ask for the files of one part only.

    As it comes it opens the test files too, for their checksums, and refuses a folder without them; a search must do
    without (DESIGN.md, wall 6). SVHN asks for one part's file already.
    """
    from torchvision import datasets

    known = getattr(datasets, kind)
    lists: dict[str, list[Any]] = {}
    if kind.startswith("CIFAR"):
        lists = {"test_list": []} if part == "train" else {"train_list": []}
    elif kind.endswith("MNIST"):
        first = "train" if part == "train" else "t10k"
        lists = {"resources": [r for r in known.resources if r[0].startswith(first)]}
    return type(kind, (known,), lists)


def _torchvision(kind: str, classes: int) -> Loader:
    """A loader over torchvision's data set class `kind`, which checks its files' checksums."""

    def load(folder: Path, download: bool, part: Part) -> Images:
        which = {"split": part} if kind == "SVHN" else {"train": part == "train"}
        try:
            found = _part_of(kind, part)(str(folder), download=download, **which)
        except (RuntimeError, OSError) as error:
            if "not found" in str(error):
                raise DataError(
                    f"data set {kind} is not in {folder} (or its files are damaged)",
                    "put its files there, name another folder with --data DIR, or fetch it with --download",
                ) from None
            reason = str(error).strip().replace("\n", " ")
            raise DataError(
                f"data set {kind} cannot be {'fetched into' if download else 'read from'} {folder}: {reason}",
                "put its files there by hand, or name another folder with --data DIR",
            ) from None
        data = torch.as_tensor(found.data)
        labels = torch.as_tensor(found.labels if kind == "SVHN" else found.targets, dtype=torch.int64)
        if data.ndim == 3:
            data = data.unsqueeze(1)
        elif data.shape[-1] == 3:
            data = data.permute(0, 3, 1, 2)
        return Images(data.to(torch.float32).div_(255), labels, classes)

    return load


DATASETS: dict[str, Loader] = {
    "digits": _digits,
    "cifar10": _torchvision("CIFAR10", 10),
    "cifar100": _torchvision("CIFAR100", 100),
    "mnist": _torchvision("MNIST", 10),
    "fashion-mnist": _torchvision("FashionMNIST", 10),
    "svhn": _torchvision("SVHN", 10),
}


def _loader(name: str) -> Loader:
    if name in DATASETS:
        return DATASETS[name]
    for entry in metadata.entry_points(group="engine.datasets", name=name):
        return entry.load()
    raise DataError(f"unknown data set {name!r}", nearest(name, known_datasets()))


def training_part(name: str, folder: Path, download: bool = False) -> Images:
    """The data set's training part. Raises DataError saying where it was looked for and how to get it."""
    return _loader(name)(folder, download, "train")


def held_out_part(name: str, folder: Path, download: bool = False) -> Images:
    """The data set's test part: for an explicit final evaluation only."""
    return _loader(name)(folder, download, "test")


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
