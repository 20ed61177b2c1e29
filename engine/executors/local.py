"""Packs in this process, one after the other, on the device Accelerate picks."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

import torch

from engine.executors.protocol import EpochDone, ExecutorEvent, Heartbeat, PackDone, PackJob
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.store.trials import Curve, Training
from engine.training.attempt import attempted
from engine.training.data import Images, Split, split
from engine.training.device import accelerator
from engine.training.mode import Mode
from engine.training.outcome import failed, trainings
from engine.training.pack import PackShape
from engine.training.pretraining import bank
from engine.training.teachers import TeacherBank, TeacherCache
from engine.training.trainer import DTYPES, PackTrainer, Setting

LOOK = 0.2
"""Seconds between looks of a paused executor at whether it may go on."""


class LocalExecutor:
    """In-process executor for one device."""

    def __init__(
        self, protocol: Protocol, part: Images, shape: PackShape, mode: Mode, seed: int, teachers: TeacherCache | None
    ) -> None:
        """`part` is the data set's training part; `teachers` None trains pre-trained nodes anew."""
        torch.set_num_threads(mode.threads)
        self.shape, self.cache = shape, teachers
        self._paused = False
        self.accelerator = accelerator(protocol)
        device, dtype = self.accelerator.device, DTYPES[protocol.precision]
        seen = split(part, protocol)
        here = Split(seen.train.to(device, dtype), seen.validation.to(device, dtype))
        nobody = TeacherBank.of((), here.train, here.validation)
        self.setting = Setting(protocol, here, seed, -1, mode, self.accelerator, nobody)

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        for job in jobs:
            assert job is not None, "nothing is running that a job could wait for"
            yield from self._stand()
            yield from self._pack(job)

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def resize(self, workers: int) -> bool:
        """One process is what this executor is."""
        return workers == 1

    def _stand(self) -> Iterator[Heartbeat]:
        while self._paused:
            yield Heartbeat(0)
            time.sleep(LOOK)

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
        """Work that takes long, with a heartbeat for each of its pauses, and pauses of the executor's own."""
        while True:
            try:
                next(work)
            except StopIteration as end:
                found: TeacherBank = end.value
                return found
            yield Heartbeat(1)
            yield from self._stand()

    def _pack(self, job: PackJob) -> Iterator[ExecutorEvent]:
        """Train a pack; if it raises, in halves, until the guilty graph is alone and recorded as failed."""
        yield from self._prepare(job.repeat)
        setting = self.setting
        done: list[tuple[Training, Curve | None]] = []
        able = []
        for text in job.graphs:
            graph = Graph.parse(text)
            if (reason := setting.teachers.failure(graph)) is None:
                able.append(text)
            else:
                done.append((failed(graph, setting, job.number, reason), None))
        waiting = [tuple(able)] if able else []
        while waiting:
            graphs = waiting.pop(0)
            found = yield from attempted(self._train(job.number, graphs, setting))
            if not isinstance(found, Exception):
                done += found
            elif len(graphs) > 1:
                waiting[:0] = [graphs[: len(graphs) // 2], graphs[len(graphs) // 2 :]]
            else:
                done.append((failed(Graph.parse(graphs[0]), setting, job.number, found), None))
        by_graph = {training.graph: (training, curve) for training, curve in done}
        pairs = [by_graph[text] for text in job.graphs]
        yield PackDone(job.number, tuple(t for t, _ in pairs), tuple(c for _, c in pairs if c is not None))

    def _train(
        self, number: int, texts: tuple[str, ...], setting: Setting
    ) -> Generator[ExecutorEvent, None, list[tuple[Training, Curve]]]:
        started = time.perf_counter()
        graphs = [Graph.parse(text) for text in texts]
        trainer = PackTrainer(graphs, [g.key for g in graphs], self.shape, setting)
        for report in trainer.run():
            targets = report.accuracy[: len(graphs), 0]
            yield EpochDone(number, len(graphs), report.epoch, setting.protocol.epochs, float(targets.max()))
            yield from self._stand()
        return trainings(trainer, number, time.perf_counter() - started, "local")
