from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from accelerate import Accelerator

from engine.packing.packs import shape_for
from engine.space.graph import Graph
from engine.space.protocol import Protocol, resolve
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images, Split, normalise
from engine.training.device import same_bits_anywhere
from engine.training.teachers.bank import TeacherBank, TeacherCache
from engine.training.teachers.pretraining import bank
from engine.training.trainer import DTYPES, PackTrainer, Setting

SMALL = {"data": "digits", "train": 40, "validation": 20, "epochs": 4, "batch": 8, "precision": "float64"}


def images(count: int, shape: tuple[int, int, int], seed: int, dtype: torch.dtype) -> Images:
    draw = torch.Generator().manual_seed(seed)
    pictures = torch.rand(count, *shape, generator=draw, dtype=torch.float64)
    return Images(pictures.to(dtype), torch.randint(0, 10, (count,), generator=draw), 10)


same_bits_anywhere()


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Networks this small only lose by threads that wait for each other, ten times so on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True, step_scheduler_with_optimizer=False)


Made = TypeVar("Made")


def drained(work: Generator[None, None, Made]) -> Made:
    """What the generator returns, all of its pauses passed over."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def banked(
    wanted: Sequence[tuple[str, int]], setting: Setting, cache: TeacherCache | None, nodes: int | None = None
) -> TeacherBank:
    """The bank for graphs of as many nodes as the teachers need, if nothing is said of them."""
    return drained(bank(wanted, nodes or max((node for _, node in wanted), default=2), setting, cache))


Prepare = Callable[..., PackTrainer]


@pytest.fixture
def prepare(accelerator: Accelerator) -> Prepare:
    """A pack trainer on random images: 5 steps an epoch of 8 images, float64, unless fields say otherwise."""

    def make(
        graphs: Sequence[Graph], shape: tuple[int, int, int] = (1, 6, 6), most: int | None = None, *,
        pack_shape=None, seed: int = 0, repeat: int = 0, names=None, first: int = 0, **fields,
    ) -> PackTrainer:  # fmt: skip
        mode_fields = {k: fields.pop(k) for k in ("layouts", "compile") if k in fields}
        protocol: Protocol = resolve({**SMALL, **fields})
        dtype = DTYPES[protocol.precision]
        split = Split(images(protocol.train, shape, 1, dtype), images(protocol.validation, shape, 2, dtype))
        if protocol.normalisation == "channel":
            split = Split(normalise(split.train, split.train), normalise(split.validation, split.train))
        mode = Mode(pack=most or len(graphs), **mode_fields)
        none = TeacherBank.of((), split.train, split.validation)
        setting = Setting(protocol, split, seed, repeat, mode, accelerator, none)
        laid = pack_shape or shape_for(graphs, most or len(graphs), max(g.nodes for g in graphs))
        setting = replace(setting, teachers=banked(laid.teachers, setting, None, laid.nodes))
        return PackTrainer(graphs, names or [g.key for g in graphs], laid, setting, first)

    return make
