"""A fleet: the networks of one architecture in a pack, their parameters stacked, run as one.

Two layouts over the same parameters, equal in numbers (DESIGN.md, "Fleet training"): `stacked` runs all networks
at once, by layers abreast where the architecture has them (`batched_layers`), else under `vmap`; `looped` runs them
one after the other, where arithmetic and not overhead is the limit. Images are in channels_last in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from engine.training.batched_layers import abreast

Layout = Literal["stacked", "looped"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

Run = Callable[[nn.Module, dict[str, Tensor], Tensor], Tensor]
"""Architecture, stacked tensors of m networks, images, to logits `[m, batch, class]`."""

VECTOR = 16
"""Numbers that torch's fused optimisers step at once, at most. What is left at a tensor's end they step one by one, which
rounds another way: without spare rows the last network of a fleet differed in its last bits from the same one elsewhere."""


class Fleet(nn.Module):
    """M networks of one architecture; every parameter and buffer carries a leading dimension M.

    Parameters whose M networks do not fill whole vectors have a few rows of zeros more, which nothing reads.
    """

    def __init__(self, networks: Sequence[nn.Module], layout: Layout = "stacked") -> None:
        super().__init__()
        self.size = len(networks)
        self.layout = layout
        parameters, buffers = stack_module_state(list(networks))
        self.names = tuple(parameters)
        self.buffer_names = tuple(buffers)
        # A dot is not allowed in a parameter's name, and a module tree of stacked tensors would say nothing more.
        self.stack = nn.ParameterDict({_flat(n): nn.Parameter(_filled(p.detach())) for n, p in parameters.items()})
        for name, buffer in buffers.items():
            self.register_buffer(_flat(name), buffer.detach())
        # The architecture alone, without tensors; kept out of the module tree so that it is neither moved nor saved.
        together = abreast(networks[0], self.size if layout == "stacked" else 1)
        self.__dict__["skeleton"] = together or networks[0].to("meta")
        self.run: Run = _together if together else _mapped if layout == "stacked" else _alone
        self.noisy = any("dropout" in type(m).__name__.lower() or "stochastic" in type(m).__name__.lower()
                         for m in networks[0].modules())  # fmt: skip
        """Does the architecture draw random numbers while it trains (dropout, stochastic depth)?"""
        self.noise = 0
        """Seed of those draws at the next step: one for all networks, so that a result does not depend on its neighbours."""

    def stored(self) -> dict[str, Tensor]:
        """Stacked parameters and buffers under the network's own names, spare rows included: what an optimiser steps."""
        held = {n: self.stack[_flat(n)] for n in self.names}
        return held | {n: self.get_buffer(_flat(n)) for n in self.buffer_names}

    def state(self) -> dict[str, Tensor]:
        """The same of the M networks alone."""
        return {n: t if len(t) == self.size else t[: self.size] for n, t in self.stored().items()}

    def network(self, place: int) -> dict[str, Tensor]:
        """State dictionary of one network (views)."""
        return {n: t[place] for n, t in self.state().items()}

    def forward(self, images: Tensor) -> Tensor:
        """`[batch, channels, height, width]`, the same for all, to logits `[M, batch, class]`."""
        skeleton: nn.Module = self.__dict__["skeleton"]
        skeleton.train(self.training)
        images, state = _channels_last(images), self.state()
        if self.layout == "stacked":
            return self._drawing(skeleton, state, images)
        parts = {n: t.split(1) for n, t in state.items()}
        each = [{n: p[place] for n, p in parts.items()} for place in range(self.size)]
        return torch.cat([self._drawing(skeleton, one, images) for one in each])

    def _drawing(self, skeleton: nn.Module, state: dict[str, Tensor], images: Tensor) -> Tensor:
        if not (self.noisy and self.training):
            return self.run(skeleton, state, images)
        with torch.random.fork_rng(devices=[images.device] if images.device.type == "cuda" else []):
            torch.manual_seed(self.noise)
            return self.run(skeleton, state, images)


def _together(skeleton: nn.Module, state: dict[str, Tensor], images: Tensor) -> Tensor:
    """By layers abreast."""
    out: Tensor = functional_call(skeleton, state, (images,))
    return out.transpose(1, 2)


def _mapped(skeleton: nn.Module, state: dict[str, Tensor], images: Tensor) -> Tensor:
    return vmap(lambda held: functional_call(skeleton, held, (images,)), randomness="same")(state)


def _alone(skeleton: nn.Module, state: dict[str, Tensor], images: Tensor) -> Tensor:
    """A state of one network."""
    out: Tensor = functional_call(skeleton, {n: t[0] for n, t in state.items()}, (images,))
    return out.unsqueeze(0)


def _filled(stacked: Tensor) -> Tensor:
    """With as many rows of zeros more as it takes to a whole number of vectors."""
    spare = -len(stacked) % (VECTOR // gcd(VECTOR, stacked[0].numel()))
    return torch.cat((stacked, stacked.new_zeros(spare, *stacked.shape[1:]))) if spare else stacked


def _flat(name: str) -> str:
    return name.replace(".", "__")


def _channels_last(images: Tensor) -> Tensor:
    # Not `contiguous`: images of one channel are in both formats at once, and their convolutions then answer in the other one,
    # the slower (28x28 images, 16 channels: 5.4 ms a network instead of 0.5).
    return images.to(memory_format=torch.channels_last) if images.dim() == 4 else images
