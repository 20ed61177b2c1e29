"""`npz:NAME`: arrays of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.errors import DataError, SpaceError
from engine.space.protocol import resolve
from engine.training.data.splits import held_out_part, training_part

DRAW = np.random.default_rng(0)
LABELS = np.array([0, 2, 1, 2])


def write(folder: Path, **arrays: object) -> Path:
    path = folder / "mine.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("shape", "to_first"),
    [
        ((4, 5, 6), lambda a: a[:, None]),
        ((4, 3, 5, 6), lambda a: a),
        ((4, 5, 6, 3), lambda a: a.transpose(0, 3, 1, 2)),
        ((4, 5, 6, 1), lambda a: a.transpose(0, 3, 1, 2)),
        ((4, 1, 6, 3), lambda a: a),  # both could be channels: the first is
        ((4, 5, 6, 7), lambda a: a),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("names", [("x_train", "y_train"), ("train_images", "train_labels")], ids=lambda n: n[0])
def test_images_of_any_order_and_both_ways_of_naming(shape, to_first, names, tmp_path):
    raw = DRAW.integers(0, 256, shape, dtype=np.uint8)
    write(tmp_path, **dict(zip(names, (raw, LABELS[:, None]), strict=True)))
    found = training_part("npz:mine", tmp_path)
    np.testing.assert_allclose(found.images.numpy(), to_first(raw) / 255, atol=1e-7)
    assert found.labels.tolist() == LABELS.tolist()
    assert found.classes == 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1_are_taken_as_they_are(dtype, tmp_path):
    raw = DRAW.random((4, 2, 2)).astype(dtype)
    write(tmp_path, x_train=raw, y_train=LABELS.astype(np.uint8))
    found = training_part("npz:mine", tmp_path)
    assert found.images.dtype == torch.float32
    np.testing.assert_array_equal(found.images[:, 0].numpy(), raw.astype(np.float32))


def test_the_test_part_is_read_when_asked_for_only(tmp_path, monkeypatch):
    raw = DRAW.random((4, 2, 2))
    write(tmp_path, x_train=raw, y_train=LABELS, x_test=raw[:2], y_test=LABELS[:2])
    read = []
    whole = np.lib.npyio.NpzFile.__getitem__
    monkeypatch.setattr(np.lib.npyio.NpzFile, "__getitem__", lambda self, key: (read.append(key), whole(self, key))[1])
    training_part("npz:mine", tmp_path)
    assert sorted(set(read)) == ["x_train", "y_train"]
    found = held_out_part("npz:mine", tmp_path)
    assert (len(found.labels), found.classes) == (2, 3)


IMAGES = np.zeros((4, 5, 5), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y_train": LABELS}, r"has no array 'x_train' \(nor 'train_images'\); it holds y_train"),
        ({"x_train": IMAGES}, "has no array 'y_train'"),
        ({"x_train": IMAGES[:3], "y_train": LABELS}, "3 train images, but 4 labels"),
        ({"x_train": IMAGES[:, 0], "y_train": LABELS}, "must be images in 3 or 4 dimensions, got shape 4x5"),
        ({"x_train": IMAGES.astype(int), "y_train": LABELS}, r"must be bytes or floats from 0 to 1, got int64 \(0 to 0\)"),
        ({"x_train": IMAGES - 1.5, "y_train": LABELS}, r"got float64 \(-1.5 to -1.5\)"),
        ({"x_train": IMAGES * np.nan, "y_train": LABELS}, r"got float64 \(nan to nan\)"),
        ({"x_train": IMAGES, "y_train": LABELS - 1}, "must be whole numbers from 0, one an image, got int64 of shape 4"),
        ({"x_train": IMAGES, "y_train": LABELS / 2}, "must be whole numbers from 0"),
        ({"x_train": IMAGES, "y_train": np.eye(3)[LABELS]}, "got float64 of shape 4x3"),
        ({"x_train": IMAGES, "y_train": LABELS * 0}, "the training labels are all 0; a data set has at least 2 classes"),
        ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "must be whole numbers from 0"),
        ({"x_train": np.array([{}, 1], object), "y_train": LABELS}, "not an archive of plain arrays: Object arrays"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_in_one_line(arrays, said, tmp_path):
    path = write(tmp_path, **arrays)
    with pytest.raises(DataError, match=said) as caught:
        training_part("npz:mine", tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_test_label_that_training_does_not_know_is_refused(tmp_path):
    write(tmp_path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS + 1)
    with pytest.raises(DataError, match="the training labels end at 2, but test has a label 3"):
        held_out_part("npz:mine", tmp_path)


@pytest.mark.parametrize("where", ["torn", "changed", "text", "empty", "one array"])
def test_a_damaged_file_is_refused_in_one_line(where, tmp_path):
    path = write(tmp_path, x_train=DRAW.integers(0, 256, (4, 9, 9), dtype=np.uint8), y_train=LABELS)
    blob = bytearray(path.read_bytes())
    blob[150] ^= 1  # within the first array: its checksum in the archive tells
    other = {"torn": blob[: len(blob) // 2], "changed": blob, "text": b"hello", "empty": b""}
    if where == "one array":
        np.save(path.with_suffix(".npy"), IMAGES)
        path.with_suffix(".npy").rename(path)
    else:
        path.write_bytes(other[where])
    with pytest.raises(DataError, match="not an archive of plain arrays") as caught:
        training_part("npz:mine", tmp_path)
    assert "\n" not in str(caught.value)
    assert "pickle" not in str(caught.value)


def test_a_search_on_it_writes_down_the_chance_rule_of_its_classes(tmp_path, monkeypatch):
    """What the analysis leaves out must be known from the run folder alone: nobody else knows that there are 4 classes."""
    from engine.search.__main__ import main
    from engine.store.folder import read_info, space_of

    images = DRAW.random((40, 4, 4))
    write(tmp_path, x_train=images, y_train=np.arange(40) % 4)
    fields = {"data": "npz:mine", "train": 24, "validation": 16, "epochs": 1, "batch": 8}
    space = {"nodes": 2, "models": {"*": "mlp3"}, "gates": ["through", "cutoff"], "protocol": fields}
    (tmp_path / "s.json").write_text(json.dumps(space))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    args = ["s.json", "--exhaustive", "--data", ".", "--pack", "4", "--workers", "1", "--threads", "1", "--run", "r", "--json"]
    threads = torch.get_num_threads()
    try:
        assert main(args) == 0
        assert main(args) == 0  # goes on with it: the rule written down is no other protocol
    finally:
        torch.set_num_threads(threads)
    assert space_of(Path("r"), read_info(Path("r"))).protocol.chance == 43.75


def test_a_missing_file_says_where_it_belongs(tmp_path):
    with pytest.raises(DataError, match=r"there is no .*sub/mine\.npz; .*--data DIR"):
        training_part("npz:sub/mine", tmp_path)


@pytest.mark.parametrize("name", ["npz:../x", "npz:/etc/x", "npz:a/../b", "folder:.ssh", "folder:a//b", "npz:x@32", "folder:"])
def test_a_space_file_cannot_name_a_place_outside_the_data_folder(name):
    with pytest.raises(SpaceError, match=r"protocol\.data: unknown data set .*; write npz:NAME, folder:NAME or"):
        resolve({"data": name})
