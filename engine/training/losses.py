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


class PackLoss(NamedTuple):
    total: Tensor
    """Scalar to differentiate: its gradient is that of the sum of all nodes' gated losses; its value lacks the entropies."""
    edges: Tensor
    """`[graph, target, source]`: each edge's plain mean loss before gate and mask, source 0 the label (no gradient)."""
    nodes: Tensor
    """`[graph, target]`: each node's gated sum, its true value (no gradient)."""


def soft_labels(labels: Tensor, classes: int, smoothing: float, dtype: torch.dtype) -> Tensor:
    """`[batch, class]`: one-hot labels, `smoothing` of the mass spread evenly over all classes."""
    # Not `one_hot`: it looks at the values on some devices, and waits for them.
    hot = (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).to(dtype)
    return hot if smoothing == 0 else hot * (1 - smoothing) + smoothing / classes


def pack_loss(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor,
    masks: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (),
    *,
    temperature: float = 1.0,
    smoothing: float = 0.0,
    contained: bool = False,
) -> PackLoss:
    """Losses of a pack on one mini-batch.

    Args:
        logits: `[graph, node, batch, class]`.
        labels: `[batch]`, class numbers.
        weights: `[mask kind, graph, target, source]` from `GateTable.at`; source 0 is the label. Joins are in it.
        masks: one function a mask kind above 0.
        temperature: T of the divergences, whose loss is multiplied by T^2 (Hinton et al. 2015).
        smoothing: label smoothing of the cross-entropy.
        contained: let a node that diverged teach nothing. Its graph is lost either way; but a node that does not listen to it
            may be a healthy graph's too, and a closed edge's 0 times NaN is NaN.
    """
    graphs, nodes, batch, classes = logits.shape
    lp = logits.log_softmax(-1)
    y = soft_labels(labels, classes, smoothing, logits.dtype)
    warm = lp if temperature == 1 else (logits / temperature).log_softmax(-1)
    told = warm.detach()
    p = told.exp()
    scale = temperature**2
    # One block of sources a mask kind, and one product each for the mixed targets and for the cross-entropies.
    kept = [p, *(p * mask(told, labels).unsqueeze(-1) for mask in masks)]
    sources = torch.cat(kept, 1) if masks else p  # [graph, kind * source, batch, class]
    if contained:
        sources = sources.nan_to_num(nan=0.0)
    by_source = weights[..., 1:].permute(1, 2, 0, 3).flatten(2)  # [graph, target, kind * source]
    on_label = weights[0, :, :, 0]
    across = sources.reshape(graphs, -1, batch * classes)
    mixed = torch.bmm(by_source, across).view(graphs, nodes, batch, classes)

    if temperature == 1:
        target = torch.addcmul(mixed, on_label[..., None, None], y)
        total = -(target * lp).sum() / batch
    else:
        total = -((mixed * warm).sum() * scale + (on_label[..., None, None] * y * lp).sum()) / batch

    with torch.no_grad():
        ce = -(y * lp.detach()).sum((-1, -2)) / batch  # [graph, target]
        certain = sources.unflatten(1, (-1, nodes)) * told.unsqueeze(1)
        certain = certain.sum((-1, -2)).flatten(1) / batch  # [graph, kind * source], minus the entropy
        cross = torch.bmm(told.reshape(graphs, nodes, -1), across.transpose(1, 2)) / batch
        each = (certain.unsqueeze(1) - cross) * scale  # [graph, target, kind * source]
        own = (by_source * each).sum(-1) + on_label * ce
        edges = torch.cat([ce.unsqueeze(-1), each[..., :nodes]], -1)
    return PackLoss(total, edges, own)
