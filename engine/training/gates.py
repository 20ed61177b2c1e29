"""Gates: how an edge's per-sample loss a_n counts over training (paper section 3; Minami et al. 2020, eq. 6-9).

An edge's loss is `weight(k, k_end) * mean_n(mask_n * a_n)`, with k the 1-based iteration. A gate is that weight and,
if it chooses among samples, that mask. Other packages add gates under the entry point group `engine.gates`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.errors import TrainingError, nearest
from engine.space.catalogue import known_gates
from engine.training.plugins import bring


@dataclass(frozen=True, slots=True)
class Gate:
    """`weight(k, k_end)` scales the edge at iteration k of k_end (1-based).

    `mask(log_probabilities, labels)` chooses samples by what the *source* says: `[..., batch, class]` and `[batch]` to
    0/1 weights `[..., batch]`; the loss is still divided by the batch size. None keeps all. A label is always right, so
    a mask is not applied on a label edge.
    """

    weight: Callable[[int, int], float]
    mask: Callable[[Tensor, Tensor], Tensor] | None = None


def got_right(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 where the source's most probable class is the label."""
    return (log_probabilities.argmax(-1) == labels).to(log_probabilities.dtype)


GATES: dict[str, Gate] = {
    "through": Gate(lambda k, k_end: 1.0),
    "cutoff": Gate(lambda k, k_end: 0.0),
    "linear": Gate(lambda k, k_end: k / k_end),
    "correct": Gate(lambda k, k_end: 1.0, got_right),
    "negative-linear": Gate(lambda k, k_end: 1.0 - k / k_end),
}


def find(name: str) -> Gate:
    """The gate of that name, built in or from an entry point. Raises TrainingError if there is none."""
    if name in GATES:
        return GATES[name]
    if (gate := bring("gates", name)) is not None:
        if not isinstance(gate, Gate):
            got = type(gate).__name__
            raise TrainingError(f"gate {name!r}: the entry point must give an engine.training.gates.Gate, got {got}")
        return gate
    raise TrainingError(f"unknown gate {name!r}", nearest(name, known_gates()))


class GateTable:
    """The gates a pack uses, as tensors: no Python loop over edges while training.

    `index` is `[graph, target, source]` into `names`, source 0 the label and s the node s; `scale`, of the same shape,
    multiplies every weight (how a node's losses join). Tensors get the device and type of `like`.
    """

    def __init__(
        self, names: Sequence[str], index: Tensor, k_end: int, like: Tensor, scale: Tensor | None = None
    ) -> None:
        gates = [find(name) for name in names]
        weights = torch.tensor([[g.weight(k, k_end) for g in gates] for k in range(1, k_end + 1)], dtype=torch.float64)
        self.weights = weights.to(like)
        """`[iteration, gate]`"""
        self.index = index.to(like.device)
        self.masks = tuple(dict.fromkeys(g.mask for g in gates if g.mask is not None))
        """The different mask functions in use."""
        kinds = torch.tensor([0 if g.mask is None else 1 + self.masks.index(g.mask) for g in gates])
        kind = kinds.to(like.device)[self.index]
        kind[:, :, 0] = 0  # a label edge has no mask
        chosen = torch.stack([(kind == j) for j in range(len(self.masks) + 1)]).to(like)
        self.kinds = chosen if scale is None else chosen * scale.to(like)
        """`[mask kind, graph, target, source]`: `scale` where an edge weighs its samples by that mask (kind 0: none), else 0."""

    def at(self, k: int) -> Tensor:
        """Weights of every edge at iteration k (1-based): `[mask kind, graph, target, source]`."""
        return self.weights[k - 1][self.index] * self.kinds
