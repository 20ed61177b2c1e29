"""A data set of one's own as `NAME.npz`: arrays `x_train`, `y_train`, and `x_test`, `y_test` for a final evaluation.

`train_images`, `train_labels` and so on will do as well. Images are bytes, or floats from 0 to 1, of shape `[n, height,
width]`, `[n, channels, height, width]` or `[n, height, width, channels]`; labels are whole numbers from 0, `[n]`.
Nothing is unpickled, and a part's arrays are not read for the other's sake.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import DataError
from engine.training.data.images import Images, Loader, Part

COLOURS = (1, 3)
"""Sizes of a dimension taken for channels where it could be the last one."""


def archive(name: str) -> Loader:
    """A loader of `NAME.npz` in the data folder."""

    def load(folder: Path, download: bool, part: Part) -> Images:
        path = folder / f"{name}.npz"
        if not path.is_file():
            raise DataError(f"there is no {path}", "name the folder that holds it with --data DIR")
        try:
            with path.open("rb") as stream:
                if not zipfile.is_zipfile(stream):  # np.load would take it for a pickle, and tell people how to load one
                    raise DataError(f"{path}: not an archive of plain arrays", "write it with numpy.savez")
            with np.load(path, allow_pickle=False) as held:
                return _part(path, held, part)
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(f"{path}: not an archive of plain arrays: {reason}", "write it with numpy.savez") from None

    return load


def _part(path: Path, held: Any, part: Part) -> Images:
    classes = 1 + int(_labels(path, held, "train").max())
    if classes < 2:
        raise DataError(f"{path}: the training labels are all 0", "a data set has at least 2 classes")
    labels = _labels(path, held, part)
    if labels.max() >= classes:
        raise DataError(f"{path}: the training labels end at {classes - 1}, but {part} has a label {labels.max()}")
    images = _images(path, *_array(path, held, (f"x_{part}", f"{part}_images")))
    if len(images) != len(labels):
        raise DataError(f"{path}: {len(images):,} {part} images, but {len(labels):,} labels")
    return Images(images, torch.from_numpy(labels.astype(np.int64)), classes)


def _array(path: Path, held: Any, names: tuple[str, str]) -> tuple[str, NDArray[Any]]:
    for name in names:
        if name in held.files:
            return name, held[name]
    has = ", ".join(held.files[:8]) or "nothing"
    raise DataError(f"{path}: has no array {names[0]!r} (nor {names[1]!r}); it holds {has}")


def _labels(path: Path, held: Any, part: Part) -> NDArray[Any]:
    name, labels = _array(path, held, (f"y_{part}", f"{part}_labels"))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        shape = "x".join(map(str, labels.shape))
        raise DataError(f"{path}: {name}: must be whole numbers from 0, one an image, got {labels.dtype} of shape {shape}")
    return labels


def _images(path: Path, name: str, values: NDArray[Any]) -> Tensor:
    shape = "x".join(map(str, values.shape))
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[3] in COLOURS and values.shape[1] not in COLOURS:
        values = values.transpose(0, 3, 1, 2)
    if values.ndim != 4 or 0 in values.shape:
        raise DataError(f"{path}: {name}: must be images in 3 or 4 dimensions, got shape {shape}")
    if values.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(values)).to(torch.float32).div_(255)
    if values.dtype.kind != "f" or not (values.min() >= 0 and values.max() <= 1):
        spread = f"{values.min():g} to {values.max():g}" if values.dtype.kind in "fiu" else "no numbers"
        raise DataError(f"{path}: {name}: must be bytes or floats from 0 to 1, got {values.dtype} ({spread})")
    return torch.from_numpy(values.astype(np.float32))
