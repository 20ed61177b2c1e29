"""Mini-batches: order and augmentation drawn from (search seed, repeat, epoch), so every graph sees the same ones.

Augmentation works on whole batches on the device, a gather and two selections; its draws are made on the CPU, once an
epoch, so that they are the same on any device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.errors import DataError
from engine.space.protocol import Protocol
from engine.training.data.splits import Images
from engine.training.seeds import generator


@dataclass(frozen=True, slots=True)
class Batch:
    """`places` are the images' numbers in the training part; `images` are augmented, ready for every network."""

    places: Tensor
    images: Tensor
    labels: Tensor


class Batches:
    """The mini-batches of one (search seed, repeat)."""

    def __init__(self, train: Images, protocol: Protocol, seed: int, repeat: int) -> None:
        self.train, self.protocol, self.seed, self.repeat = train, protocol, seed, repeat
        self.crop = Crop(protocol.crop, train.images) if protocol.crop else None

    @property
    def augments(self) -> bool:
        p = self.protocol
        return bool(p.crop or p.flip or p.cutout)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of epoch `number` (from 0)."""
        p, total, device = self.protocol, len(self.train.labels), self.train.images.device
        draw = generator("batches", self.seed, self.repeat, number)
        order = torch.randperm(total, generator=draw).to(device)
        shift = torch.randint(0, 2 * p.crop + 1, (total, 2), generator=draw).to(device) if p.crop else None
        flip = (torch.rand(total, generator=draw) < 0.5).to(device) if p.flip else None
        hole = torch.rand(total, 2, generator=draw).to(device) if p.cutout else None
        for step in range(p.steps_an_epoch()):
            places = order[step * p.batch : (step + 1) * p.batch]
            if self.crop is not None and shift is not None:
                images = self.crop(places, shift[places])
            else:
                images = self.train.images[places]
            if flip is not None:
                images = torch.where(flip[places, None, None, None], images.flip(-1), images)
            if hole is not None:
                images = cut_out(images, hole[places], p.cutout)
            yield Batch(places, images, self.train.labels[places])


class Crop:
    """Random crops of reflect-padded images by one gather: no loop over images."""

    def __init__(self, by: int, images: Tensor) -> None:
        """Raises DataError if the images are too small to be mirrored `by` pixels beyond their border."""
        least = min(images.shape[2:])
        if by >= least:
            raise DataError(
                f"protocol.crop: must be less than the images' {least} pixels, got {by}", "make protocol.crop smaller"
            )
        self.padded = pad(images, (by, by, by, by), mode="reflect")
        self.rows = torch.arange(images.shape[2], device=images.device)
        self.columns = torch.arange(images.shape[3], device=images.device)

    def __call__(self, places: Tensor, shift: Tensor) -> Tensor:
        """`shift[i]` is the top-left corner (row, column) of image i's window in its padded picture."""
        rows = shift[:, :1] + self.rows
        columns = shift[:, 1:] + self.columns
        # Advanced indices around a slice come first in the result: [batch, rows, columns, channels].
        return self.padded[places[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cut_out(images: Tensor, centre: Tensor, side: int) -> Tensor:
    """Erase a square of the given side around `centre` (0..1 of height and width), clipped at the border."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device)
    top = (centre[:, 0] * height).floor() - side // 2
    left = (centre[:, 1] * width).floor() - side // 2
    in_rows = (rows >= top[:, None]) & (rows < top[:, None] + side)
    in_columns = (columns >= left[:, None]) & (columns < left[:, None] + side)
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)
