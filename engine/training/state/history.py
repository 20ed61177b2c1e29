"""What one graph of a pack has shown so far: the same whether it rode in one pack or in many."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from engine.training.trainer import PackTrainer


@dataclass(frozen=True, slots=True)
class History:
    """On the host; N nodes, epochs first. See EpochReport for what they are."""

    accuracy: Tensor
    """`[epoch, node]`"""
    losses: Tensor
    """`[epoch, node]`"""
    edges: Tensor
    """`[epoch, target, source]`"""

    @classmethod
    def of(cls, trainer: PackTrainer, place: int) -> History:
        """Of graph `place` of a pack that has trained at least one epoch."""
        nodes, reports = trainer.graphs[place].nodes, trainer.reports
        return cls(
            torch.stack([r.accuracy[place, :nodes] for r in reports]),
            torch.stack([r.losses[place, :nodes] for r in reports]),
            torch.stack([r.edges[place, :nodes, : nodes + 1] for r in reports]),
        )

    @property
    def epochs(self) -> int:
        return len(self.accuracy)

    @property
    def sound(self) -> int:
        """Epochs before the first in which a node's loss is no number."""
        for epoch, row in enumerate(self.losses.tolist()):
            if not all(map(isfinite, row)):
                return epoch
        return self.epochs
