"""Layers abreast: the numbers of separate networks, forward, backward and running statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.training.batched_layers import abreast
from engine.training.fleet import LAYOUTS, Fleet
from engine.training.models.registry import build


def networks(model: str, shape: tuple[int, int, int], count: int) -> list[nn.Module]:
    torch.manual_seed(0)
    made = [build(model, shape, 5).double() for _ in range(count)]
    for network in made:
        for parameter in network.parameters():  # batch normalisation starts at 1 and 0: tell channels apart
            parameter.data += 0.1 * torch.randn_like(parameter)
    return made


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("model", "shape"),
    [("mlp8", (1, 4, 4)), ("mlp8-6", (3, 4, 4)), ("cnn3", (1, 6, 6)), ("resnet8", (3, 8, 8)), ("resnet8", (1, 9, 9)),
     ("wrn10-2", (1, 8, 8)), ("wrn10-1", (3, 8, 8))],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_fleet_abreast_is_its_networks(model, shape, count, layout):
    alone = networks(model, shape, count)
    assert abreast(alone[0], count) is not None
    fleet = Fleet(networks(model, shape, count), layout)
    images = torch.rand(4, *shape, dtype=torch.float64)
    told = torch.randn(count, 4, 5, dtype=torch.float64)
    for _ in range(2):
        found = fleet(images)
        (found * told).sum().backward()
        for place, network in enumerate(alone):
            expected = network(images)
            (expected * told[place]).sum().backward()
            torch.testing.assert_close(found[place], expected, rtol=1e-11, atol=1e-11)
    for place, network in enumerate(alone):
        held = fleet.network(place)
        for name, buffer in network.named_buffers():
            torch.testing.assert_close(held[name], buffer, rtol=1e-11, atol=1e-11)
        for name, parameter in network.named_parameters():
            gradient = fleet.stack[name.replace(".", "__")].grad[place]
            torch.testing.assert_close(gradient, parameter.grad, rtol=1e-9, atol=1e-9)
    fleet.eval()
    for place, network in enumerate(alone):
        torch.testing.assert_close(fleet(images)[place], network.eval()(images), rtol=1e-11, atol=1e-11)


class Own(nn.Module):
    """A forward that nobody vouches for: it joins all features of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 5)

    def forward(self, x):
        return self.linear(x.flatten(1)).softmax(1)


@pytest.mark.parametrize(
    "network",
    [
        Own(),
        nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)),
        nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False)),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, momentum=None)),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4)),
        nn.Sequential(nn.Linear(3, 4), nn.Dropout()),
    ],
    ids=lambda n: str(n).replace("\n", "")[:60],
)
def test_an_architecture_without_rules_is_left_to_vmap(network):
    assert abreast(network, 3) is None


def test_a_fleet_without_rules_gives_its_networks_numbers():
    torch.manual_seed(0)
    own = [Own().double() for _ in range(3)]
    images = torch.rand(4, 1, 4, 4, dtype=torch.float64)
    expected = [network(images).detach() for network in own]
    torch.testing.assert_close(Fleet(own)(images), torch.stack(expected), rtol=1e-11, atol=1e-11)
