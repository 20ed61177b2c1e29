"""Choosing the mode by measurement: how many graphs a pack, which layout, compiled or not (DESIGN.md, "Fleet training").

A short run of real steps on the device; what is fixed by the user is not measured. The choice goes into `run.json`
with its reason, and a resume reuses it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import psutil
import torch
from torch import Tensor

from engine.errors import TrainingError
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.training.data import Images, Split, split
from engine.training.device import accelerator
from engine.training.fleet import LAYOUTS, Fleet
from engine.training.mode import Mode
from engine.training.models.registry import build
from engine.training.pack import PackShape, shape_for
from engine.training.seeds import seeded
from engine.training.teachers import TeacherBank
from engine.training.trainer import DTYPES, PackTrainer, Setting

SIZES = (1, 4, 16, 64, 128)
"""Pack sizes tried, in this order, until a larger one gains less than `ENOUGH` or would not fit."""

ENOUGH = 1.05
"""A larger pack must be this much faster: it costs memory and makes results come in larger lumps."""

BUDGET = 8.0
"""Seconds of measuring after which no larger pack is tried."""

MEMORY_SHARE = 0.4
"""Share of the free memory that a pack may take."""

MEMORY_MOST = 2 << 30
"""Bytes a pack takes at most on a CPU: larger ones gain nothing there."""

ALONE_BELOW = 10.0
"""Seconds of work below which one process does it all: another one loads torch for 3 s first."""

COMPILE_FROM = 240.0
"""Seconds of eager training from which compiling is tried: it costs 5-30 s a search."""


@dataclass
class Bench:
    """Small pieces of the real data, and one way to time packs on them."""

    graphs: Sequence[Graph]
    protocol: Protocol
    nodes: int
    setting: Setting
    mode: Mode

    def trainer(self, shape: PackShape, mode: Mode) -> PackTrainer:
        graphs = list(self.graphs[: shape.graphs])
        setting = replace(self.setting, mode=mode)
        bank = TeacherBank.of(
            [_spare_fleet(m, setting) for m, _ in shape.teachers], setting.split.train, setting.split.validation
        )
        return PackTrainer(graphs, ["calibration"] * len(graphs), shape, replace(setting, teachers=bank))

    def seconds(self, shape: PackShape, mode: Mode, steps: int = 4) -> tuple[float, float]:
        """(seconds of the quickest step, seconds of the first one): others who use the machine only ever add time."""
        trainer = self.trainer(shape, mode)
        trainer.module.train()
        batch = next(trainer.batches.epoch(0))
        taken = []
        for _ in range(steps + 1):
            self._wait()
            start = time.perf_counter()
            # Always iteration 1: the bench's data are few, a short protocol on them may have no other.
            trainer.step(batch, 1)
            self._wait()
            taken.append(time.perf_counter() - start)
        return min(taken[1:]), taken[0]

    def memory(self, shape: PackShape, mode: Mode) -> int:
        """Bytes a pack holds at its fullest: what autograd keeps for the backward pass, weights four times, logits."""
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
        weights = sum(p.numel() * p.element_size() for p in trainer.module.parameters())
        return sum(kept.values()) + 4 * weights

    def _wait(self) -> None:
        if self.setting.accelerator.device.type == "cuda":
            torch.cuda.synchronize(self.setting.accelerator.device)


def choose(
    graphs: Sequence[Graph], protocol: Protocol, images: Images, nodes: int, fixed: Mapping[str, Any],
    workers: int | None = None,
) -> tuple[Mode, PackShape]:  # fmt: skip
    """The mode and the packs' shape for a search over these effective graphs; `fixed` fields of Mode are kept.

    `workers` are the processes that will share the device; None on a CPU: as many as there are cores and graphs.
    """
    prepared = accelerator(protocol)
    if prepared.device.type == "cpu":
        workers = workers or max(1, cores() // fixed["threads"] if fixed.get("threads") else min(cores(), len(graphs)))
    threads = fixed.get("threads") or max(1, cores() // (workers or 1))
    torch.set_num_threads(threads)
    mode = Mode(pack=fixed.get("pack") or 1, threads=threads, device=prepared.device.type, compile=False)
    if not graphs:
        return mode, shape_for(graphs, 1, nodes)
    bench = Bench(graphs, protocol, nodes, _setting(protocol, images, mode, prepared), mode)
    mode = msgspec.structs.replace(mode, layouts=_layouts(bench))
    size, step, reason = fixed.get("pack"), None, "as asked"
    if size is None:
        size, step, reason = _size(bench, mode, workers or 1)
    steps = protocol.epochs * protocol.steps_an_epoch()
    if step is not None and step * steps * len(graphs) < ALONE_BELOW:
        workers = 1
    mode = msgspec.structs.replace(mode, pack=size, reason=reason, workers=workers or 1)
    shape = shape_for(graphs, size, nodes)
    wanted = fixed.get("compile")
    if wanted or (wanted is None and _worth_trying(bench, step, len(graphs))):
        mode = _compiled(bench, shape, mode, len(graphs), must=bool(wanted))
    return mode, shape


def cores() -> int:
    """Cores this process may use; all of them where the system cannot tell (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _setting(protocol: Protocol, images: Images, mode: Mode, prepared: Any) -> Setting:
    device, dtype = prepared.device, DTYPES[protocol.precision]
    # Epochs enough for the gates' table of iterations to cover every timed step.
    few = msgspec.structs.replace(protocol, train=min(protocol.train, 4 * protocol.batch), epochs=max(protocol.epochs, 16),
                                  processes=1)
    seen = split(images, few)
    few_validation = seen.validation.take(torch.arange(min(8, protocol.validation)))
    small = Split(seen.train.to(device, dtype), few_validation.to(device, dtype))
    return Setting(few, small, 0, 0, mode, prepared, TeacherBank.of((), small.train, small.validation))


def _spare_fleet(model: str, setting: Setting) -> Fleet:
    train = setting.split.train
    with seeded("spare", model):
        network = build(model, train.shape, train.classes)
    return Fleet([network.to(train.images.dtype)], setting.mode.layouts.get(model, "stacked"))


def _layouts(bench: Bench) -> dict[str, Any]:
    """The faster layout of each model, on four networks of it; perceptrons are stacked (5-7 times faster)."""
    models = sorted({m for g in bench.graphs for i, m in enumerate(g.models, 1) if not g.is_pretrained(i)})
    chosen: dict[str, Any] = {}
    for model in models:
        if model.startswith("mlp"):
            chosen[model] = "stacked"
            continue
        alone = [Graph((model,), ("through",))] * 4
        times = {}
        for layout in LAYOUTS:
            mode = msgspec.structs.replace(bench.mode, layouts={model: layout})
            try:
                times[layout] = replace(bench, graphs=alone).seconds(shape_for(alone, 4, 1), mode, 2)[0]
            except (RuntimeError, ValueError, TypeError, AttributeError) as error:
                told = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
                raise TrainingError(f"model {model!r} cannot train on {bench.protocol.data}: {told}") from error
        chosen[model] = min(times, key=lambda layout: times[layout])
    return chosen


def _size(bench: Bench, mode: Mode, workers: int) -> tuple[int, float, str]:
    """(graphs a pack, seconds a graph-step of one worker, why)."""
    room = _room(mode.device) // workers
    alone = bench.memory(shape_for(bench.graphs[:1], 1, bench.nodes), mode)
    best, best_rate, told = 0, 0.0, ""
    started = time.monotonic()
    for size in SIZES:
        wanted = min(size, len(bench.graphs))
        if best and alone * wanted > room:
            told = f"; {wanted} would need about {alone * wanted / 2**30:.1f} GB"
            break
        step, _ = bench.seconds(shape_for(bench.graphs[:wanted], wanted, bench.nodes), mode)
        rate = wanted / step
        if rate < best_rate * ENOUGH:
            told = f"; {wanted} gives {100 * (rate / best_rate - 1):+.0f} %"
            break
        best, best_rate = wanted, rate
        if wanted == len(bench.graphs) or time.monotonic() - started > BUDGET:
            break
    shared = balanced(len(bench.graphs), best, workers)
    return shared, 1 / best_rate, f"{shared} graphs a pack: {best_rate:,.0f} graph-steps/s a worker with {best}{told}"


def balanced(graphs: int, most: int, workers: int) -> int:
    """The pack size, at most `most`, that gives every worker as many packs as the others."""
    packs = -(-graphs // most)
    packs = -(-packs // workers) * workers
    return max(1, -(-graphs // packs))


def _room(device: str) -> int:
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0] * MEMORY_SHARE)
    return min(MEMORY_MOST, int(psutil.virtual_memory().available * MEMORY_SHARE))


def _worth_trying(bench: Bench, step: float | None, graphs: int) -> bool:
    """Is there a compiler, and enough work to pay for compiling?"""
    if step is None or (bench.setting.accelerator.device.type == "cpu" and not (shutil.which("g++") or os.environ.get("CXX"))):
        return False
    steps = bench.protocol.epochs * bench.protocol.steps_an_epoch()
    return step * steps * graphs > COMPILE_FROM


def _compiled(bench: Bench, shape: PackShape, mode: Mode, graphs: int, must: bool) -> Mode:
    """The mode with compilation if it pays (or must be); a compiler that fails is a reason not to."""
    steps = bench.protocol.epochs * bench.protocol.steps_an_epoch() * -(-graphs // shape.graphs)
    eager, _ = bench.seconds(shape, mode)
    compiled = msgspec.structs.replace(mode, compile=True)
    try:
        quick, first = bench.seconds(shape, compiled)
    except (RuntimeError, OSError) as error:
        if must:
            raise TrainingError(f"--compile: {str(error).splitlines()[0]}", "leave --compile out") from None
        return mode
    gain = f"compiled: {eager / quick:.1f} times faster a step after {first:.0f} s"
    if must or first + quick * steps < eager * steps:
        return msgspec.structs.replace(compiled, reason=f"{mode.reason}; {gain}")
    return msgspec.structs.replace(mode, reason=f"{mode.reason}; not {gain}")
