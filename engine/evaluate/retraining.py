"""Training chosen graphs again with fresh seeds, and keeping what they became.

Batches differ by repeat, so a repeat is a pack of its own: all chosen graphs together, on the very path a search takes.
What is recorded already is not trained again, so a second evaluation with more repeats, or with the test set, costs
only what is new.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine import provenance
from engine.executors.local import LocalExecutor
from engine.packing.packs import fill, shape_for
from engine.space.graph import Effective, Graph
from engine.space.protocol import Protocol
from engine.store.files.evaluations import FRESH, WEIGHTS, Evaluation, EvaluationFile
from engine.store.records import RunInfo, State, Training
from engine.training.calibration.calibrate import cores
from engine.training.calibration.mode import Mode
from engine.training.data.images import Images
from engine.training.data.splits import held_out_part, split, training_part
from engine.training.networks import Networks, accuracy, load, save, trained
from engine.training.state.records import trainings
from engine.training.teachers.bank import TeacherCache
from engine.training.trainer import DTYPES, PackTrainer

LONG = 10.0
"""Seconds a training took in the search from which a retraining may use all cores: threads only slow small networks."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an evaluation is carried out."""

    repeats: int = 5
    test: bool = False
    """May the test set be read?"""
    data: Path = Path("data")
    download: bool = False
    teachers: Path | None = None
    """Folder of pre-trained weights; None: `.teachers` beside the run folder."""
    threads: int | None = None
    command: str = ""
    networks: bool = False
    """Are the networks' files needed afterwards? Those that are gone are trained again."""


@dataclass(frozen=True, slots=True)
class Going:
    """An epoch of a pack of retrainings is over."""

    repeat: int
    repeats: int
    """Of those that are trained now."""
    graphs: int
    epoch: int
    epochs: int


@dataclass
class Retraining:
    """The evaluation of some graphs of one run; `events` does it, and `file` holds what is recorded."""

    folder: Path
    info: RunInfo
    protocol: Protocol
    nodes: int
    graphs: Sequence[Graph]
    """Canonical; each with a target that labels reach."""
    file: EvaluationFile
    options: Options
    seconds: float | None = None
    """Mean seconds of a training in the search, if known."""
    _forms: dict[str, Effective] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._forms = {g.key: g.effective() for g in self.graphs}

    def events(self) -> Iterator[Going]:
        """Train what is missing, then open the test set if it may be. Every record is on the disk when it is left."""
        wanted = {r: missing for r in self._repeats() if (missing := [g for g in self.graphs if self._lacks(g, r)])}
        if wanted:
            yield from self._train(wanted)
        if self.options.test:
            self._read_test()

    def _repeats(self) -> range:
        return range(FRESH, FRESH + self.options.repeats)

    def _lacks(self, graph: Graph, repeat: int) -> bool:
        held = self.file.find(graph.key, repeat)
        if held is None:
            return True
        needed = self.options.networks or (self.options.test and held.test is None)
        return needed and held.state.has_result and not (self.folder / held.weights).is_file()

    def _train(self, wanted: dict[int, list[Graph]]) -> Iterator[Going]:
        effective = self._distinct(self.graphs)
        mode = self._mode(len(effective))
        shape = shape_for(effective, mode.pack, self.nodes, self.protocol.shares)
        part = training_part(self.protocol.data, self.options.data, self.options.download)
        cache = TeacherCache(self.options.teachers or self.folder.parent / ".teachers")
        executor = LocalExecutor(self.protocol, part, shape, mode, self.info.seed, cache)
        scale = _scale(part, self.protocol)
        for place, (repeat, graphs) in enumerate(wanted.items(), 1):
            forms = self._distinct(graphs)
            for places in fill(forms, shape):
                yield from self._pack(executor, [forms[i] for i in places], repeat, (place, len(wanted)), scale)

    def _distinct(self, graphs: Sequence[Graph]) -> list[Graph]:
        forms = (self._forms[g.key].graph for g in graphs)
        return list(dict.fromkeys(g for g in forms if g is not None))

    def _mode(self, graphs: int) -> Mode:
        """The search's own mode where it holds here: its layouts, never compiled (that costs more than it saves)."""
        found = msgspec.convert(self.info.mode, Mode)
        many = self.seconds is not None and self.seconds > LONG
        threads = self.options.threads or (cores() if many else found.threads)
        return msgspec.structs.replace(found, pack=min(found.pack, graphs), threads=threads, compile=False, workers=1, shape=None)

    def _pack(
        self, executor: LocalExecutor, forms: Sequence[Graph], repeat: int, place: tuple[int, int], scale: Scale
    ) -> Iterator[Going]:
        started = time.perf_counter()
        trainer = PackTrainer(forms, [g.key for g in forms], executor.shape, executor.at(repeat))
        for report in trainer.run():
            yield Going(*place, len(forms), report.epoch, self.protocol.epochs)
        ended = trainings(trainer, 0, time.perf_counter() - started, "local")
        for (training, _), networks in zip(ended, trained(trainer, scale), strict=True):
            self._keep(training, networks, trainer.setting.mode)

    def _keep(self, training: Training, networks: Networks, mode: Mode) -> None:
        """Weights first: a record that names a file has it."""
        weights = ""
        if training.state.has_result:
            weights = f"{WEIGHTS}/{training.id}.safetensors"
            save(networks, self.folder / weights)
        same = [g for g in self.graphs if str(self._forms[g.key].graph) == training.graph and self._lacks(g, training.repeat)]
        self.file.add([self._record(g, training, weights, mode) for g in same])

    def _record(self, graph: Graph, training: Training, weights: str, mode: Mode) -> Evaluation:
        before = self.file.find(graph.key, training.repeat)  # its file was gone; what it has seen of the test set was not
        return Evaluation(
            key=graph.key, graph=str(graph), repeat=training.repeat, seed=training.seed, state=training.state,
            epochs=training.epochs, accuracy=self._by_node(graph, training.accuracy), weights=weights, wall=training.wall,
            test=before.test if before else None,
            mode=_told(mode), versions=provenance.versions(), command=self.options.command, created=provenance.now(),
        )  # fmt: skip

    def _by_node(self, graph: Graph, values: Sequence[float | None]) -> tuple[float | None, ...]:
        """Values of the effective graph's nodes at the places of the drawn graph's."""
        out: list[float | None] = [None] * graph.nodes
        for node, value in zip(self._forms[graph.key].nodes, values, strict=True):
            out[node - 1] = value
        return tuple(out)

    def _read_test(self) -> None:
        """The only place where a run's test set is read (DESIGN.md, wall 6); each record says that it was."""
        held = [self.file.find(g.key, r) for g in self.graphs for r in self._repeats()]
        closed = [e for e in held if e is not None and e.test is None and e.state is State.DONE]
        if not closed:
            return
        part = held_out_part(self.protocol.data, self.options.data, self.options.download)
        images = part.to(_device(self.protocol), DTYPES[self.protocol.precision])
        for record in closed:
            found = accuracy(load(self.folder / record.weights), images)
            values = self._by_node(Graph.parse(record.graph), [round(v, 4) for v in found])
            self.file.add([msgspec.structs.replace(record, test=values, created=provenance.now(), command=self.options.command)])


Scale = tuple[tuple[float, ...], tuple[float, ...]] | None


def _scale(part: Images, protocol: Protocol) -> Scale:
    """Mean and deviation a channel of the training images if the protocol normalises by them."""
    if protocol.normalisation == "none":
        return None
    raw = split(part, msgspec.structs.replace(protocol, normalisation="none")).train.images
    mean, deviation = raw.mean((0, 2, 3)), raw.std((0, 2, 3)).clamp_min(1e-8)
    return tuple(mean.tolist()), tuple(deviation.tolist())


def _device(protocol: Protocol) -> Any:
    from engine.training.device import accelerator

    return accelerator(protocol).device


def _told(mode: Mode) -> dict[str, Any]:
    return {n: getattr(mode, n) for n in ("pack", "layouts", "threads", "device")}
