"""A network's numbers do not depend on its place in its fleet, the last one of a full fleet not excepted."""

from __future__ import annotations

import pytest
import torch

from engine.training.fleet import Fleet
from engine.training.models.registry import build
from tests.training.test_packs import drawn, finish, weights

SGD = {"precision": "float32"}
ADAMW = {**SGD, "optimizer": "adamw", "lr": 0.01, "momentum": 0.9}


@pytest.mark.parametrize("layout", ["stacked", "looped"])
@pytest.mark.parametrize("how", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize(("models", "size"), [(("mlp4", "mlp7"), (1, 6, 6)), (("cnn16", "cnn32"), (1, 6, 6))], ids=["mlp", "cnn"])
def test_the_last_of_a_full_pack_equals_the_first_to_the_bit(prepare, models, size, how, layout):
    """No spare networks: what is last in one pack is first in the other."""
    graphs = drawn(5, models)
    layouts = dict.fromkeys(models, layout)
    there = finish(prepare(graphs, size, epochs=3, layouts=layouts, **how))
    back = finish(prepare(graphs[::-1], size, epochs=3, layouts=layouts, **how))
    assert not [p for p in there.plan.places if p.graph is None]
    for place in range(5):
        expected, found = weights(there, place), weights(back, 4 - place)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(found[name], tensor), (place, name)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_whole_vectors_are_stored_and_only_the_networks_are_seen(count):
    fleet = Fleet([build("mlp7", (1, 6, 6), 10) for _ in range(count)])
    assert {n: p.numel() % 16 for n, p in fleet.stored().items()} == dict.fromkeys(fleet.names, 0)
    assert {len(p) for p in fleet.state().values()} == {count}
    fleet(torch.rand(4, 1, 6, 6)).square().sum().backward()
    for parameter in fleet.parameters():
        assert parameter.grad[:count].any()
        assert not parameter[count:].any()
        assert not parameter.grad[count:].any(), "nothing reads them"
