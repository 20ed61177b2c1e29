"""MNIST and Fashion-MNIST from IDX files written here, byte by byte."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import DataError
from engine.training.data.splits import held_out_part, training_part

NAMES = pytest.mark.parametrize(
    ("name", "place"),
    [("mnist", "MNIST/raw"), ("mnist", "mnist"), ("fashion-mnist", "FashionMNIST/raw"), ("fashion-mnist", "fashion-mnist")],
)


def blob(values: np.ndarray) -> bytes:
    return bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write(folder: Path, packed: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A tiny data set of both parts; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    written = {}
    for part, first, count in (("train", "train", 6), ("test", "t10k", 3)):
        pictures = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = draw.integers(0, 10, count, dtype=np.uint8)
        written[part] = pictures, labels
        for what, values in (("images-idx3", pictures), ("labels-idx1", labels)):
            raw = blob(values)
            path = folder / f"{first}-{what}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(raw) if packed else raw)
    return written


@NAMES
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_images_and_labels_are_read_as_they_were_written(name, place, packed, tmp_path):
    written = write(tmp_path / place, packed)
    for part, read in (("train", training_part), ("test", held_out_part)):
        found = read(name, tmp_path)
        pictures, labels = written[part]
        assert (found.shape, found.classes) == ((1, 28, 28), 10)
        assert found.labels.tolist() == labels.tolist()
        assert found.labels.dtype == torch.int64
        np.testing.assert_allclose(found.images[:, 0].numpy() * 255, pictures, atol=1e-4)


@NAMES
def test_a_search_needs_no_test_files(name, place, tmp_path):
    write(tmp_path / place)
    for path in (tmp_path / place).glob("t10k-*"):
        path.unlink()
    assert len(training_part(name, tmp_path).labels) == 6
    with pytest.raises(DataError, match=r"is not in .*--data DIR, or fetch it with --download"):
        held_out_part(name, tmp_path)


def test_mnist_is_not_taken_for_fashion_mnist(tmp_path):
    """Their files have the same names, so they must lie in folders of their own."""
    write(tmp_path / "mnist")
    write(tmp_path)
    with pytest.raises(DataError, match="data set FashionMNIST is not in"):
        training_part("fashion-mnist", tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("train-images-idx3-ubyte", b"", "not an IDX file of bytes in 3 dimension"),
        ("train-images-idx3-ubyte", blob(np.zeros((6, 28), np.uint8)), "not an IDX file of bytes in 3 dimension"),
        ("train-images-idx3-ubyte", blob(np.zeros((6, 28, 28), np.uint8))[:-1], "names 6x28x28 bytes and holds 4,703"),
        ("train-images-idx3-ubyte", blob(np.zeros((5, 28, 28), np.uint8)), "6 labels for the 5 images of train-images"),
        ("train-labels-idx1-ubyte", blob(np.full(6, 10, np.uint8)), "labels must be below 10, got 10"),
        ("train-labels-idx1-ubyte", b"<html>not found</html>", "not an IDX file of bytes in 1 dimension"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(file, content, said, tmp_path):
    write(tmp_path / "mnist")
    (tmp_path / "mnist" / file).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        training_part("mnist", tmp_path)
    assert "\n" not in str(caught.value)
    assert "train-" in str(caught.value)


@pytest.mark.parametrize("torn", [10, 40, -3])
def test_a_torn_packed_file_is_refused_in_one_line(torn, tmp_path):
    write(tmp_path / "mnist", packed=True)
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:torn])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: cannot be read") as caught:
        training_part("mnist", tmp_path)
    assert "\n" not in str(caught.value)


DEBIAN = Path("/usr/share/datasets")


@pytest.mark.skipif(not (DEBIAN / "fashion-mnist").is_dir(), reason="the Debian package dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist_is_found_where_it_is_installed():
    train = training_part("fashion-mnist", DEBIAN)
    assert train.shape == (1, 28, 28)
    assert torch.bincount(train.labels).tolist() == [6000] * 10
    assert 0.28 < float(train.images.mean()) < 0.29  # 0.2860 as usually quoted
