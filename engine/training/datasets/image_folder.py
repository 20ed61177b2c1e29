"""A data set of one's own as a folder: `NAME/train/CLASS/*.png`, and `NAME/test/CLASS/...` for a final evaluation.

Classes are numbered in the order of their names. Pictures are of one size, or brought to one: `folder:NAME@32` scales the
shorter side to 32 pixels and takes the middle square. Grey pictures give one channel, anything else three.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from engine.errors import DataError
from engine.training.data.images import Images, Loader, Part

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})

GREY = frozenset({"1", "L"})


def pictures(name: str, side: int | None) -> Loader:
    """A loader of the folder `name` in the data folder."""

    def load(folder: Path, download: bool, part: Part) -> Images:
        root = folder / name
        classes = _classes(root / "train")
        train = _files(root / "train", classes)
        files = train if part == "train" else _files(root / part, _classes(root / part, classes))
        mode = "L" if all(_open(path).mode in GREY for path, _ in train) else "RGB"
        arrays = [_array(path, mode, side) for path, _ in files]
        _same_size(files, arrays)
        stacked = torch.from_numpy(np.stack(arrays))
        images = stacked.unsqueeze(1) if mode == "L" else stacked.permute(0, 3, 1, 2)
        labels = torch.tensor([classes.index(label) for _, label in files])
        return Images(images.to(torch.float32).div_(255), labels, len(classes))

    return load


def _classes(folder: Path, known: Sequence[str] | None = None) -> list[str]:
    """Names of the class folders. Raises DataError if there are none, or one that the training part does not have."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "name the folder that holds the data set's with --data DIR")
    found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if known is None and len(found) < 2:
        raise DataError(f"{folder}: must hold a folder for each of at least 2 classes, got {len(found)}")
    if strange := [name for name in found if known is not None and name not in known]:
        raise DataError(f"{folder}: class {strange[0]!r} is not among the training classes")
    return found


def _files(folder: Path, classes: Sequence[str]) -> list[tuple[Path, str]]:
    found = [(p, name) for name in classes for p in sorted((folder / name).iterdir()) if p.suffix.lower() in ENDINGS]
    if not found:
        raise DataError(f"{folder}: holds no pictures", f"put them into {folder}/CLASS/")
    return found


def _open(path: Path) -> Image:
    """The picture, its head read. Raises DataError."""
    from PIL import Image

    try:
        found = Image.open(path)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a picture that can be read: {error}") from None
    if found.mode[0] in "IF":
        raise DataError(f"{path}: has more than 8 bits a channel (mode {found.mode})", "save it with 8")
    return found


def _array(path: Path, mode: str, side: int | None) -> np.ndarray:
    from PIL import Image

    with _open(path) as picture:
        try:
            found = picture.convert(mode)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"{path}: damaged: {error}") from None
        if side is not None:
            found = _square(found, side)
    return np.array(found, dtype=np.uint8)


def _square(picture: Image, side: int) -> Image:
    """The middle square of the picture scaled so that its shorter side is `side` pixels."""
    from PIL import Image

    width, height = picture.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    middle = picture.crop((left, top, left + edge, top + edge))  # resize's own `box` lets what is beside it shine in
    return middle.resize((side, side), Image.Resampling.BILINEAR)


def _same_size(files: Sequence[tuple[Path, str]], arrays: Sequence[np.ndarray]) -> None:
    for (path, _), array in zip(files, arrays, strict=True):
        if array.shape != arrays[0].shape:
            (h, w), (height, width) = arrays[0].shape[:2], array.shape[:2]
            raise DataError(f"{path}: {width}x{height} pixels, but {files[0][0]} has {w}x{h}",
                            "say folder:NAME@SIDE to bring all to one size")
