"""MNIST and Fashion-MNIST: IDX files, packed or not, as torchvision fetches them or as Debian installs them.

`/usr/share/datasets/fashion-mnist` of the package dataset-fashion-mnist is found by `--data /usr/share/datasets`.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine.errors import DataError
from engine.training.data.images import Images, Loader, Part
from engine.training.datasets.torchvision_sets import HOW_TO_GET, opened

UNSIGNED_BYTE = 8
"""The IDX format's code for it: both data sets hold nothing else."""

CLASSES = 10


def idx(kind: str, folder_name: str) -> Loader:
    """A loader of torchvision's data set `kind`, whose files lie in `KIND/raw` or `FOLDER_NAME` of the data folder."""

    def load(folder: Path, download: bool, part: Part) -> Images:
        places = [folder / kind / "raw", folder / folder_name]
        files = _files(places, part)
        if files is None and download:
            opened(kind, folder, True, part)
            files = _files(places, part)
        if files is None:
            raise DataError(f"data set {kind} is not in {places[0]} or {places[1]}", HOW_TO_GET)
        pictures, labels = read(files[0], 3), read(files[1], 1)
        if len(pictures) != len(labels):
            raise DataError(f"{files[1]}: {len(labels):,} labels for the {len(pictures):,} images of {files[0].name}")
        if labels.size and labels.max() >= CLASSES:
            raise DataError(f"{files[1]}: labels must be below {CLASSES}, got {labels.max()}")
        images = torch.from_numpy(pictures).unsqueeze(1).to(torch.float32).div_(255)
        return Images(images, torch.from_numpy(labels).to(torch.int64), CLASSES)

    return load


def _files(places: list[Path], part: Part) -> tuple[Path, Path] | None:
    """Images and labels of a part, in the first place that has both."""
    first = "train" if part == "train" else "t10k"
    for place in places:
        found = [_file(place / f"{first}-{what}-ubyte") for what in ("images-idx3", "labels-idx1")]
        if found[0] and found[1]:
            return found[0], found[1]
    return None


def _file(path: Path) -> Path | None:
    packed = path.with_name(f"{path.name}.gz")
    return next((p for p in (path, packed) if p.is_file()), None)


def read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes. Raises DataError if it is torn, packed wrongly or holds something else."""
    try:
        blob = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}", "fetch it again") from None
    head = 4 + 4 * dimensions
    if blob[:4] != bytes((0, 0, UNSIGNED_BYTE, dimensions)) or len(blob) < head:
        raise DataError(f"{path}: not an IDX file of bytes in {dimensions} dimension(s)", "fetch it again")
    sizes = tuple(int(n) for n in np.frombuffer(blob, ">u4", dimensions, 4))
    if len(blob) - head != np.prod(sizes, dtype=np.int64):
        wanted = "x".join(map(str, sizes))
        raise DataError(f"{path}: damaged: it names {wanted} bytes and holds {len(blob) - head:,}", "fetch it again")
    return np.frombuffer(blob, np.uint8, offset=head).reshape(sizes).copy()
