"""From a data set's name to its loader. Names are validated without torch by `engine.space.catalogue`.

Built-in names, `npz:NAME` and `folder:NAME` in the data folder, and entry points of group `engine.datasets`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.errors import DataError, nearest
from engine.space.catalogue import known_datasets, own_dataset
from engine.training.data.images import Images, Loader, Part
from engine.training.datasets.digits import digits
from engine.training.datasets.image_folder import pictures
from engine.training.datasets.mnist_idx import idx
from engine.training.datasets.npz_archive import archive
from engine.training.datasets.torchvision_sets import vision
from engine.training.plugins import bring

DATASETS: dict[str, Loader] = {
    "digits": digits,
    "cifar10": vision("CIFAR10", 10),
    "cifar100": vision("CIFAR100", 100),
    "mnist": idx("MNIST", "mnist"),
    "fashion-mnist": idx("FashionMNIST", "fashion-mnist"),
    "svhn": vision("SVHN", 10),
}


def loader(name: str) -> Loader:
    """Raises DataError for an unknown name."""
    if name in DATASETS:
        return DATASETS[name]
    if (own := own_dataset(name)) is not None:
        return archive(own.name) if own.kind == "npz" else pictures(own.name, own.side)
    if (brought := bring("datasets", name)) is not None:
        return _brought(name, brought)
    raise DataError(f"unknown data set {name!r}", nearest(name, known_datasets()))


def _brought(name: str, brought: Any) -> Loader:
    """Another package's loader, its answer looked at: what it says wrongly would show far away from here."""

    def load(folder: Path, download: bool, part: Part) -> Images:
        found = brought(folder, download, part)
        if not isinstance(found, Images):
            got = type(found).__name__
            raise DataError(f"data set {name!r}: its entry point must return engine.training.data.images.Images, got {got}")
        images, labels, classes = found.images, found.labels, found.classes
        if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
            got = f"{tuple(images.shape)} and {tuple(labels.shape)}"
            raise DataError(f"data set {name!r}: images must be [n, channels, height, width] and labels [n], got {got}")
        if labels.min() < 0 or labels.max() >= classes:
            got = f"{int(labels.min())} to {int(labels.max())}"
            raise DataError(f"data set {name!r}: labels must be from 0 to {classes - 1}, got {got}")
        return found

    return load
