"""Timing and weighing packs on the device: real steps on small pieces of the real data."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import torch
from torch import Tensor

from engine.packing.packs import PackShape, fill, shape_for
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images, Split, split
from engine.training.fleet import Fleet
from engine.training.models.registry import build
from engine.training.seeds import seeded
from engine.training.teachers.bank import TeacherBank
from engine.training.trainer import DTYPES, PackTrainer, Setting

ROUNDS = 4
"""Timed steps of each contender, at least."""

MOST_ROUNDS = 30
"""Timed steps of each contender, at most: quick ones are repeated until `ENOUGH` seconds were timed."""

ENOUGH = 0.6
"""Seconds timed in a race: a dozen steps of which one was left in peace, also on a busy machine."""

WEIGHT_COPIES = {"sgd": 3, "adamw": 4}
"""Tensors as large as the weights that training holds: they themselves, gradients, momenta."""

STACKED_COPIES = 9
"""As many again that a stacked fleet takes: networks before they are stacked, weights and gradients in another memory order."""

ON_TOP = 1.4
"""Gradients of activations and temporaries come on top of what autograd keeps.

Measured as peaks of processes (`benchmarks/memory.py`; the table is in docs/performance.md): with these three, estimates for 16
packs on a CPU were 0.89 to 1.34 times the largest of two or three peaks. With 3 copies for every layout and 1.5 here, as was
guessed before, perceptrons took twice what was estimated.
"""


@dataclass
class Bench:
    """Packs of a search's graphs, ready to be timed."""

    graphs: Sequence[Graph]
    protocol: Protocol
    nodes: int
    setting: Setting

    @classmethod
    def of(cls, graphs: Sequence[Graph], protocol: Protocol, images: Images, nodes: int, mode: Mode, prepared: Any) -> Bench:
        device, dtype = prepared.device, DTYPES[protocol.precision]
        # Epochs enough for the gates' table of iterations to cover every timed step.
        few = msgspec.structs.replace(
            protocol, train=min(protocol.train, 4 * protocol.batch), epochs=max(protocol.epochs, 16), processes=1
        )
        seen = split(images, few)
        few_validation = seen.validation.take(torch.arange(min(8, protocol.validation)))
        small = Split(seen.train.to(device, dtype), few_validation.to(device, dtype))
        nobody = TeacherBank.of((), small.train, small.validation)
        return cls(graphs, protocol, nodes, Setting(few, small, 0, 0, mode, prepared, nobody))

    def shape(self, size: int) -> PackShape:
        """The shape of packs of `size` graphs; a search of fewer is repeated, so that times do not depend on its length.

        As if no networks were shared: how many are depends on where in a search a pack stands.
        """
        return shape_for(self._pack(size), size, self.nodes)

    def _pack(self, size: int) -> list[Graph]:
        return [self.graphs[i % len(self.graphs)] for i in range(size)]

    def trainer(self, shape: PackShape, mode: Mode) -> PackTrainer:
        pack = self._pack(shape.graphs)
        graphs = [pack[i] for i in fill(pack, shape)[0]]  # the shape is an average pack's: the first graphs may need more
        setting = replace(self.setting, mode=mode)
        bank = TeacherBank.of(
            [_spare_fleet(m, setting) for m, _ in shape.teachers], setting.split.train, setting.split.validation
        )
        return PackTrainer(graphs, ["calibration"] * len(graphs), shape, replace(setting, teachers=bank))

    def stepper(self, shape: PackShape, mode: Mode) -> Callable[[], float]:
        """A function that takes one optimiser step and returns its seconds."""
        trainer = self.trainer(shape, mode)
        trainer.module.train()
        batch = next(trainer.batches.epoch(0))
        clock = self._clock(mode)

        def step() -> float:
            self._wait()
            start = clock()
            # Always iteration 1: the bench's data are few, a short protocol on them may have no other.
            trainer.step(batch, 1)
            self._wait()
            return clock() - start

        return step

    def race(self, contenders: Sequence[tuple[PackShape, Mode]], rounds: int = ROUNDS) -> tuple[list[float], list[float]]:
        """(seconds of each one's quickest step, of each one's first). They take turns, so that a busy machine is busy for
        all of them; and of several steps the quickest counts, because others who use the machine only ever add time."""
        steppers = [self.stepper(shape, mode) for shape, mode in contenders]
        first = [self._first(step) for step in steppers]
        taken: list[list[float]] = []
        while len(taken) < rounds or (len(taken) < MOST_ROUNDS and sum(map(sum, taken)) < ENOUGH):
            taken.append([step() for step in steppers])
        return [min(times) for times in zip(*taken, strict=True)], first

    def _first(self, step: Callable[[], float]) -> float:
        """Wall seconds: a compiler is another process."""
        start = time.perf_counter()
        step()
        return time.perf_counter() - start

    def memory(self, shape: PackShape, mode: Mode) -> int:
        """Bytes a pack takes at its fullest, the data set aside."""
        trainer = self.trainer(shape, mode)
        trainer.module.train()
        batch = next(trainer.batches.epoch(0))
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            trainer.loss(batch, 1)
        parameters = {p.untyped_storage().data_ptr() for p in trainer.module.parameters()}
        activations = sum(size for place, size in kept.items() if place not in parameters)
        fleets = self.setting.accelerator.unwrap_model(trainer.module).fleets
        return int(ON_TOP * activations) + sum(self._weights(fleet) for fleet in fleets)

    def _weights(self, fleet: Fleet) -> int:
        """Bytes that a fleet's weights take with all that is as large as they are."""
        copies = WEIGHT_COPIES[self.protocol.optimizer] + (STACKED_COPIES if fleet.layout == "stacked" else 0)
        return copies * sum(p.numel() * p.element_size() for p in fleet.parameters())

    def _clock(self, mode: Mode) -> Callable[[], float]:
        """A single thread on a CPU is timed by the time it computes, not by the time it waits for its turn."""
        alone = self.setting.accelerator.device.type == "cpu" and mode.threads == 1
        return time.process_time if alone else time.perf_counter

    def _wait(self) -> None:
        if self.setting.accelerator.device.type == "cuda":
            torch.cuda.synchronize(self.setting.accelerator.device)


def _spare_fleet(model: str, setting: Setting) -> Fleet:
    train = setting.split.train
    with seeded("spare", model):
        network = build(model, train.shape, train.classes)
    return Fleet([network.to(train.images.dtype)], setting.mode.layouts.get(model, "stacked"))
