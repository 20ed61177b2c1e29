"""Data sets: their parts, the split, files in CIFAR's own format, and the wall before the test set."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import datasets

from engine.errors import DataError
from engine.space.catalogue import DATASETS as FACTS
from engine.space.protocol import resolve
from engine.training.data import splits
from engine.training.data.splits import held_out_part, normalise, split, training_part
from engine.training.datasets import digits

HERE = Path("data")


def rows(images: torch.Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images.double()}


def protocol(**fields):
    return resolve({"data": "digits", "train": 100, "validation": 50, "batch": 10, **fields})


# --- digits


def test_digits_is_all_of_scikit_learns_divided_in_two():
    from sklearn.datasets import load_digits

    train, test = training_part("digits", HERE), held_out_part("digits", HERE)
    assert (len(train.labels), len(test.labels)) == (FACTS["digits"].training, 297)
    assert train.shape == test.shape == FACTS["digits"].shape
    everything = load_digits()
    # An image and its label, counted: every one of the 1,797 is in exactly one part, as often as scikit-learn has it.
    wanted = sorted(zip((i.tobytes() for i in everything.images), map(int, everything.target), strict=True))
    found = []
    for part in (train, test):
        pictures = (part.images[:, 0].double() * 16).numpy()
        found += zip((i.tobytes() for i in pictures), part.labels.tolist(), strict=True)
    assert sorted(found) == wanted
    assert not rows(train.images) & rows(test.images)


def test_the_parts_of_digits_are_the_same_for_everybody():
    """Whatever the global generators stand at; the first labels are written down so that a new order cannot slip in."""
    digits._order.cache_clear()
    torch.manual_seed(3)
    first = held_out_part("digits", HERE)
    digits._order.cache_clear()
    torch.manual_seed(4)
    again = held_out_part("digits", HERE)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert first.labels[:12].tolist() == [2, 7, 5, 4, 5, 4, 2, 5, 5, 0, 7, 8]
    assert training_part("digits", HERE).images.amax() == 1


# --- the split


def test_a_split_is_disjoint_seeded_and_of_the_sizes_asked_for():
    part = training_part("digits", HERE)
    numbered = splits.Images(torch.arange(1500.0).view(-1, 1, 1, 1), torch.arange(1500), 10)
    found = split(numbered, protocol(train=900, validation=600))
    train, validation = found.train.labels.tolist(), found.validation.labels.tolist()
    assert (len(train), len(validation)) == (900, 600)
    assert sorted(train + validation) == list(range(1500))
    assert found.train.images.flatten().tolist() == train
    assert train != sorted(train)

    again = split(part, protocol())
    same = split(part, protocol(epochs=3, lr=0.5, batch=7))
    other = split(part, protocol(split_seed=1))
    assert torch.equal(again.train.images, same.train.images)
    assert torch.equal(again.validation.images, same.validation.images)
    assert not torch.equal(again.train.images, other.train.images)


def test_a_data_set_too_small_for_the_protocol_is_refused_with_the_numbers():
    part = training_part("digits", HERE)
    assert len(split(part, protocol(train=1400, validation=100)).train.labels) == 1400
    with pytest.raises(DataError, match=r"train \+ validation = 1400 \+ 101 images, but digits has 1500") as caught:
        split(part, protocol(train=1400, validation=101))
    assert "\n" not in str(caught.value)


def test_channel_normalisation_uses_the_training_images_only():
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(60, 3, 4, 4, generator=draw, dtype=torch.float64) * torch.tensor([1.0, 2, 3]).view(3, 1, 1)
    part = splits.Images(images, torch.zeros(60, dtype=torch.int64), 10)
    plain = split(part, protocol(train=40, validation=20))
    found = split(part, protocol(train=40, validation=20, normalisation="channel"))
    for channel in range(3):
        seen = plain.train.images[:, channel].numpy()
        for got, raw in ((found.train, plain.train), (found.validation, plain.validation)):
            wanted = (raw.images[:, channel].numpy() - seen.mean()) / seen.std(ddof=1)
            np.testing.assert_allclose(got.images[:, channel].numpy(), wanted, atol=1e-12)


def test_a_channel_of_one_colour_stays_finite():
    part = splits.Images(torch.full((5, 1, 2, 2), 0.25), torch.zeros(5, dtype=torch.int64), 10)
    assert normalise(part, part).images.abs().max() == 0


# --- CIFAR's own format


def write(path: Path, content: object) -> str:
    """Pickle `content` as CIFAR's python version does; returns the file's md5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    return hashlib.md5(path.read_bytes()).hexdigest()


def batch(count: int, seed: int, key: str, classes: int) -> dict:
    """Rows of 3,072 bytes: 1,024 red, 1,024 green, 1,024 blue, each row by row."""
    draw = np.random.default_rng(seed)
    return {
        "data": draw.integers(0, 256, (count, 3072), dtype=np.uint8),
        key: draw.integers(0, classes, count).tolist(),
    }


Content = dict[str, list[dict]]


def tiny(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, per_file: int = 4) -> Content:
    """A tiny CIFAR in `folder`, its checksums made known to torchvision; returns what was written by part."""
    known = getattr(datasets, kind)
    key, classes = ("fine_labels", 100) if kind == "CIFAR100" else ("labels", 10)
    written: Content = {}
    for place, (part, name) in enumerate((("train", "train_list"), ("test", "test_list"))):
        sums = []
        written[part] = []
        for file, _ in getattr(known, name):
            content = batch(per_file, 100 * place + len(sums), key, classes)
            written[part].append(content)
            sums.append([file, write(folder / known.base_folder / file, content)])
        monkeypatch.setattr(known, name, sums)
    names = {known.meta["key"]: [f"class {i}" for i in range(classes)]}
    sum_of_names = write(folder / known.base_folder / known.meta["filename"], names)
    monkeypatch.setattr(known, "meta", {**known.meta, "md5": sum_of_names})
    return written


BOTH = pytest.mark.parametrize(("kind", "name"), [("CIFAR10", "cifar10"), ("CIFAR100", "cifar100")])


@BOTH
def test_cifars_images_and_labels_are_read_as_they_were_written(kind, name, tmp_path, monkeypatch):
    written = tiny(kind, tmp_path, monkeypatch)
    key = "fine_labels" if kind == "CIFAR100" else "labels"
    for part, read in (("train", training_part), ("test", held_out_part)):
        found = read(name, tmp_path)
        assert found.shape == FACTS[name].shape
        assert found.classes == FACTS[name].classes
        assert found.images.dtype == torch.float32
        assert found.labels.tolist() == [label for content in written[part] for label in content[key]]
        raw = [row for content in written[part] for row in content["data"]]
        assert len(found.images) == len(raw)
        for picture, row in zip(found.images, raw, strict=True):
            for channel, y, x in ((0, 0, 0), (0, 0, 31), (1, 7, 2), (2, 31, 0), (2, 31, 31)):
                assert picture[channel, y, x].item() == pytest.approx(row[1024 * channel + 32 * y + x] / 255, abs=1e-7)


@BOTH
def test_a_search_needs_no_test_files(kind, name, tmp_path, monkeypatch):
    tiny(kind, tmp_path, monkeypatch)
    folder = tmp_path / getattr(datasets, kind).base_folder
    before = training_part(name, tmp_path)
    for file, _ in getattr(datasets, kind).test_list:
        (folder / file).unlink()
    assert torch.equal(training_part(name, tmp_path).images, before.images)
    with pytest.raises(DataError, match=f"data set {kind} is not in"):
        held_out_part(name, tmp_path)


@BOTH
def test_a_damaged_training_file_is_refused(kind, name, tmp_path, monkeypatch):
    tiny(kind, tmp_path, monkeypatch)
    known = getattr(datasets, kind)
    path = tmp_path / known.base_folder / known.train_list[-1][0]
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(bytes(blob))
    with pytest.raises(DataError, match="damaged"):
        training_part(name, tmp_path)


def test_svhn_is_read_from_its_matlab_files_and_a_search_needs_the_training_file_only(tmp_path, monkeypatch):
    from scipy.io import savemat

    draw = np.random.default_rng(0)
    lists, written = {}, {}
    for part in ("train", "test"):
        pictures = draw.integers(0, 256, (32, 32, 3, 5), dtype=np.uint8)
        written[part] = pictures, np.array([10, 1, 9, 10, 3], np.uint8)  # 10 stands for the digit 0
        path = tmp_path / f"{part}_32x32.mat"
        savemat(path, {"X": pictures, "y": written[part][1][:, None]})
        lists[part] = ["nowhere", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", lists)
    for part, read in (("test", held_out_part), ("train", training_part)):
        found = read("svhn", tmp_path)
        assert (found.shape, found.classes, found.labels.tolist()) == ((3, 32, 32), 10, [0, 1, 9, 0, 3])
        np.testing.assert_allclose(found.images.numpy() * 255, written[part][0].transpose(3, 2, 0, 1), atol=1e-4)
        (tmp_path / "test_32x32.mat").unlink(missing_ok=True)
    blob = bytearray((tmp_path / "train_32x32.mat").read_bytes())
    blob[200] ^= 1
    (tmp_path / "train_32x32.mat").write_bytes(blob)
    with pytest.raises(DataError, match=r"data set SVHN is not in .* damaged"):
        training_part("svhn", tmp_path)


@pytest.mark.parametrize("name", [n for n in FACTS if n != "digits"])
@pytest.mark.parametrize("read", [training_part, held_out_part])
def test_a_missing_data_set_is_one_line_that_says_where_and_how(name, read, tmp_path):
    with pytest.raises(DataError) as caught:
        read(name, tmp_path / "nowhere")
    line = str(caught.value)
    assert "\n" not in line
    for part in (str(tmp_path / "nowhere"), "--data", "--download"):
        assert part in line
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["cifar100", "mnist", "svhn"])
def test_a_download_that_fails_is_one_line(name, tmp_path, monkeypatch):
    from urllib.error import URLError

    def refuse(*args, **kwargs):
        raise URLError("no route to host")

    for module in (datasets.cifar, datasets.mnist):
        monkeypatch.setattr(module, "download_and_extract_archive", refuse)
    monkeypatch.setattr(datasets.svhn, "download_url", refuse)
    with pytest.raises(DataError, match=r"cannot be fetched into .*no route to host.*--data DIR") as caught:
        training_part(name, tmp_path, download=True)
    assert "\n" not in str(caught.value)


def test_an_unknown_data_set_is_refused_with_the_nearest_name():
    with pytest.raises(DataError, match=r"unknown data set 'cifar1000'.*'cifar100'"):
        training_part("cifar1000", HERE)


# --- the wall


def test_a_search_never_touches_the_test_part(tmp_path, monkeypatch, capsys):
    """From the command to the last record, with the test files gone and the only way to them barred."""
    from engine.search.__main__ import main

    tiny("CIFAR10", tmp_path, monkeypatch)
    for file, _ in datasets.CIFAR10.test_list:
        (tmp_path / datasets.CIFAR10.base_folder / file).unlink()

    def barred(*args, **kwargs):
        raise AssertionError("a search asked for the test part")

    monkeypatch.setattr(splits, "held_out_part", barred)
    fields = {"data": "cifar10", "train": 12, "validation": 8, "epochs": 1, "batch": 4, "crop": 2}
    models = {"1": "mlp3", "2": "mlp3"}
    space = {"name": "tiny", "nodes": 2, "models": models, "gates": ["through", "cutoff"], "protocol": fields}
    (tmp_path / "tiny.json").write_text(json.dumps(space))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)  # the command sets it; undone with the test
    threads = torch.get_num_threads()
    try:
        # One worker is this process: the bar and the tiny files' checksums reach no other.
        code = main(["tiny.json", "--exhaustive", "--data", ".", "--pack", "4", "--workers", "1", "--threads", "1", "--json"])
    finally:
        torch.set_num_threads(threads)
    said = capsys.readouterr()
    assert code == 0, said.err
    outcomes = json.loads(said.out)["outcomes"]
    # 2^4 graphs less the 4 without an open edge into the target; of the 12, 1 lets no label reach it.
    assert (outcomes["invalid"], outcomes["untaught"], outcomes["done"]) == (4, 1, 11)
