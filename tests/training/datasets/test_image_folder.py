"""`folder:NAME`: pictures of one's own, a folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import DataError
from engine.training.data.splits import held_out_part, training_part

DRAW = np.random.default_rng(0)


def picture(path: Path, values: np.ndarray, mode: str | None = None) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    found = Image.fromarray(values)
    (found if mode is None else found.convert(mode)).save(path)
    return values


def tiny(root: Path, shape: tuple[int, ...] = (6, 5, 3)) -> dict[str, np.ndarray]:
    made = {}
    for name in ("train/cat/b.png", "train/cat/a.png", "train/ant/z.PNG", "test/cat/q.png"):
        made[name] = picture(root / "pets" / name, DRAW.integers(0, 256, shape, dtype=np.uint8))
    (root / "pets" / "train" / "cat" / "notes.txt").write_text("no picture")
    (root / "pets" / "train" / ".cache").mkdir()
    return made


@pytest.mark.parametrize("shape", [(6, 5, 3), (6, 5)], ids=["colour", "grey"])
def test_classes_and_pictures_in_the_order_of_their_names(shape, tmp_path):
    made = tiny(tmp_path, shape)
    found = training_part("folder:pets", tmp_path)
    assert found.shape == (3 if len(shape) == 3 else 1, 6, 5)
    assert (found.labels.tolist(), found.classes) == ([0, 1, 1], 2)
    for image, name in zip(found.images, ("train/ant/z.PNG", "train/cat/a.png", "train/cat/b.png"), strict=True):
        wanted = made[name].transpose(2, 0, 1) if len(shape) == 3 else made[name][None]
        np.testing.assert_allclose(image.numpy() * 255, wanted, atol=1e-4)
    test = held_out_part("folder:pets", tmp_path)
    assert (test.labels.tolist(), test.classes, test.shape) == ([1], 2, found.shape)


def test_a_search_never_looks_into_the_test_folder(tmp_path, monkeypatch):
    tiny(tmp_path)
    opened = []
    plain = Image.open
    monkeypatch.setattr(Image, "open", lambda path: (opened.append(path), plain(path))[1])
    training_part("folder:pets", tmp_path)
    assert {path.parts[-3] for path in opened} == {"train"}


def test_one_coloured_picture_makes_all_of_them_coloured(tmp_path):
    made = tiny(tmp_path, (6, 5))
    picture(tmp_path / "pets/train/ant/colour.png", DRAW.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    found = training_part("folder:pets", tmp_path)
    assert found.shape == (3, 6, 5)
    for channel in range(3):
        np.testing.assert_allclose(found.images[2, channel].numpy() * 255, made["train/cat/a.png"], atol=1e-4)
    assert held_out_part("folder:pets", tmp_path).shape == (3, 6, 5)


def test_a_side_brings_all_to_one_size_by_their_middle_square(tmp_path):
    tiny(tmp_path, (4, 4))
    wide = np.zeros((8, 20), np.uint8)
    wide[:, 6:14] = 200  # the middle square exactly
    picture(tmp_path / "pets/train/ant/wide.png", wide)
    found = training_part("folder:pets@4", tmp_path)
    assert found.shape == (1, 4, 4)
    assert (found.images[0] * 255).round().unique().tolist() == [200]
    with pytest.raises(DataError, match=r"z\.PNG: 4x4 pixels, but .*wide\.png has 20x8; say folder:NAME@SIDE"):
        training_part("folder:pets", tmp_path)


def test_what_cannot_be_used_is_refused_in_one_line(tmp_path):
    root = tmp_path / "pets"
    cases: list[tuple[str, str]] = []

    def refused(said: str, read=training_part) -> None:
        with pytest.raises(DataError, match=said) as caught:
            read("folder:pets", tmp_path)
        assert "\n" not in str(caught.value)
        cases.append((said, str(caught.value)))

    refused(r"there is no folder .*pets/train; .*--data DIR")
    (root / "train" / "cat").mkdir(parents=True)
    refused("a folder for each of at least 2 classes, got 1")
    (root / "train" / "dog").mkdir()
    refused(r"holds no pictures; put them into .*train/CLASS/")
    tiny(tmp_path)
    whole = (root / "train/cat/a.png").read_bytes()
    (root / "train/cat/a.png").write_bytes(b"<html>")
    refused(r"a\.png: not a picture that can be read")
    (root / "train/cat/a.png").write_bytes(whole[:60])
    refused(r"a\.png: damaged")
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(root / "train/cat/a.png")
    refused(r"a\.png: has more than 8 bits a channel \(mode I")
    (root / "train/cat/a.png").write_bytes(whole)
    picture(root / "test/bird/a.png", np.zeros((6, 5), np.uint8))
    refused("class 'bird' is not among the training classes", held_out_part)
    assert len(cases) == 7
