"""Training the pre-trained nodes: each alone on labels, as a pack of one graph of one node, once for all searches.

Every teacher is a pack of its own: its weights then cannot depend on which other teachers a search happens to need.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from engine.errors import TrainingError
from engine.space.catalogue import THROUGH
from engine.space.graph import Graph
from engine.training.fleet import Fleet
from engine.training.models.registry import build
from engine.training.pack import shape_for
from engine.training.seeds import seeded
from engine.training.teachers import TeacherBank, TeacherCache, skeleton
from engine.training.trainer import DTYPES, PackTrainer, Setting


def bank(wanted: Sequence[tuple[str, int]], setting: Setting, cache: TeacherCache | None) -> TeacherBank:
    """The frozen networks `(model, node)` of this setting's seed and repeat, from the cache or trained now."""
    fleets = [_fleet(model, node, setting, cache) for model, node in wanted]
    return TeacherBank.of(fleets, setting.split.train, setting.split.validation)


def _fleet(model: str, node: int, setting: Setting, cache: TeacherCache | None) -> Fleet:
    train = setting.split.train
    with seeded("spare", model):
        network = build(model, train.shape, train.classes).to(DTYPES[setting.protocol.precision])
    mode = setting.mode
    layout = mode.layouts.get(model, "stacked")
    how = f"{mode.device}, {mode.threads} threads, {layout}"  # what may change a teacher's last bits
    path = cache and cache.path(setting.protocol, setting.seed, setting.repeat, model, node, how)
    state = cache.load(path, skeleton(model, train)) if cache and path else None
    if state is None:
        state = _train_alone(model, node, setting)
        if cache and path:
            cache.save(path, state)
    network.load_state_dict(state)
    return Fleet([network], layout)


def _train_alone(model: str, node: int, setting: Setting) -> dict:
    alone = Graph((model,), (THROUGH,))
    # Its own name decides its weights, so that two frozen nodes of one model are two networks.
    protocol = msgspec.structs.replace(setting.protocol, initialisation="own", join="sum", temperature=1.0)
    mode = msgspec.structs.replace(setting.mode, compile=False)
    empty = TeacherBank.of((), setting.split.train, setting.split.validation)
    trainer = PackTrainer(
        [alone], [f"teacher {model} {node}"], shape_for([alone], 1, 1),
        replace(setting, protocol=protocol, mode=mode, teachers=empty),
    )  # fmt: skip
    for report in trainer.run():
        if not report.losses[0, 0].isfinite():
            raise TrainingError(f"pre-trained node {node} ({model}) diverged in epoch {report.epoch}", "lower protocol.lr")
    inner = setting.accelerator.unwrap_model(trainer.module)
    return {name: tensor.detach().clone() for name, tensor in inner.fleets[0].network(0).items()}
