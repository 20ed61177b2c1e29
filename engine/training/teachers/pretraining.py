"""Training the pre-trained nodes: each alone on labels, once for all searches, those of a repeat in one pack.

The pack has a network for *every* auxiliary node of each model that is wanted, whether a search needs it or not: fleets
are then of one size, and a teacher's weights cannot depend on which others happen to be needed (DESIGN.md, wall 1).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from engine.packing.packs import shape_for
from engine.space.catalogue import THROUGH
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.store.lock.kernel_lock import KernelLock, NoKernelLocksError
from engine.training.calibration.mode import Mode
from engine.training.fleet import Fleet
from engine.training.isolation import attempted
from engine.training.models.registry import build
from engine.training.seeds import seeded
from engine.training.teachers.bank import TeacherBank, TeacherCache, skeleton
from engine.training.trainer import DTYPES, PackTrainer, Setting

Who = tuple[str, int]
"""(model, node) of a pre-trained network."""

POLL = 0.1
"""Seconds between two looks whether another process has trained a teacher."""

State = dict[str, Tensor]

Waiting = Generator[None, None, Any]
"""Yields now and then, so that whoever trains teachers for an hour can answer meanwhile."""


def bank(wanted: Sequence[Who], nodes: int, setting: Setting, cache: TeacherCache | None) -> Generator[None, None, TeacherBank]:
    """The frozen networks of this setting's seed and repeat: brought, from the cache, or trained now.

    `nodes` is the number of nodes of the search's graphs. A network that could not be trained is named, with the reason,
    in the bank's `failures`. Raises StoreError for weights that are damaged or of another shape.
    """
    states, failures = yield from _states(wanted, nodes, setting, cache)
    fleets = [_fleet(model, states[model, node], setting) if (model, node) in states else None for model, node in wanted]
    return TeacherBank.of(fleets, setting.split.train, setting.split.validation, failures)


def _states(
    wanted: Sequence[Who], nodes: int, setting: Setting, cache: TeacherCache | None
) -> Generator[None, None, tuple[dict[Who, State], dict[Who, str]]]:
    states = _kept(wanted, nodes, setting, cache)
    if len(states) == len(wanted):
        return states, {}
    missing = sorted({model for model, node in wanted if (model, node) not in states})
    with (yield from _alone_with(missing, nodes, setting, cache)):
        states = _kept(wanted, nodes, setting, cache)  # again: another process may have trained them meanwhile
        missing = sorted({model for model, node in wanted if (model, node) not in states})
        trained, failures = yield from _train(missing, nodes, setting)
        for (model, node), state in trained.items():
            if cache is not None:
                cache.save(_path(cache, model, node, nodes, setting), state)
    states |= {who: state for who, state in trained.items() if who in wanted}
    return states, {who: failures[who] for who in wanted if who in failures}


def _kept(wanted: Sequence[Who], nodes: int, setting: Setting, cache: TeacherCache | None) -> dict[Who, State]:
    """Weights that need no training."""
    found: dict[Who, State] = {}
    if cache is None:
        return found
    for model, node in wanted:
        like = skeleton(model, setting.split.train)
        state = cache.brought(setting.protocol, model, node, like) or cache.load(_path(cache, model, node, nodes, setting), like)
        if state is not None:
            found[model, node] = state
    return found


def _path(cache: TeacherCache, model: str, node: int, nodes: int, setting: Setting) -> Path:
    return file_of(cache, model, node, nodes, setting.mode, setting.protocol, setting.seed, setting.repeat)


def file_of(
    cache: TeacherCache, model: str, node: int, nodes: int, mode: Mode, protocol: Protocol, seed: int, repeat: int
) -> Path:
    """Where the network of that model and node is kept once it is trained; `nodes` are those of the search's graphs."""
    # What may change a teacher's last bits.
    how = f"{mode.device}, {mode.threads} threads, {mode.layouts.get(model, 'stacked')}, {nodes - 1} stacked"
    return cache.path(protocol, seed, repeat, model, node, how)


def _alone_with(models: Sequence[str], nodes: int, setting: Setting, cache: TeacherCache | None) -> Waiting:
    """A lock on training these networks, once it is ours: workers and searches then train each network once.

    Where the file system has no locks, each trains its own: equal bytes, written in one step.
    """
    if cache is None or not models:
        return nullcontext()
    path = _path(cache, models[0], 2, nodes, setting)
    try:
        while (lock := cache.lock(path)) is None:
            time.sleep(POLL)
            yield
    except NoKernelLocksError:
        return nullcontext()
    return _released(lock)


@contextmanager
def _released(lock: KernelLock) -> Any:
    try:
        yield
    finally:
        lock.release()


def _train(models: Sequence[str], nodes: int, setting: Setting) -> Generator[None, None, tuple[dict[Who, State], dict[Who, str]]]:
    """All auxiliary nodes' networks of these models in one pack; one model after the other if that raises."""
    trained: dict[Who, State] = {}
    failures: dict[Who, str] = {}
    most = max(1, setting.mode.pack * nodes // (nodes - 1))  # models whose networks are no more than a pack's
    waiting = [list(models[start : start + most]) for start in range(0, len(models), most)]
    while waiting:
        group = waiting.pop(0)
        who = [(model, node) for model in group for node in range(2, nodes + 1)]
        found = yield from attempted(_train_pack(who, setting))
        if not isinstance(found, Exception):
            trained |= found.states
            failures |= found.failures
        elif len(group) > 1:
            waiting += [[model] for model in group]
        else:
            failures |= dict.fromkeys(who, f"{type(found).__name__}: {found}".splitlines()[0][:300])
    return trained, failures


@dataclass
class Pretrained:
    """What a pack of teachers came to."""

    states: dict[Who, State]
    failures: dict[Who, str]


def _train_pack(who: Sequence[Who], setting: Setting) -> Generator[None, None, Pretrained]:
    alone = [Graph((model,), (THROUGH,)) for model, _ in who]
    # Its own name decides a network's weights, so that two frozen nodes of one model are two networks.
    protocol = msgspec.structs.replace(setting.protocol, initialisation="own", join="sum", temperature=1.0, processes=1)
    mode = msgspec.structs.replace(setting.mode, compile=False)
    empty = TeacherBank.of((), setting.split.train, setting.split.validation)
    trainer = PackTrainer(
        alone, [f"teacher {model} {node}" for model, node in who], shape_for(alone, len(alone), 1),
        replace(setting, protocol=protocol, mode=mode, teachers=empty),
    )  # fmt: skip
    failures: dict[Who, str] = {}
    for report in trainer.steps():
        for place, finite in enumerate(report.losses[:, 0].isfinite().tolist() if report else ()):
            if not finite:
                failures.setdefault(who[place], f"diverged in epoch {len(trainer.reports)}")
        yield
    return Pretrained({w: s for w, s in zip(who, _networks(trainer), strict=True) if w not in failures}, failures)


def _networks(trainer: PackTrainer) -> list[State]:
    """The trained network of each graph, copied out of its fleet."""
    inner = trainer.setting.accelerator.unwrap_model(trainer.module)
    fleets = dict(zip(inner.models, inner.fleets, strict=True))
    places = sorted((p for p in trainer.plan.places if p.graph is not None), key=lambda place: place.graph or 0)
    return [{n: t.detach().clone() for n, t in fleets[p.model].network(p.row).items()} for p in places]


def _fleet(model: str, state: State, setting: Setting) -> Fleet:
    train = setting.split.train
    with seeded("spare", model):
        network = build(model, train.shape, train.classes).to(DTYPES[setting.protocol.precision])
    network.load_state_dict(state)
    return Fleet([network], setting.mode.layouts.get(model, "stacked"))
