"""Every loss of every edge of every graph of a pack, as one tensor expression.

With `lp = log_softmax(z)`, source probabilities detached (node s is not moved by what it teaches):

    ce[k,t]   = -mean_b lp[k,t,b,label_b]                                  L[y,t]
    kl[k,s,t] =  mean_b sum_c p[k,s,b,c] (lp[k,s,b,c] - lp[k,t,b,c])       L[s,t] at T = 1

A weighted sum of these over sources is the cross-entropy of `lp[k,t]` against one mixed target
`q[k,t] = w[y,t] onehot + sum_s w[s,t] p[s]`, up to a term without gradient. So the backward pass never sees an edge:
one batched product mixes the targets, one cross-entropy a node remains, and all edge losses are a by-product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot


class PackLoss(NamedTuple):
    total: Tensor
    """Scalar to differentiate: its gradient is that of the sum of all nodes' gated losses; its value lacks the entropies."""
    edges: Tensor
    """`[graph, target, source]`: each edge's plain mean loss before gate and mask, source 0 the label (no gradient)."""
    nodes: Tensor
    """`[graph, target]`: each node's gated sum, its true value (no gradient)."""


def soft_labels(labels: Tensor, classes: int, smoothing: float, dtype: torch.dtype) -> Tensor:
    """`[batch, class]`: one-hot labels, `smoothing` of the mass spread evenly over all classes."""
    hot = one_hot(labels, classes).to(dtype)
    return hot if smoothing == 0 else hot * (1 - smoothing) + smoothing / classes


def pack_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    masks: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (),
    *,
    temperature: float = 1.0,
    smoothing: float = 0.0,
) -> PackLoss:
    """Losses of a pack on one mini-batch.

    Args:
        logits: `[graph, node, batch, class]`.
        labels: `[batch]`, class numbers.
        weights: `[mask kind, graph, target, source]` from `GateTable.at`; source 0 is the label. Joins are in it.
        masks: one function a mask kind above 0.
        temperature: T of the divergences, whose loss is multiplied by T^2 (Hinton et al. 2015).
        smoothing: label smoothing of the cross-entropy.
    """
    graphs, nodes, batch, classes = logits.shape
    lp = logits.log_softmax(-1)
    y = soft_labels(labels, classes, smoothing, logits.dtype)
    warm = lp if temperature == 1 else (logits / temperature).log_softmax(-1)
    told = warm.detach()
    p = told.exp()
    scale = temperature**2
    flat = (graphs, nodes, batch * classes)

    mixed = torch.bmm(weights[0, :, :, 1:], p.reshape(flat))
    kept = [weights[0].unsqueeze(-1).expand(-1, -1, -1, batch)] if masks else []
    for kind, mask in enumerate(masks, 1):
        chosen = mask(told, labels)  # [graph, source, batch]
        mixed = mixed + torch.bmm(weights[kind, :, :, 1:], (p * chosen.unsqueeze(-1)).reshape(flat))
        kept.append(weights[kind].unsqueeze(-1) * torch.cat([chosen.new_ones(graphs, 1, batch), chosen], 1).unsqueeze(1))
    mixed = mixed.view(graphs, nodes, batch, classes)
    on_label = weights[0, :, :, 0]

    if temperature == 1:
        target = mixed + on_label[..., None, None] * y
        total = -(target * lp).sum() / batch
    else:
        total = -((mixed * warm).sum() * scale + (on_label[..., None, None] * y * lp).sum()) / batch

    with torch.no_grad():
        ce = -(y * lp.detach()).sum((-1, -2)) / batch  # [graph, target]
        entropy = (p * told).sum(-1)  # [graph, source, batch], minus the entropy
        if masks:
            cross = torch.einsum("ksbc,ktbc->ktsb", p, told)
            each = (entropy.unsqueeze(1) - cross) * scale
            kl = each.mean(-1)
            gated = torch.stack(kept).sum(0)[:, :, 1:] * each
            own = gated.mean(-1).sum(-1) + on_label * ce
        else:
            cross = torch.bmm(told.reshape(flat), p.reshape(flat).transpose(1, 2)) / batch  # [graph, target, source]
            kl = (entropy.mean(-1).unsqueeze(1) - cross) * scale
            own = (weights[0, :, :, 1:] * kl).sum(-1) + on_label * ce
        edges = torch.cat([ce.unsqueeze(-1), kl], -1)
    return PackLoss(total, edges, own)
