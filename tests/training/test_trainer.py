"""What an epoch leaves to read: its losses against the plain mean over its images, computed sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from engine.space.graph import Graph
from engine.training.losses import PackLoss
from engine.training.trainer import PackTrainer

GRAPH = Graph.parse("1:mlp4 2:mlp7 | y>1 through, 2>1 correct, y>2 linear, 1>2 through")

Steps = list[tuple[Tensor, Tensor, PackLoss]]
"""Of each step: losses a sample before gates `[target, source, batch]`, gated sums a sample `[target, batch]`, the pack's own."""


def watched(trainer: PackTrainer) -> Steps:
    """Filled as the trainer trains GRAPH: what every image's losses were when it was shown."""
    found: Steps = []
    step: Callable[..., PackLoss] = trainer.step
    last = trainer.setting.protocol.epochs * trainer.setting.protocol.steps_an_epoch()

    def by_sample(batch: Any, k: int) -> PackLoss:
        with torch.no_grad():
            first, second = trainer.module.logits(batch.images, batch.images.new_zeros(0, len(batch.labels), 10))[0]
        ce = [cross_entropy(z, batch.labels, reduction="none") for z in (first, second)]
        p, q = first.log_softmax(1), second.log_softmax(1)
        onto_first, onto_second = (q.exp() * (q - p)).sum(1), (p.exp() * (p - q)).sum(1)
        nothing = torch.zeros_like(onto_first)
        edges = torch.stack([torch.stack([ce[0], nothing, onto_first]), torch.stack([ce[1], onto_second, nothing])])
        right = second.argmax(1) == batch.labels
        nodes = torch.stack([ce[0] + onto_first * right, ce[1] * (k / last) + onto_second])
        found.append((edges, nodes, step(batch, k)))
        return found[-1][2]

    trainer.step = by_sample  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize("fields", [
    {"batch": 8}, {"batch": 7}, {"batch": 13}, {"batch": 39}, {"batch": 40}, {"batch": 7, "last_batch": "drop"},
    {"batch": 7, "layouts": {"mlp4": "looped", "mlp7": "looped"}},
], ids=str)  # fmt: skip
def test_the_losses_of_an_epoch_are_means_over_its_images(prepare, fields):
    """40 images: the last batch has 8, 5, 1, 1 or 40 of them, or is left out. A smaller one counts by its images."""
    trainer = prepare([GRAPH], epochs=2, **fields)
    steps, count = watched(trainer), trainer.setting.protocol.steps_an_epoch()
    for report in trainer.run():
        seen = steps[(report.epoch - 1) * count : report.epoch * count]
        edges = torch.cat([sample for sample, _, _ in seen], -1)
        nodes = torch.cat([sample for _, sample, _ in seen], -1)
        assert edges.shape[-1] == (35 if "last_batch" in fields else 40)
        torch.testing.assert_close(report.edges[0], edges.mean(-1), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(report.losses[0], nodes.mean(-1), rtol=1e-12, atol=1e-14)
        by_batch = torch.stack([own.nodes for _, _, own in seen]).mean(0)
        if fields["batch"] in (7, 13, 39) and "last_batch" not in fields:
            assert (report.losses - by_batch).abs().max() > 1e-4, "the mean of the batches is another"


def test_batches_of_one_size_count_alike_to_the_bit(prepare):
    """Records of protocols whose batches are all full are those of the sum over batches, divided by their number."""
    for fields in ({"batch": 8}, {"batch": 10}, {"batch": 40}, {"batch": 7, "last_batch": "drop"}):
        trainer = prepare([GRAPH], epochs=1, precision="float32", **fields)
        steps = watched(trainer)
        (report,) = trainer.run()
        for own, found in (("edges", report.edges), ("nodes", report.losses)):
            total = torch.zeros_like(found)
            for _, _, loss in steps:
                total += getattr(loss, own)
            assert torch.equal(found, total / len(steps))
