"""A fleet: the networks of one architecture in a pack, their parameters stacked, run as one.

Two layouts over the same parameters, equal in numbers (DESIGN.md, "Fleet training"): `stacked` runs all networks under
one `vmap`; `looped` runs them one after the other, in channels_last, where arithmetic and not overhead is the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

Layout = Literal["stacked", "looped"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)


class Fleet(nn.Module):
    """M networks of one architecture; every parameter and buffer carries a leading dimension M."""

    def __init__(self, networks: Sequence[nn.Module], layout: Layout = "stacked") -> None:
        super().__init__()
        self.size = len(networks)
        self.layout = layout
        parameters, buffers = stack_module_state(list(networks))
        self.names = tuple(parameters)
        self.buffer_names = tuple(buffers)
        # A dot is not allowed in a parameter's name, and a module tree of stacked tensors would say nothing more.
        self.stack = nn.ParameterDict({_flat(n): nn.Parameter(p.detach()) for n, p in parameters.items()})
        for name, buffer in buffers.items():
            self.register_buffer(_flat(name), buffer.detach())
        # The architecture alone, without tensors; kept out of the module tree so that it is neither moved nor saved.
        self.__dict__["skeleton"] = networks[0].to("meta")

    def state(self) -> dict[str, Tensor]:
        """Stacked parameters and buffers under the network's own names."""
        held = {n: self.stack[_flat(n)] for n in self.names}
        return held | {n: self.get_buffer(_flat(n)) for n in self.buffer_names}

    def network(self, place: int) -> dict[str, Tensor]:
        """State dictionary of one network (views)."""
        return {n: t[place] for n, t in self.state().items()}

    def forward(self, images: Tensor) -> Tensor:
        """`[batch, channels, height, width]`, the same for all, to logits `[M, batch, class]`."""
        skeleton: nn.Module = self.__dict__["skeleton"]
        skeleton.train(self.training)
        state = self.state()
        if self.layout == "stacked":
            return vmap(lambda held: functional_call(skeleton, held, (images,)), randomness="different")(state)
        if images.shape[1] > 1:
            images = images.contiguous(memory_format=torch.channels_last)
        parts = {n: t.unbind(0) for n, t in state.items()}
        outs = [functional_call(skeleton, {n: p[i] for n, p in parts.items()}, (images,)) for i in range(self.size)]
        return torch.stack(outs)


def _flat(name: str) -> str:
    return name.replace(".", "__")
