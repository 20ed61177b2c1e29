"""Choosing the mode by measurement: how many graphs a pack, which layout, compiled or not (DESIGN.md, "Fleet training").

A short run of real steps on the device, kept for the next search (`calibration.cache`); what is fixed by the user is not
measured. The choice goes into `run.json` with its reason, and a resume reuses it.
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

from engine.errors import TrainingError
from engine.packing.packs import PackShape, shape_for
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.training.calibration import cache
from engine.training.calibration.bench import Bench
from engine.training.calibration.cache import Measured
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images
from engine.training.device import accelerator
from engine.training.fleet import LAYOUTS

SIZES = (1, 4, 16, 64, 128)
"""Pack sizes tried, in this order, until a larger one gains less than `ENOUGH` or would not fit."""

ENOUGH = 1.05
"""A larger pack must be this much faster: it costs memory and makes results come in larger lumps."""

BUDGET = 8.0
"""Seconds of computing after which no larger pack is tried; waiting for a turn on a busy machine does not count."""

MEMORY_SHARE = 0.4
"""Share of the free memory that the packs of all workers may take."""

MEMORY_MOST = 2 << 30
"""Bytes that packs take at most on a CPU: larger ones gain nothing there."""

MEMORY_REFUSED = 0.9
"""Share of the free memory above which a pack is refused, whoever asks for it."""

BUSY = 1.5
"""Seconds by the clock for each computed from which the machine counts as busy: this search takes what was measured, the next
one measures anew (beside 20 other processes packs of 4 seemed as good as packs of 64)."""

ALONE_BELOW = 10.0
"""Seconds of work below which one process does it all: another one loads torch for 3 s first."""

COMPILE_FROM = 90.0
"""Seconds of eager training a worker from which compiling is tried: it costs 10-30 s a search and saves a quarter."""

SLOW = 1.5
"""A bfloat16 product that takes this many times as long as a float32 one is worth a word."""


@dataclass
class Calibration:
    """What is known about a search's packs, measured where it is not."""

    bench: Bench
    mode: Mode
    workers: int
    known: Measured
    fresh: bool = False
    """Was anything measured now?"""
    busy: bool = False
    """Was the machine busy with something else meanwhile?"""

    def layouts(self) -> dict[str, Any]:
        """The faster layout of each model, on four networks of it; perceptrons are stacked (5-7 times faster)."""
        for model in sorted({m for g in self.bench.graphs for i, m in enumerate(g.models, 1) if not g.is_pretrained(i)}):
            if model.startswith("mlp"):
                self.known.layouts[model] = "stacked"
            elif model not in self.known.layouts:
                self.fresh = True
                self.known.layouts[model] = _quicker_layout(self.bench, self.mode, model)
        return dict(self.known.layouts)

    def size(self, graphs: int) -> tuple[int, float, str]:
        """(graphs a pack, seconds a graph-step of one worker, why)."""
        best, told = self.best(graphs)
        each = self.known.steps[best] / best
        shared = balanced(graphs, best, self.workers)
        rate = round(1 / each, None if 1 / each > 10 else 1)
        when = "" if self.fresh else ", measured earlier"
        return shared, each, f"{shared} graphs a pack: {rate:,} graph-steps/s a worker with {best}{told}{when}"

    def best(self, graphs: int) -> tuple[int, str]:
        """(the size with the most graph-steps a second, why none larger), of those up to the first that holds `graphs`."""
        best, told, started = 0, "", time.process_time()
        for size in SIZES:
            if best and self.bytes_of(size) > (room := _room(self.mode.device) / self.workers):
                told = f"; {size} would need about {self.bytes_of(size) / 2**30:.1f} GB of {room / 2**30:.1f}"
                break
            if best and (best >= graphs or (size not in self.known.steps and time.process_time() - started > BUDGET)):
                break
            self._time(best, size)
            gain = (self.known.steps[best] / best) / (self.known.steps[size] / size) if best else ENOUGH
            if gain < ENOUGH:
                told = f"; {size} gives {100 * (gain - 1):+.0f} %"
                break
            best = size
        return best, told

    def _time(self, best: int, size: int) -> None:
        """Time a size, in turns with the best one so far."""
        if size not in self.known.steps:
            self.fresh = True
            sizes = [s for s in (best, size) if s]
            clock, computed = time.perf_counter(), time.process_time()
            times, _ = self.bench.race([(self.bench.shape(s), self.mode) for s in sizes])
            clock, computed = time.perf_counter() - clock, time.process_time() - computed
            self.busy |= self.mode.device == "cpu" and clock > max(BUSY * computed, 1.0)
            self.known.steps.update(zip(sizes, times, strict=True))

    def bytes_of(self, size: int) -> int:
        """Bytes a pack of `size` graphs takes at its fullest."""
        if not self.known.graph_bytes:
            two, four = (self.bench.memory(self.bench.shape(n), self.mode) for n in (2, 4))
            self.known.graph_bytes = max(1, (four - two) // 2, four // 4)
        return self.known.graph_bytes * size

    def refuse_what_does_not_fit(self, size: int) -> None:
        """Raise TrainingError if `workers` packs of that size need more memory than is free."""
        free = _free(self.mode.device) * MEMORY_REFUSED / self.workers
        if (need := self.bytes_of(size)) > free:
            most = max(1, int(free // self.known.graph_bytes))
            share = f" for each of {self.workers} workers" if self.workers > 1 else ""
            raise TrainingError(
                f"a pack of {size} graphs needs about {need / 2**30:.1f} GB, but {free / 2**30:.1f} GB are free{share}",
                f"use --pack {most} or less" if most > 1 else "use smaller models or fewer --workers",
            )

    def compile(self, shape: PackShape, seconds: float, must: bool) -> Mode:
        """The mode with compilation if it pays (or must be) for `seconds` of eager training a worker."""
        compiled, name = msgspec.structs.replace(self.mode, compile=True), _digest(shape)
        if name not in self.known.compiled:
            self.fresh = True
            try:
                (eager, quick), (_, first) = self.bench.race([(shape, self.mode), (shape, compiled)])
            except (RuntimeError, OSError) as error:
                if must:
                    raise TrainingError(f"--compile: {str(error).splitlines()[0]}", "leave --compile out") from None
                return self.mode
            self.known.compiled[name] = (eager, quick, first)
        eager, quick, first = self.known.compiled[name]
        gain = f"compiled: {eager / quick:.1f} times faster a step after {first:.0f} s"
        if must or first + seconds * quick / eager < seconds:
            alone = self.mode.seconds and self.mode.seconds * quick / eager
            return msgspec.structs.replace(compiled, reason=f"{self.mode.reason}; {gain}", seconds=alone)
        return msgspec.structs.replace(self.mode, reason=f"{self.mode.reason}; not {gain}")

    def remark(self) -> str:
        """What the user should know about the protocol's precision on this device."""
        if self.bench.protocol.precision != "bfloat16":
            return ""
        if not self.known.slow_bfloat16:
            self.fresh = True
            self.known.slow_bfloat16 = _slow_bfloat16(self.bench.setting.accelerator.device)
        slow = self.known.slow_bfloat16
        return f"; bfloat16 products take {slow:.1f} times as long as float32 ones here" if slow > SLOW else ""


def choose(
    graphs: Sequence[Graph], protocol: Protocol, images: Images, nodes: int, fixed: Mapping[str, Any],
    workers: int | None = None,
) -> tuple[Mode, PackShape]:  # fmt: skip
    """The mode and the packs' shape for a search over these effective graphs; `fixed` fields of Mode are kept.

    `workers` are the processes that will share the device; None on a CPU: as many as there are cores and graphs.
    Raises TrainingError for a pack that will not fit in memory, or a model that cannot train on these data.
    """
    prepared = accelerator(protocol)
    if prepared.device.type == "cpu":
        workers = workers or max(1, cores() // fixed["threads"] if fixed.get("threads") else min(cores(), len(graphs)))
    threads = fixed.get("threads") or max(1, cores() // (workers or 1))
    torch.set_num_threads(threads)
    mode = Mode(pack=fixed.get("pack") or 1, threads=threads, device=prepared.device.type, compile=False)
    if not graphs:
        return mode, shape_for(graphs, 1, nodes)
    place = cache.place(graphs, protocol, prepared.device, threads, workers or 1)
    bench = Bench.of(graphs, protocol, images, nodes, mode, prepared)
    known = Calibration(bench, mode, workers or 1, cache.load(place))
    mode, shape = _decided(known, fixed, len(graphs))
    if known.fresh and not known.busy:
        cache.save(place, known.known)
    return mode, shape


def kind_here(protocol: Protocol) -> str:
    """The kind of this process's device."""
    return cache.kind(accelerator(protocol).device)


def size_here(graphs: Sequence[Graph], protocol: Protocol, images: Images, nodes: int, mode: Mode) -> int:
    """Graphs a pack for this process's device in a mode chosen on another one: the size alone is its own."""
    prepared = accelerator(protocol)
    workers = max(1, cores() // mode.threads) if prepared.device.type == "cpu" else 1
    place = cache.place(graphs, protocol, prepared.device, mode.threads, workers)
    eager = msgspec.structs.replace(mode, compile=False)
    bench = Bench.of(graphs, protocol, images, nodes, eager, prepared)
    before = cache.load(place)
    usual = all(before.layouts.get(model, layout) == layout for model, layout in mode.layouts.items())
    known = Calibration(bench, eager, workers, before if usual else Measured(layouts=dict(mode.layouts)))
    best, _ = known.best(SIZES[-1])
    if usual and known.fresh and not known.busy:
        cache.save(place, known.known)
    return best


def _decided(known: Calibration, fixed: Mapping[str, Any], graphs: int) -> tuple[Mode, PackShape]:
    protocol = known.bench.protocol
    known.mode = msgspec.structs.replace(known.mode, layouts=known.layouts())
    known.bench.setting = replace(known.bench.setting, mode=known.mode)
    size, each, reason = fixed.get("pack"), None, "as asked"
    if size is None:
        size, each, reason = known.size(graphs)
    known.refuse_what_does_not_fit(min(size, graphs))
    # A validation image costs a forward pass, a third of what a training image costs.
    images = protocol.steps_an_epoch() * (1 + protocol.validation / (3 * protocol.train))
    alone = None if each is None else each * protocol.epochs * images
    seconds = None if alone is None else alone * graphs
    workers = 1 if seconds is not None and seconds < ALONE_BELOW else known.workers
    sizes = {} if each is None else {cache.kind(known.bench.setting.accelerator.device): size}
    known.mode = msgspec.structs.replace(
        known.mode, pack=size, reason=reason + known.remark(), workers=workers, seconds=alone, sizes=sizes
    )
    shape = shape_for(known.bench.graphs, size, known.bench.nodes, protocol.shares)
    wanted = fixed.get("compile")
    if wanted or (wanted is None and seconds is not None and _worth_compiling(seconds / workers, known.mode.device)):
        return known.compile(shape, (seconds or 0.0) / workers, must=bool(wanted)), shape
    return known.mode, shape


def cores() -> int:
    """Cores this process may use; all of them where the system cannot tell (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def balanced(graphs: int, most: int, workers: int) -> int:
    """The pack size, at most `most`, that gives every worker as many packs as the others."""
    packs = -(-graphs // most)
    packs = -(-packs // workers) * workers
    return max(1, -(-graphs // packs))


def _quicker_layout(bench: Bench, mode: Mode, model: str) -> Any:
    alone = [Graph((model,), ("through",))] * 4
    try:
        shape = shape_for(alone, 4, 1)
        modes = [msgspec.structs.replace(mode, layouts={model: layout}) for layout in LAYOUTS]
        times, _ = replace(bench, graphs=alone).race([(shape, m) for m in modes], 2)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        told = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise TrainingError(f"model {model!r} cannot train on {bench.protocol.data}: {told}") from error
    return min(zip(times, LAYOUTS, strict=True))[1]


def _free(device: str) -> int:
    return int(torch.cuda.mem_get_info()[0] if device == "cuda" else psutil.virtual_memory().available)


def _room(device: str) -> int:
    room = int(_free(device) * MEMORY_SHARE)
    return room if device == "cuda" else min(MEMORY_MOST, room)


def _worth_compiling(seconds: float, device: str) -> bool:
    """Is there a compiler, and enough work to pay for compiling?"""
    there = device != "cpu" or shutil.which("g++") or os.environ.get("CXX")
    return bool(there) and seconds > COMPILE_FROM


def _digest(shape: PackShape) -> str:
    return f"{shape.graphs} x {shape.nodes}: {' '.join(f'{m}*{n}' for m, n in shape.slots.items())}"


def _slow_bfloat16(device: torch.device) -> float:
    """Seconds of a bfloat16 product over those of a float32 one."""
    times = []
    for dtype in (torch.bfloat16, torch.float32):
        a = torch.ones(256, 256, dtype=dtype, device=device)
        taken = []
        for _ in range(4):
            start = time.perf_counter()
            (a @ a).sum().item()
            taken.append(time.perf_counter() - start)
        times.append(min(taken))
    return times[0] / times[1]
