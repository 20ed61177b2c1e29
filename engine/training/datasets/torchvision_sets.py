"""CIFAR-10, CIFAR-100 and SVHN as torchvision reads and fetches them, one part's files at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engine.errors import DataError
from engine.training.data.images import Images, Loader, Part

HOW_TO_GET = "put its files there, name another folder with --data DIR, or fetch it with --download"


def part_of(kind: str, part: Part) -> Any:
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


def opened(kind: str, folder: Path, download: bool, part: Part) -> Any:
    """torchvision's data set, its files' checksums compared. Raises DataError saying what to do."""
    which = {"split": part} if kind == "SVHN" else {"train": part == "train"}
    try:
        return part_of(kind, part)(str(folder), download=download, **which)
    except (RuntimeError, OSError, ValueError) as error:
        if "not found" in str(error):
            raise DataError(f"data set {kind} is not in {folder} (or its files are damaged)", HOW_TO_GET) from None
        reason = str(error).strip().replace("\n", " ")
        raise DataError(
            f"data set {kind} cannot be {'fetched into' if download else 'read from'} {folder}: {reason}",
            "put its files there by hand, or name another folder with --data DIR",
        ) from None


def vision(kind: str, classes: int) -> Loader:
    """A loader over torchvision's data set class `kind`."""

    def load(folder: Path, download: bool, part: Part) -> Images:
        found = opened(kind, folder, download, part)
        data = torch.as_tensor(found.data)
        labels = torch.as_tensor(found.labels if kind == "SVHN" else found.targets, dtype=torch.int64)
        if data.shape[-1] == 3:
            data = data.permute(0, 3, 1, 2)
        return Images(data.to(torch.float32).div_(255), labels, classes)

    return load
