"""A pack that is paused and divided among other packs gives the numbers of one that never was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
import torch
from safetensors.torch import save

from engine.errors import StoreError
from engine.packing.packs import PackShape, shape_for, trainable
from engine.space.graph import Graph
from engine.training.state.checkpoint import GraphState, restore, states
from engine.training.trainer import PackTrainer
from tests.training.conftest import Prepare
from tests.training.test_packs import drawn, finish, weights

MLPS, NETS = (("mlp4", "mlp7"), (1, 6, 6)), (("resnet8", "wrn10-1"), (3, 8, 8))


def cases():
    """(models, image shape, graphs, protocol); the slow ones take up to a minute."""
    yield pytest.param(*MLPS, 6, {}, id="momentum")
    yield pytest.param(*MLPS, 4, {"optimizer": "adamw", "lr": 0.01, "momentum": 0.9}, id="AdamW")
    yield pytest.param(*MLPS, 3, {"layouts": {"mlp4": "looped"}}, id="one looped")
    yield pytest.param(*MLPS, 4, {"batch": 7}, id="a smaller last batch")
    for name, where, variant in (
        ("plain SGD", MLPS, {"momentum": 0.0, "nesterov": False}),
        ("multistep, warm-up", MLPS, {"schedule": "multistep", "milestones": (1, 3), "warmup": 2}),
        ("augmented, shared", MLPS, {"crop": 1, "flip": True, "cutout": 2, "initialisation": "shared"}),
        ("both looped", MLPS, {"layouts": {"mlp4": "looped", "mlp7": "looped"}}),
        ("BatchNorm", NETS, {}),
        ("BatchNorm, looped", NETS, {"layouts": {"resnet8": "looped", "wrn10-1": "looped"}}),
        ("BatchNorm, AdamW", NETS, {"optimizer": "adamw", "lr": 0.01, "momentum": 0.9}),
    ):
        yield pytest.param(*where, 3, variant, id=name, marks=pytest.mark.slow)


def roomy(graphs: Sequence[Graph], most: int) -> PackShape:
    """A shape in which any `most` of these graphs fit, and all of them leave no network spare."""
    shape = shape_for(graphs, most, 3)
    need = sum(map(trainable, graphs), Counter())
    return PackShape(most, 3, {m: need[m] for m in shape.slots}, shape.gates, shape.teachers)


def pause(trainer: PackTrainer, until: int) -> dict[str, bytes]:
    """Train up to an epoch and keep each graph as bytes, by its key."""
    list(trainer.run(until))
    kept = states(trainer, [1.5] * len(trainer.graphs))
    return {g.key: state.encode() for g, state in zip(trainer.graphs, kept, strict=True)}


def go_on(prepare: Prepare, graphs: Sequence[Graph], kept: dict[str, bytes], first: int, *args, **fields) -> PackTrainer:
    trainer = prepare(graphs, *args, first=first, **fields)
    restore(trainer, [GraphState.decode(kept[g.key]) for g in graphs])
    return trainer


@pytest.mark.parametrize(("models", "size", "count", "variant"), cases())
def test_graphs_paused_and_packed_anew_equal_uninterrupted_ones_to_the_bit(prepare, models, size, count, variant):
    """Packs of 2, paused; two packs in other company; at last all in one: each graph as if nothing had been."""
    graphs = drawn(count, models)
    how = {"pack_shape": roomy(graphs, count), "precision": "float32", **variant}
    calm = finish(prepare(graphs, size, **how))
    kept: dict[str, bytes] = {}
    for start in range(0, count, 2):
        kept |= pause(prepare(graphs[start : start + 2], size, **how), 1)
    for group in (graphs[1::2], graphs[(count - 1) // 2 * 2 :: -2]):
        kept |= pause(go_on(prepare, group, kept, 1, size, **how), 3)
    last = finish(go_on(prepare, graphs[::-1], kept, 3, size, **how))
    for place, graph in enumerate(graphs):
        other = len(graphs) - 1 - place
        expected, found = weights(calm, place), weights(last, other)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(found[name], tensor), name
        assert [r.epoch for r in last.reports] == [1, 2, 3, 4]
        n = graph.nodes
        for a, b in zip(calm.reports, last.reports, strict=True):
            assert torch.equal(a.accuracy[place, :n], b.accuracy[other, :n])
            assert torch.equal(a.losses[place, :n], b.losses[other, :n])
            assert torch.equal(a.edges[place, :n, : n + 1], b.edges[other, :n, : n + 1])


def test_the_optimiser_memory_is_what_is_kept(prepare):
    """Without it the numbers differ: the test above would not pass by chance."""
    graphs = drawn(2, ("mlp4", "mlp7"))
    how = {"pack_shape": roomy(graphs, 2), "precision": "float32"}
    calm = finish(prepare(graphs, **how))
    kept = {}
    for key, blob in pause(prepare(graphs, **how), 2).items():
        held = GraphState.decode(blob)
        without = {n: t for n, t in held.tensors.items() if "/own/" not in n}
        kept[key] = GraphState(held.history, 0.0, without).encode()
    forgetful = finish(go_on(prepare, graphs, kept, 2, **how))
    assert any(not torch.equal(t, weights(forgetful, 0)[n]) for n, t in weights(calm, 0).items())


def test_a_state_reads_back_and_says_its_epoch_and_seconds(prepare):
    (graph,) = drawn(1, ("mlp4", "mlp7"))
    (blob,) = pause(prepare([graph]), 3).values()
    state = GraphState.decode(blob)
    assert (state.epoch, state.seconds) == (3, 1.5)
    assert state.history.accuracy.shape == (3, graph.nodes)


@pytest.mark.parametrize("blob", [b"", b"nothing of the kind", b"\x00" * 64])
def test_bytes_that_are_no_state_are_refused(blob):
    with pytest.raises(StoreError, match="no checkpoint of a graph"):
        GraphState.decode(blob)


def test_a_state_of_other_tensors_is_refused():
    with pytest.raises(StoreError, match="no checkpoint of a graph"):
        GraphState.decode(save({"weight": torch.zeros(2)}))


def test_a_graph_that_diverged_goes_on_as_it_was_and_harms_nobody(prepare):
    graphs = drawn(3, ("mlp4", "mlp7"))
    how = {"pack_shape": roomy(graphs, 3), "precision": "float32"}
    calm = finish(prepare(graphs, **how))
    wild = prepare(graphs, **how)
    fleets = dict(zip(wild.module.models, wild.module.fleets, strict=True))
    sick = next(p for p in wild.plan.places if p.graph == 1)
    with torch.no_grad():
        next(iter(fleets[sick.model].network(sick.row).values()))[:] = float("nan")
    kept = pause(wild, 2)
    last = finish(go_on(prepare, graphs, kept, 2, **how))
    assert not any(r.losses[1].isfinite().all() for r in last.reports)
    for place in (0, 2):
        for name, tensor in weights(calm, place).items():
            assert torch.equal(weights(last, place)[name], tensor)
