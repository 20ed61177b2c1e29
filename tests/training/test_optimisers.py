"""Learning rates, epoch by epoch."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from engine.space.files.load import load
from engine.space.graph import Graph
from tests.training.test_packs import weights

ALONE = Graph(("mlp4",), ("through",))


def public(epoch: int) -> float:
    """Minami et al.'s public code: epochs are counted from 1, and the rate falls *at* the 60th, 120th and 180th."""
    return 0.1 * 0.1 ** ((epoch >= 60) + (epoch >= 120) + (epoch >= 180))


def rate(trainer) -> float:
    return trainer.optimiser.param_groups[0]["lr"]


def test_minami2020_follows_the_public_code_to_the_epoch(prepare):
    """The rate that each of the space's 200 epochs is trained at, in one go and gone on with around the falls."""
    p = load("minami2020").protocol
    how = {name: getattr(p, name) for name in ("epochs", "lr", "schedule", "milestones", "decay", "warmup")}
    trainer = prepare([ALONE], train=8, **how)  # a step an epoch
    rates = [rate(trainer) for done in trainer.steps() if done is None]
    assert rates == pytest.approx([public(epoch) for epoch in range(1, 201)], rel=1e-12)
    assert [sum(lr == pytest.approx(level) for lr in rates) for level in (0.1, 0.01, 0.001, 0.0001)] == [59, 60, 60, 21]
    for behind in (58, 59, 118, 119, 178, 179):
        assert rate(prepare([ALONE], train=8, first=behind, **how)) == rates[behind]


def test_a_node_whose_loss_is_0_steps_all_the_same(prepare):
    """Node 2 hears only what node 1 got right, which is nothing: weight decay moves it, where the public code leaves it."""
    trainer = prepare([Graph.parse("1:mlp4 2:mlp7 | y>1 through, 2>1 through, 1>2 correct")])
    p, batch, before = trainer.setting.protocol, next(trainer.batches.epoch(0)), weights(trainer, 0)
    wrong = trainer.module.logits(batch.images, batch.images.new_zeros(0, len(batch.labels), 10))[0, 0].argmin(-1)
    loss = trainer.step(dataclasses.replace(batch, labels=wrong), 1)
    assert loss.nodes[0, 1] == 0
    kept = 1 - p.lr * p.weight_decay * (1 + p.momentum)  # Nesterov's first step
    for (node, name), tensor in weights(trainer, 0).items():
        if node == 2:
            torch.testing.assert_close(tensor, before[node, name] * kept, rtol=1e-12, atol=0)
