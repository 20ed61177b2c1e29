"""Networks of one architecture abreast: layers that run M networks in one operation, without `vmap`.

`vmap` splits a linear layer into a product, a copy and a sum, and what it leaves behind compiles badly (0.41 ms a graph-step
on one core for the digits' perceptrons, slower than eager's 0.26; these layers: 0.17 and 0.21). So an architecture whose
layers all have a rule here runs by them: perceptrons by one batched product a layer, convolutions as grouped ones over the
channels of all networks, in channels_last. Activations are `[M, features, batch]` after a linear layer (the weights' gradients
then come out in the weights' own memory order: no copy) and `[batch, M * channels, height, width]` after a convolution; what
all networks share (the images) comes without M.

A module with a `forward` of its own says `abreast = True` if that forward does nothing but call its layers, work element by
element, flatten the images or average over them; one that must know M keeps it in an attribute `networks`, 1 for a single
network. Others run under `vmap`, with the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d


class Linears(nn.Module):
    """`[batch, in]` shared, `[batch, M * in]` or `[M, in, batch]`, to `[M, out, batch]`."""

    def __init__(self, like: nn.Linear, size: int) -> None:
        super().__init__()
        self.size = size
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 2 and x.shape[1] == self.weight.shape[2]:
            return self._shared(x)
        if x.dim() == 2:
            x = x.unflatten(1, (self.size, -1)).permute(1, 2, 0)
        if self.bias is None:
            return torch.bmm(self.weight, x)
        return torch.baddbmm(self.bias.unsqueeze(2), self.weight, x)

    def _shared(self, x: Tensor) -> Tensor:
        """One wide product, forward and backward: 80 GFLOP/s where the batched one does 53 (one core, 128 x 96 x 64)."""
        weight = self.weight.flatten(0, 1)
        out = weight @ x.t() if self.bias is None else torch.addmm(self.bias.view(-1, 1), weight, x.t())
        return out.unflatten(0, (self.size, -1))


class Convolutions(nn.Module):
    """Images shared by all, or `[batch, M * in, height, width]`, to `[batch, M * out, height, width]`."""

    def __init__(self, like: nn.Conv2d, size: int) -> None:
        super().__init__()
        self.size, self.inside = size, like.in_channels
        assert not isinstance(like.padding, str)
        self.stride, self.padding, self.dilation = like.stride, like.padding, like.dilation
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        groups = 1 if x.shape[1] == self.inside else self.size
        bias = None if self.bias is None else self.bias.flatten()
        out = conv2d(x, self.weight.flatten(0, 1), bias, self.stride, self.padding, self.dilation, groups)
        # Compiled code forgets the format of images of one channel, which are in both at once; elsewhere this does nothing.
        return out.contiguous(memory_format=torch.channels_last)


class Normalisations(nn.Module):
    """Statistics of each network's channels by themselves: to batch normalisation, M * C channels are just channels."""

    def __init__(self, like: nn.BatchNorm2d, size: int) -> None:
        super().__init__()
        assert like.momentum is not None
        self.momentum, self.eps = like.momentum, like.eps
        self.weight, self.bias = like.weight, like.bias
        self.running_mean: Tensor
        self.running_var: Tensor
        self.num_batches_tracked: Tensor
        for name, buffer in like.named_buffers(recurse=False):
            self.register_buffer(name, buffer)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.num_batches_tracked.add_(1)
        mean, var = self.running_mean.view(-1), self.running_var.view(-1)
        return batch_norm(
            x, mean, var, self.weight.flatten(), self.bias.flatten(), self.training, self.momentum, self.eps
        )


def _convolution(layer: nn.Conv2d, size: int) -> nn.Module | None:
    plain = layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return Convolutions(layer, size) if plain else None


def _normalisation(layer: nn.BatchNorm2d, size: int) -> nn.Module | None:
    plain = layer.affine and layer.track_running_stats and layer.momentum is not None
    return Normalisations(layer, size) if plain else None


RULES: dict[type[nn.Module], Callable[..., nn.Module | None]] = {
    nn.Linear: Linears,
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _normalisation,
}
"""A layer and M to M layers abreast, or None for a variant that has no rule. Looked up by exact type."""

KEPT = (nn.ReLU, nn.Identity, nn.Sequential, nn.ModuleList)
"""Layers that may stay as they are."""


def abreast(network: nn.Module, size: int) -> nn.Module | None:
    """The architecture of `network` for `size` networks: to be run with stacked parameters and buffers under the same
    names, to logits `[M, class, batch]`. None if one of its layers has no rule. The network itself is left alone."""
    return _converted(deepcopy(network), size)


def _converted(module: nn.Module, size: int) -> nn.Module | None:
    if type(module) in RULES:
        return RULES[type(module)](module, size)
    if not (type(module) in KEPT or getattr(module, "abreast", False)):
        return None
    if hasattr(module, "networks"):
        vars(module)["networks"] = size
    for name, child in module.named_children():
        converted = _converted(child, size)
        if converted is None:
            return None
        setattr(module, name, converted)
    return module
