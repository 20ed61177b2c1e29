"""Set a search up: data, device, mode and run folder, so that its events can be consumed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import torch

from engine import provenance
from engine.control.server import Desk
from engine.errors import StoreError, TrainingError
from engine.executors.data_parallel.executor import ParallelExecutor, group
from engine.executors.data_parallel.process_group import Others
from engine.executors.interface import Executor
from engine.executors.local import LocalExecutor
from engine.executors.workers.executor import local_workers
from engine.executors.workers.pool import Task
from engine.packing.packs import PackShape, pretrained, shape_for
from engine.search.loop import Search
from engine.search.resume import by_its_rule, check
from engine.search.scheduler import demand
from engine.space.files import resolved
from engine.space.files.load import Space
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.space.reference_graphs import references
from engine.store.files.checkpoints import Checkpoints, Keeping
from engine.store.folder import INFO
from engine.store.lock.lock import RunLock
from engine.store.records import RunInfo
from engine.store.run import Run
from engine.strategies.interface import Strategy
from engine.training.calibration.calibrate import SIZES, choose, kind_here, size_here
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images, training_part
from engine.training.models.cost import check_fit
from engine.training.teachers.bank import TeacherCache, skeleton

if TYPE_CHECKING:
    from engine.executors.ray_cluster.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Options:
    """How a search is carried out; nothing here changes which graphs are drawn."""

    seed: int = 0
    data: Path = Path("data")
    """Where data sets lie."""
    download: bool = False
    teachers: Path | None = None
    """Folder of pre-trained weights; None: `.teachers` beside the run folder."""
    checkpoint_every: float = 300.0
    """Seconds between checkpoints of a running pack, which are made when an epoch ends; 0: after each."""
    limit: int | None = None
    """Trials to record before stopping."""
    cluster: Cluster | None = None
    """Where packs run; None: on this machine."""
    workers: int | None = None
    """Worker processes; None: one a GPU, or as many as the mode's threads leave cores for."""
    mode: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Mode` that the user fixes; the others are measured."""
    command: str = ""
    """The command line, for the record."""


@contextmanager
def opened(
    space: Space, strategy: Strategy, folder: Path, options: Options, lock: RunLock | None = None, desk: Desk | None = None
) -> Iterator[Search]:
    """A search on a new or an unfinished run folder, locked while the block runs (`lock` if it is taken already).

    `desk` is where people steer it from. Raises DataError, StoreError or SpaceError before anything is written.
    """
    if options.cluster is not None and space.protocol.processes > 1:
        raise TrainingError(
            f"protocol.processes {space.protocol.processes}: a cluster's workers train a pack each", "leave out --executor ray"
        )
    desk = desk or Desk()
    images = training_part(space.protocol.data, options.data, options.download)
    resumed = (folder / INFO).exists()
    if not resumed:
        desk.enter("calibrating")
    with ExitStack() as held:
        others = held.enter_context(group(space.protocol.processes, options.workers))
        info = None if resumed else _info(space, strategy, folder, options, images)
        run = held.enter_context(Run.open(folder, lock) if info is None else Run.create(folder, info, lock))
        by_its_rule(strategy, run.info)
        check(folder, run.info, space, strategy.settings(), options.seed, options.mode)
        mode, shape = _frozen(folder, run.info)
        gpus = torch.cuda.device_count() if mode.device == "cuda" and options.cluster is None else 0
        task = _task(space, shape, mode, run, options)
        if mode.sizes and (gpus or options.cluster):  # else all devices are one, which was measured
            task = replace(task, sample=_sample(space, strategy))
        hire = partial(_executor, task, run, images, options.cluster, gpus, others)
        run.log("start", resumed=resumed, command=options.command, pid=os.getpid(), versions=provenance.versions())
        executor = hire(options.workers or gpus or (sys.maxsize if options.cluster else mode.workers))
        yield Search(space, strategy, run, executor, shape, options.limit, desk, None if others else hire)


def _task(space: Space, shape: PackShape, mode: Mode, run: Run, options: Options) -> Task:
    teachers = options.teachers or run.folder.parent / ".teachers"
    keeping = Keeping(Checkpoints(run.checkpoints.folder.resolve()), options.checkpoint_every)
    return Task(space.protocol, options.data, shape, mode, options.seed, teachers, keeping)


def _executor(
    task: Task, run: Run, images: Images, cluster: Cluster | None, gpus: int, others: Others | None, workers: int
) -> Executor:
    """Packs in this process, in so many workers, or shared by the processes of a group.

    A GPU is a worker's even if there is one only: this process then survives whatever happens there.
    """
    task = replace(task, limits=task.mode.sizes | run.pack_limits)
    if others is not None:
        return ParallelExecutor(task, images, others)
    if cluster is not None:
        from engine.executors.ray_cluster.executor import ray_workers

        return ray_workers(cluster, task, images, workers)
    if workers == 1 and not gpus:
        cache = TeacherCache(task.teachers)
        return LocalExecutor(task.protocol, images, task.shape, task.mode, task.seed, cache, task.keeping, task.limits)
    return local_workers(task, workers, gpus)


def _info(space: Space, strategy: Strategy, folder: Path, options: Options, images: Images) -> RunInfo:
    """What run.json will hold; measures the mode."""
    own = (draw for draw in strategy.preview() if (draw.graph.key, draw.repeat) not in strategy.inherited)
    graphs = demand(own, references(space))
    check_fit((model for graph in graphs for model in graph.models), images.shape, images.classes, space.protocol)
    _check_brought(graphs, space.protocol, images, options.teachers)
    fixed, sharing = options.mode, space.protocol.processes
    if sharing > 1:  # what a compiled pack costs is measured by one process, and says nothing of a group
        fixed = {"compile": False, **fixed}
    workers = options.workers if sharing == 1 else sharing
    if options.cluster is None:
        measure = choose if sharing > 1 else measured
        mode, shape = measure(graphs, space.protocol, images, space.nodes, fixed, workers)
    else:
        mode, shape = _spread(options.cluster, graphs, space, images, {"threads": 1, **fixed}, workers)
    if strategy.at_once is not None and strategy.at_once < shape.graphs:
        shape = shape_for(graphs, strategy.at_once, space.nodes, space.protocol.shares)  # unfilled places cost time
    return RunInfo(
        name=folder.name,
        space=resolved.dump(_judged(space, images)),
        strategy=strategy.settings(),
        seed=options.seed,
        repeats=strategy.settings().get("repeats", 1),
        mode=msgspec.to_builtins(msgspec.structs.replace(mode, shape=shape.plain())),
        versions=provenance.versions(),
        host=provenance.host(),
        command=options.command,
        commit=provenance.commit(),
        created=provenance.now(),
        total=strategy.total,
    )


def _spread(
    cluster: Cluster, graphs: Sequence[Graph], space: Space, images: Images, fixed: Mapping[str, Any], workers: int | None
) -> tuple[Mode, PackShape]:
    """The mode of a search on a cluster, measured where packs will run; its packs suit the kind of device that takes most."""
    mode, shape = cluster.call(choose, graphs, space.protocol, images, space.nodes, fixed, workers)
    if not mode.sizes:
        return mode, shape
    sizes = dict(mode.sizes)
    for kind, node in cluster.kinds(kind_here, space.protocol).items():
        if kind not in sizes:
            sizes[kind] = cluster.call(size_here, graphs, space.protocol, images, space.nodes, mode, node=node)
    if len(sizes) == 1:
        return mode, shape
    most = max(sizes.values())
    told = f"{mode.reason}; {', '.join(f'{size} on {kind}' for kind, size in sizes.items())}"
    shape = shape_for(graphs, most, space.nodes, space.protocol.shares)
    return msgspec.structs.replace(mode, pack=most, sizes=sizes, reason=told), shape


def _sample(space: Space, strategy: Strategy) -> tuple[str, ...]:
    """Some of the graphs that the search trains."""
    return tuple(map(str, demand(islice(strategy.preview(), SIZES[-1]), references(space))))


def measured(*question: Any) -> tuple[Mode, PackShape]:
    """`choose`, in a process of its own where there is a GPU: this one must outlive whatever happens to one."""
    if not torch.cuda.is_available():
        return choose(*question)
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            return apart.submit(choose, *question).result()
    except BrokenProcessPool:
        raise TrainingError("the process that measures packs died", "say how large packs may be: --pack K --no-compile") from None


def _check_brought(graphs: Sequence[Graph], protocol: Protocol, images: Images, folder: Path | None) -> None:
    """Raise StoreError now for weights brought for pre-trained nodes that are not there or do not fit."""
    cache = TeacherCache(folder or Path())
    for model, node in sorted({(g.models[n - 1], n) for g in graphs for n in pretrained(g)} if protocol.teachers else ()):
        cache.brought(protocol, model, node, skeleton(model, images))


def _judged(space: Space, images: Images) -> Space:
    """The space, its chance rule written down if only the data themselves tell how many classes there are."""
    protocol = space.protocol
    if protocol.classes is not None or protocol.chance is not None:
        return space
    return space.with_protocol({"chance": protocol.chance_rule(images.classes)})


def _frozen(folder: Path, info: RunInfo) -> tuple[Mode, PackShape]:
    try:
        mode = msgspec.convert(info.mode, Mode)
        return mode, PackShape.of(mode.shape or {})
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise StoreError(f"{folder}/{INFO}: mode: {error}", "restore run.json from a copy") from None
