"""Optimiser and learning-rate schedule of a protocol. Both work element by element, so a fleet's step is its networks'."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from engine.space.protocol import Protocol


def rate(protocol: Protocol, epoch: int) -> float:
    """Learning rate of epoch `epoch` (from 0) as a factor of `protocol.lr`.

    The half-period cosine steps once an epoch, (1 + cos(pi e / E)) / 2, and would reach 0 after the last one (the paper
    says "to 0 at the last epoch"; the public code steps an epoch too). A warm-up of W epochs multiplies the first W by
    (e + 1) / (W + 1).
    """
    factor = 1.0
    if protocol.schedule == "cosine":
        factor = (1 + cos(pi * epoch / protocol.epochs)) / 2
    elif protocol.schedule == "multistep":
        factor = protocol.decay ** sum(epoch >= m for m in protocol.milestones)
    if epoch < protocol.warmup:
        factor *= (epoch + 1) / (protocol.warmup + 1)
    return factor


def optimiser(parameters: Iterable[nn.Parameter], protocol: Protocol) -> Optimizer:
    """The protocol's optimiser, fused: one kernel a step over all stacked parameters."""
    if protocol.optimizer == "adamw":
        betas = (protocol.momentum, 0.999)
        return AdamW(parameters, protocol.lr, betas=betas, weight_decay=protocol.weight_decay, fused=True)
    return SGD(
        parameters,
        protocol.lr,
        momentum=protocol.momentum,
        nesterov=protocol.nesterov and protocol.momentum > 0,
        weight_decay=protocol.weight_decay,
        fused=True,
    )


def schedule(chosen: Optimizer, protocol: Protocol, first: int = 0) -> LambdaLR:
    """Stepped once an epoch; `first` epochs are behind it."""
    for group in chosen.param_groups:
        group.setdefault("initial_lr", group["lr"])
    return LambdaLR(chosen, lambda epoch: rate(protocol, epoch), last_epoch=first - 1)
