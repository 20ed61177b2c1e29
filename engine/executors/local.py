"""Packs in this process, one after the other, on the device Accelerate picks."""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import replace

import torch

from engine.executors.interface import ExecutorEvent, Heartbeat, PackJob, PackLimit, pack_end
from engine.executors.pack_run import BEAT, Course, Orders, Record, stand
from engine.packing.packs import PackShape, fill, smaller
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.store.files.checkpoints import Keeping
from engine.training.calibration import cache
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images, Split, split
from engine.training.device import accelerator
from engine.training.isolation import attempted
from engine.training.state.records import failed
from engine.training.teachers.bank import TeacherBank, TeacherCache
from engine.training.teachers.pretraining import bank
from engine.training.trainer import DTYPES, Setting


class LocalExecutor:
    """In-process executor for one device."""

    def __init__(
        self, protocol: Protocol, part: Images, shape: PackShape, mode: Mode, seed: int, teachers: TeacherCache | None,
        keeping: Keeping | None = None, limits: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        """`part` is the data set's training part; `teachers` None trains pre-trained nodes anew; `keeping` None keeps nothing
        of a pack before its end; `limits` are the largest packs of kinds of devices."""
        torch.set_num_threads(mode.threads)
        self.shape, self.cache, self.keeping = shape, teachers, keeping
        self.orders = Orders()
        self.accelerator = accelerator(protocol)
        self.kind = cache.kind(self.accelerator.device)
        self.most = min((limits or {}).get(self.kind, shape.graphs), shape.graphs)
        device, dtype = self.accelerator.device, DTYPES[protocol.precision]
        seen = split(part, protocol)
        here = Split(seen.train.to(device, dtype), seen.validation.to(device, dtype))
        nobody = TeacherBank.of((), here.train, here.validation)
        self.setting = Setting(protocol, here, seed, -1, mode, self.accelerator, nobody)

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        for job in jobs:
            assert job is not None, "nothing is running that a job could wait for"
            yield from stand(self.orders)
            yield from self._pack(job)

    def pause(self) -> None:
        self.orders.paused = True

    def resume(self) -> None:
        self.orders.paused = False

    def resize(self, workers: int) -> bool:
        """One process is what this executor is."""
        return workers == 1

    def drop(self, ids: Collection[str]) -> None:
        self.orders.dropped.update(ids)

    def checkpoint_now(self) -> None:
        self.orders.keep = True

    def limit(self, graphs: int) -> None:
        """Divide packs of more graphs than these."""
        self.most = max(1, min(self.most, graphs))

    def at(self, repeat: int) -> Setting:
        """The setting of one repeat, with its teachers; kept while packs of that repeat follow each other."""
        for _ in self._prepare(repeat):
            pass
        return self.setting

    def _prepare(self, repeat: int) -> Iterator[Heartbeat]:
        if self.setting.repeat != repeat:
            setting = replace(self.setting, repeat=repeat)
            training = bank(self.shape.teachers, self.shape.nodes, setting, self.cache)
            teachers = yield from self._answering(training)
            self.setting = replace(setting, teachers=teachers)

    def _answering(self, work: Generator[None, None, TeacherBank]) -> Generator[Heartbeat, None, TeacherBank]:
        """Work that yields often, with heartbeats in between, and pauses of the executor's own."""
        told = time.monotonic()
        while True:
            try:
                next(work)
            except StopIteration as end:
                found: TeacherBank = end.value
                return found
            if time.monotonic() - told >= BEAT:
                told = time.monotonic()
                yield Heartbeat(1)
            yield from stand(self.orders)

    def _pack(self, job: PackJob) -> Iterator[ExecutorEvent]:
        """Train a pack; if it raises, in halves, until the guilty graph is alone and recorded as failed."""
        yield from self._prepare(job.repeat)
        setting = self.setting
        graphs = [Graph.parse(text) for text in job.graphs]
        failures = {graph: setting.teachers.failure(graph) for graph in graphs}
        done: list[Record] = [(failed(g, setting, job.number, why), None) for g, why in failures.items() if why is not None]
        waiting = deque(self._pieces([graph for graph in graphs if failures[graph] is None]))
        while waiting:
            piece = waiting.popleft()
            found = yield from attempted(self._course(job, piece, setting).run())
            if not isinstance(found, Exception):
                done += found
            elif len(piece) == 1:
                done.append((failed(piece[0], setting, job.number, found), None))
            else:
                waiting.extendleft([piece[len(piece) // 2 :], piece[: len(piece) // 2]])
                if is_out_of_memory(found):
                    yield self._make_room(len(piece) // 2, found)
        yield pack_end(job, done)

    def _pieces(self, graphs: list[Graph]) -> list[list[Graph]]:
        """All of them together, or in packs that memory is known to hold."""
        if self.most == self.shape.graphs:
            return [graphs] if graphs else []
        return [[graphs[i] for i in places] for places in fill(graphs, smaller(self.shape, self.most))]

    def _course(self, job: PackJob, graphs: list[Graph], setting: Setting) -> Course:
        shape = self.shape if self.most == self.shape.graphs else smaller(self.shape, self.most)
        keeping = self.keeping
        return Course(
            job, graphs, shape, setting, self.orders,
            keeping.checkpoints if keeping else None, keeping.every if keeping else 0.0,
        )  # fmt: skip

    def _make_room(self, graphs: int, error: Exception) -> PackLimit:
        self.limit(graphs)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        error.__traceback__ = None  # its frames hold the pack that did not fit
        gc.collect()
        if self.accelerator.device.type == "cuda":
            torch.cuda.empty_cache()
        return PackLimit(self.most, reason, self.kind)


def is_out_of_memory(error: Exception) -> bool:
    """A GPU's or the host's memory ran out. On a CPU torch says so in a RuntimeError's text only."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
