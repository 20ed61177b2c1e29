"""Augmentation by gather against plain loops over images and pixels; batches that depend on (seed, repeat, epoch) only."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.errors import DataError
from engine.space.protocol import resolve
from engine.training.data.batches import Batches, Crop, cut_out
from engine.training.data.splits import Images


def pictures(count: int, shape: tuple[int, int, int] = (2, 6, 5), seed: int = 0) -> Images:
    draw = torch.Generator().manual_seed(seed)
    images = torch.rand(count, *shape, generator=draw, dtype=torch.float64) + 0.01
    return Images(images, torch.arange(count) % 10, 10)


def batches(images: Images, seed: int = 0, repeat: int = 0, **fields) -> Batches:
    protocol = resolve({"data": "digits", "train": len(images.labels), "validation": 1, "batch": 8, **fields})
    return Batches(images, protocol, seed, repeat)


def sliced(image: Tensor, by: int, top: int, left: int) -> np.ndarray:
    """The window at (top, left) of the image mirrored `by` pixels beyond its border (the border is not repeated)."""
    padded = np.pad(image.numpy(), ((0, 0), (by, by), (by, by)), mode="reflect")
    return padded[:, top : top + image.shape[1], left : left + image.shape[2]]


def holed(image: Tensor, row: float, column: float, side: int) -> Tensor:
    """`image` with 0 at each pixel of the square, pixel by pixel."""
    out = image.clone()
    height, width = image.shape[1:]
    top, left = math.floor(row * height) - side // 2, math.floor(column * width) - side // 2
    for y in range(height):
        for x in range(width):
            if top <= y < top + side and left <= x < left + side:
                out[:, y, x] = 0
    return out


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_cropping_by_gather_equals_slicing_mirrored_images(data):
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(2, 7), st.integers(2, 7)))
    by = data.draw(st.integers(1, min(shape[1:]) - 1))
    images = pictures(5, shape).images
    places = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    corners = st.tuples(st.integers(0, 2 * by), st.integers(0, 2 * by))
    shift = data.draw(st.lists(corners, min_size=len(places), max_size=len(places)))
    found = Crop(by, images)(torch.tensor(places), torch.tensor(shift))
    assert found.shape == (len(places), *shape)
    for got, place, (top, left) in zip(found, places, shift, strict=True):
        np.testing.assert_array_equal(got.numpy(), sliced(images[place], by, top, left))


def test_a_crop_as_wide_as_the_image_is_refused_with_the_numbers():
    with pytest.raises(DataError, match=r"protocol\.crop: must be less than the images' 5 pixels, got 5"):
        batches(pictures(8), crop=5)
    batches(pictures(8), crop=4)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 9),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=6),
)
def test_cutout_equals_a_loop_over_pixels(side, centres):
    images = pictures(len(centres)).images
    found = cut_out(images, torch.tensor(centres, dtype=torch.float64), side)
    for got, image, centre in zip(found, images, centres, strict=True):
        assert torch.equal(got, holed(image, *centre, side))


@pytest.mark.parametrize("fields", [{}, {"crop": 2}, {"flip": True}, {"crop": 1, "flip": True}])
def test_every_image_of_an_epoch_is_a_window_of_its_own_picture(fields):
    """Each batch's image is one of its source's windows, as it is or mirrored; labels are its source's."""
    train = pictures(30)
    by = fields.get("crop", 0)
    seen: Counter[tuple[int, int, bool]] = Counter()
    for epoch in range(4):
        for batch in batches(train, **fields).epoch(epoch):
            assert torch.equal(batch.labels, train.labels[batch.places])
            for got, place in zip(batch.images, batch.places.tolist(), strict=True):
                windows = {
                    (top, left, turned): sliced(train.images[place], by, top, left)[..., :: -1 if turned else 1]
                    for top in range(2 * by + 1)
                    for left in range(2 * by + 1)
                    for turned in ((False, True) if fields.get("flip") else (False,))
                }
                is_from = [which for which, window in windows.items() if np.array_equal(window, got.numpy())]
                assert len(is_from) == 1
                seen.update(is_from)
    # 120 draws reach every window of these few, the untouched one among them.
    assert len(seen) == (2 * by + 1) ** 2 * (1 + bool(fields.get("flip")))
    if fields == {"flip": True}:
        assert 35 <= seen[0, 0, True] <= 85  # 60 expected of 120, five standard deviations of 5.5


def test_cutout_in_an_epoch_erases_a_square_of_its_side_at_most():
    train = pictures(40, (1, 8, 8))
    areas = []
    for batch in batches(train, cutout=4).epoch(0):
        for got, place in zip(batch.images, batch.places.tolist(), strict=True):
            gone = (got[0] == 0).nonzero().tolist()
            kept = got[0] != 0
            assert torch.equal(got[0][kept], train.images[place, 0][kept])
            rows, columns = {y for y, _ in gone}, {x for _, x in gone}
            assert len(gone) == len(rows) * len(columns)  # a rectangle: the square clipped at the border
            assert 2 <= len(rows) <= 4
            assert 2 <= len(columns) <= 4
            areas.append(len(gone))
    assert max(areas) == 16 > min(areas)


AUGMENTED = {"crop": 2, "flip": True, "cutout": 3}


def stack(made: Batches, epoch: int) -> Tensor:
    return torch.cat([b.images for b in made.epoch(epoch)])


def places(made: Batches, epoch: int) -> list[int]:
    return torch.cat([b.places for b in made.epoch(epoch)]).tolist()


def test_the_same_seed_repeat_and_epoch_give_the_same_batches_whatever_was_drawn_before():
    train = pictures(40)
    first, second = (batches(train, 3, 1, **AUGMENTED) for _ in range(2))
    stack(second, 0)
    torch.manual_seed(99)
    assert torch.equal(stack(first, 2), stack(second, 2))
    assert torch.equal(stack(first, 2), stack(first, 2))


def test_another_seed_repeat_or_epoch_gives_other_batches():
    train = pictures(40)
    kinds = [(3, 1, 2), (4, 1, 2), (3, 0, 2), (3, 1, 1), (1, 3, 2), (3, 2, 1)]
    orders = [tuple(places(batches(train, seed, repeat, **AUGMENTED), epoch)) for seed, repeat, epoch in kinds]
    assert len(set(orders)) == len(kinds)
    # Each order is a whole one: every image once.
    assert all(sorted(order) == list(range(40)) for order in orders)


def test_augmentation_does_not_change_the_order():
    """The order is drawn first, so spaces that differ in augmentation alone still share their mini-batches."""
    train = pictures(40)
    assert places(batches(train), 1) == places(batches(train, **AUGMENTED), 1)


@pytest.mark.parametrize(
    ("count", "last", "sizes"),
    [
        (20, "keep", [8, 8, 4]),
        (20, "drop", [8, 8]),
        (16, "keep", [8, 8]),
        (16, "drop", [8, 8]),
        (17, "keep", [8, 8, 1]),
        (8, "drop", [8]),
    ],
)
def test_the_last_batch_is_kept_or_dropped(count, last, sizes):
    made = batches(pictures(count), last_batch=last)
    assert [len(b.labels) for b in made.epoch(0)] == sizes
    assert made.protocol.steps_an_epoch() == len(sizes)
    seen = places(made, 0)
    assert len(set(seen)) == len(seen) == sum(sizes)


def test_what_augments_is_what_may_change_an_image():
    train = pictures(16)
    assert not batches(train).augments
    for fields in ({"crop": 1}, {"flip": True}, {"cutout": 2}):
        made = batches(train, **fields)
        assert made.augments
        assert not torch.equal(stack(made, 0), train.images[places(made, 0)])
