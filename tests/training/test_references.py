"""Packs beside ordinary PyTorch loops written from the papers and with torch's own optimisers and schedules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div
from torch.optim import SGD, AdamW
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, MultiStepLR, SequentialLR

from engine.space.graph import Graph
from engine.training.models.registry import build
from engine.training.seeds import seeded
from tests.training.test_packs import finish, weights

SHAPE = (1, 6, 6)
ALONE = Graph(("mlp4",), ("through",))


def networks(graph: Graph) -> list[nn.Module]:
    made = []
    for node, model in enumerate(graph.models, 1):
        with seeded("weights", 0, 0, graph.key, node):
            made.append(build(model, SHAPE, 10).double())
    return made


Losses = Callable[[list[Tensor], Tensor], list[Tensor]]


def loop(trainer, made: list[nn.Module], optimiser, scheduler, losses: Losses) -> None:
    """Each network with an optimiser and a schedule of its own; all see the batch before any of them steps."""
    p = trainer.setting.protocol
    optimisers = [optimiser(n.parameters()) for n in made]
    schedulers = [scheduler(o) for o in optimisers]
    for epoch in range(p.epochs):
        for batch in trainer.batches.epoch(epoch):
            for o in optimisers:
                o.zero_grad()
            for loss in losses([n(batch.images) for n in made], batch.labels):
                loss.backward()
            for o in optimisers:
                o.step()
        for s in schedulers:
            s.step()


def compare(trainer, made: list[nn.Module]) -> None:
    found = weights(finish(trainer), 0)
    for node, network in enumerate(made, 1):
        for name, tensor in network.state_dict().items():
            torch.testing.assert_close(found[node, name], tensor, rtol=1e-9, atol=1e-9, msg=f"{node} {name}")


@pytest.mark.parametrize("models", [("mlp4", "mlp7"), ("mlp4", "cnn2"), ("mlp4", "mlp7", "cnn3")], ids="+".join)
def test_dml_with_mean_is_zhang_et_al(prepare, models):
    """Zhang et al. 2018, eq. 11: L_k = CE_k + 1 / (K - 1) sum over the others of KL(p_l || p_k), p_l given."""
    graph = Graph(models, ("through",) * len(models) ** 2)
    trainer = prepare([graph], SHAPE, join="mean")

    def losses(logits: list[Tensor], labels: Tensor) -> list[Tensor]:
        out = []
        for k, own in enumerate(logits):
            kl = [
                kl_div(own.log_softmax(1), other.detach().softmax(1), reduction="batchmean")
                for other in (*logits[:k], *logits[k + 1 :])
            ]
            out.append(cross_entropy(own, labels) + sum(kl) / len(kl))
        return out

    made = networks(graph)
    p = trainer.setting.protocol
    loop(trainer, made, lambda w: SGD(w, p.lr, p.momentum, nesterov=True, weight_decay=p.weight_decay),
         lambda o: CosineAnnealingLR(o, T_max=p.epochs), losses)  # fmt: skip
    compare(trainer, made)


def warmed(optimiser, rest):
    """Torch's own pieces: two epochs at 1/3 and 2/3 of the rate, then the rest as if it had begun at once."""
    first = LambdaLR(optimiser, lambda epoch: (epoch + 1) / 3)
    return SequentialLR(optimiser, [first, rest], [2])


CASES = {
    "SGD without momentum, constant": (
        {"momentum": 0.0, "nesterov": False, "schedule": "constant"},
        lambda w, p: SGD(w, p.lr, weight_decay=p.weight_decay), lambda o: LambdaLR(o, lambda epoch: 1.0)),
    "SGD with heavy-ball momentum, cosine": (
        {"nesterov": False, "momentum": 0.8, "weight_decay": 0.01},
        lambda w, p: SGD(w, p.lr, momentum=0.8, weight_decay=0.01), lambda o: CosineAnnealingLR(o, 4)),
    "SGD with Nesterov, multistep": (
        {"schedule": "multistep", "milestones": (1, 3), "decay": 0.5},
        lambda w, p: SGD(w, p.lr, 0.9, nesterov=True, weight_decay=5e-4), lambda o: MultiStepLR(o, [1, 3], 0.5)),
    "AdamW, cosine": (
        {"optimizer": "adamw", "lr": 0.01, "momentum": 0.85, "weight_decay": 0.1},
        lambda w, p: AdamW(w, 0.01, (0.85, 0.999), weight_decay=0.1), lambda o: CosineAnnealingLR(o, 4)),
    "SGD, warm-up, constant": (
        {"schedule": "constant", "warmup": 2},
        lambda w, p: SGD(w, p.lr, 0.9, nesterov=True, weight_decay=5e-4),
        lambda o: warmed(o, LambdaLR(o, lambda epoch: 1.0))),
    "SGD, warm-up, multistep": (
        {"schedule": "multistep", "milestones": (3,), "warmup": 2},
        lambda w, p: SGD(w, p.lr, 0.9, nesterov=True, weight_decay=5e-4),
        lambda o: LambdaLR(o, [1 / 3, 2 / 3, 1, 0.1, 0.1].__getitem__)),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "optimiser", "scheduler"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_network_alone_is_torchs_own_loop(prepare, fields, optimiser, scheduler, smoothing):
    trainer = prepare([ALONE], SHAPE, label_smoothing=smoothing, crop=1, flip=True, **fields)
    made = networks(ALONE)
    loop(trainer, made, lambda w: optimiser(w, trainer.setting.protocol), scheduler,
         lambda logits, labels: [cross_entropy(logits[0], labels, label_smoothing=smoothing)])  # fmt: skip
    compare(trainer, made)


def test_normalised_images_reach_the_networks(prepare):
    """What `normalisation: channel` changes is the images, by the training images' mean and deviation."""
    trainer = prepare([ALONE], SHAPE, normalisation="channel")
    raw = prepare([ALONE], SHAPE).setting.split.train.images
    shown = next(trainer.batches.epoch(0))
    torch.testing.assert_close(shown.images, ((raw - raw.mean()) / raw.std())[shown.places])
