"""Data-parallel training: the processes of a group share each mini-batch of a pack (`protocol.processes`).

A node's loss is a mean over images, so the group's mean gradient, each process's weighed by its share of the batch, is the
gradient of the whole batch: equal to one process's up to rounding (1e-6 in float32, 1e-12 in float64). Batch
normalisation is the exception: each process normalises over its own part, and the running statistics are process 0's.
That changes numbers, so `processes` is a part of the protocol. Packs are the faster way to use several processes for
small networks: they need no communication at all.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast, broadcast_object_list
from torch import Tensor, nn

from engine.errors import TrainingError
from engine.space.protocol import Protocol
from engine.training.losses import PackLoss

FOREVER = timedelta(days=365)
"""Processes wait for the first one while a search is paused, however long."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of each batch this process computes: part `rank` of `count`."""

    rank: int
    count: int
    accelerator: Accelerator

    @classmethod
    def of(cls, accelerator: Accelerator, protocol: Protocol) -> Share:
        """Raises TrainingError if the protocol asks for a group that this process is not in."""
        if protocol.processes == 1:
            return cls(0, 1, accelerator)
        if accelerator.num_processes != protocol.processes:
            raise TrainingError(
                f"the protocol shares each batch among {protocol.processes} processes, but there are {accelerator.num_processes}",
                "only a search starts them, with --processes N or accelerate launch",
            )
        return cls(accelerator.process_index, accelerator.num_processes, accelerator)

    def prepare(self, module: nn.Module, optimiser: Any, schedule: Any) -> tuple[Any, Any, Any]:
        """What Accelerate makes of them; a module that is not shared is not wrapped in a group either."""
        made: tuple[Any, Any, Any]
        if self.count == 1 and self.accelerator.num_processes > 1:
            alone = self.accelerator.prepare_model(module, evaluation_mode=True)
            made = (alone, *self.accelerator.prepare(optimiser, schedule))
        else:
            made = self.accelerator.prepare(module, optimiser, schedule)
        _forget(self.accelerator)
        return made

    def part(self, total: int) -> slice:
        """This process's of `total` images."""
        return slice(total * self.rank // self.count, total * (self.rank + 1) // self.count)

    def weigh(self, loss: PackLoss, images: int, total: int) -> PackLoss:
        """The loss of this part, such that gradients averaged and losses added over the group are the whole batch's."""
        weight = images / total
        return PackLoss(loss.total * (weight * self.count), loss.edges * weight, loss.nodes * weight)

    def sum(self, values: Tensor) -> Tensor:
        """Added up over the group, the same for all."""
        if self.count == 1:
            return values
        found: Tensor = self.accelerator.reduce(values, "sum")
        return found

    def level(self, module: nn.Module) -> None:
        """Give all processes process 0's running statistics."""
        if self.count > 1:
            for buffer in module.buffers():
                broadcast(buffer, from_process=0)


def _forget(accelerator: Accelerator) -> None:
    """Let go of what was prepared: Accelerate (1.15) keeps all of it, every pack's weights, until its `free_memory`, which also
    collects the whole process's garbage: 1.5 s beside other work. 100 packs of four digits graphs held 60 MB."""
    for held in (accelerator._models, accelerator._optimizers, accelerator._schedulers):
        held.clear()


def join() -> None:
    """Enter the group that the environment names (RANK, WORLD_SIZE, ...): gloo on CPUs, NCCL on GPUs. Waits for the others."""
    if not torch.cuda.is_available():
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else Accelerate takes a group without GPUs for no group at all
    PartialState(cpu=not torch.cuda.is_available(), timeout=FOREVER)


def leave() -> None:
    """Leave the group; all of its processes must."""
    PartialState().destroy_process_group()


def end(code: int) -> NoReturn:
    """End a process of a group that has just left it, without the finalisation of Python.

    gloo's threads outlive the group that DistributedDataParallel has used, and one that is still letting go of the last
    reduction's tensors when Python finalises aborts the process (torch 2.14: 1 exit in 25, code -6).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def tell(what: Any = None) -> Any:
    """From process 0 to all others of the group: they call it without an argument and get what process 0 said."""
    said = [what]
    broadcast_object_list(said)
    return said[0]
