"""A pack trains each graph as if it were alone, and as an ordinary PyTorch loop would."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from engine.packing.packs import PackShape, shape_for
from engine.space.graph import Graph
from engine.training.models.registry import build
from engine.training.seeds import seeded

THROUGH, CUTOFF, LINEAR, CORRECT = "through", "cutoff", "linear", "correct"
GATES = (THROUGH, CUTOFF, LINEAR, CORRECT, "negative-linear")
DML = (THROUGH,) * 9


def drawn(count: int, models: tuple[str, str], seed: int = 0) -> list[Graph]:
    """Effective graphs at random, the first ones with frozen nodes."""
    draw = torch.Generator().manual_seed(seed)
    pick = lambda options: options[int(torch.randint(len(options), (1,), generator=draw))]  # noqa: E731
    small, large = models
    found = [
        Graph((small, large), (THROUGH, THROUGH, CUTOFF, CUTOFF)),
        Graph((small, large, small), (LINEAR, CORRECT, THROUGH, CUTOFF, CUTOFF, CUTOFF, THROUGH, CUTOFF, LINEAR)),
        Graph((small, large, large), (THROUGH, LINEAR, LINEAR, *(CUTOFF,) * 6)),
    ]
    while len(found) < count:
        graph = Graph((small, pick(models), pick(models)), tuple(pick(GATES) for _ in range(9))).effective().graph
        if graph and graph not in found:
            found.append(graph)
    return found[:count]


def weights(trainer, graph: int) -> dict[tuple[int, str], torch.Tensor]:
    """Parameters and buffers of each trained node of one graph of a pack."""
    out = {}
    fleets = dict(zip(trainer.module.models, trainer.module.fleets, strict=True))
    for (place, node), home in trainer.plan.homes.items():
        if place == graph:
            for name, tensor in fleets[home.model].network(home.row).items():
                out[node, name] = tensor.detach().clone()
    return out


def finish(trainer):
    for _ in trainer.run():
        pass
    return trainer


MIXED = ("mlp4", "cnn2")
"""Two architectures in one graph, frozen ones among them."""

SMALL_NETWORKS = [
    (("mlp4", "mlp7"), (1, 6, 6)), (MIXED, (1, 6, 6)),
    (("cnn2", "cnn3"), (1, 6, 6)), (("resnet8", "wrn10-1"), (3, 8, 8)),
]  # fmt: skip
VARIANTS = [
    {},
    {"layouts": "looped"},
    {"optimizer": "adamw", "lr": 0.01, "momentum": 0.9},
    {"crop": 1, "flip": True, "cutout": 2},
    {"join": "mean", "temperature": 2.0, "label_smoothing": 0.1},
    {"schedule": "multistep", "milestones": (1, 3), "warmup": 2, "nesterov": False},
    {"batch": 7, "last_batch": "keep"},
    {"batch": 7, "last_batch": "drop", "initialisation": "shared"},
    {"normalisation": "channel", "schedule": "constant"},
]


def cases():
    """Perceptrons in every variant, convolutions and mixed graphs in some; the rest takes minutes."""
    for models, shape in SMALL_NETWORKS:
        for place, variant in enumerate(VARIANTS):
            quick = place in {"mlp7": range(9), "cnn2": (0, 3, 4), "cnn3": (0, 3), "wrn10-1": ()}[models[1]]
            name = f"{models[0]}+{models[1]}-{','.join(variant) or 'plain'}"
            yield pytest.param(models, shape, variant, id=name, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize(("models", "shape", "variant"), cases())
def test_a_pack_of_sixteen_equals_sixteen_packs_of_one(prepare, models, shape, variant):
    variant = dict(variant)
    if "layouts" in variant:
        variant["layouts"] = dict.fromkeys(models, "looped")
    graphs = drawn(16, models)
    together = finish(prepare(graphs, shape, **variant))
    for i in range(0, 16, 3):
        alone = finish(prepare([graphs[i]], shape, **variant))
        expected = weights(alone, 0)
        found = weights(together, i)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-9, msg=f"graph {i}, {name}")
        nodes = graphs[i].nodes
        for a, b in zip(together.reports, alone.reports, strict=True):
            torch.testing.assert_close(a.accuracy[i, :nodes], b.accuracy[0, :nodes], rtol=0, atol=0)
            torch.testing.assert_close(
                a.edges[i, :nodes, : nodes + 1], b.edges[0, :nodes, : nodes + 1], rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize(("models", "shape"), SMALL_NETWORKS[2:], ids=lambda v: str(v[0]))
def test_both_layouts_give_the_same_numbers(prepare, models, shape):
    graphs = drawn(4, models)
    stacked = finish(prepare(graphs, shape, epochs=2))
    looped = finish(prepare(graphs, shape, epochs=2, layouts=dict.fromkeys(models, "looped")))
    for i in range(4):
        for name, tensor in weights(stacked, i).items():
            torch.testing.assert_close(weights(looped, i)[name], tensor, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("model", "shape"), [("mlp5", (1, 6, 6)), ("cnn2", (1, 6, 6)), ("resnet8", (3, 8, 8))])
def test_three_models_in_an_ordinary_loop_give_the_same_numbers(prepare, model, shape):
    """Three models, three optimisers, no vmap: DML of three nodes with losses summed, then one with a linear gate."""
    for gates in (DML, (THROUGH, LINEAR, THROUGH, CUTOFF, THROUGH, LINEAR, THROUGH, CUTOFF, THROUGH)):
        graph = Graph((model,) * 3, gates).effective().graph
        trainer = prepare([graph], shape)
        p, train = trainer.setting.protocol, trainer.setting.split.train
        networks = []
        for node in (1, 2, 3):
            with seeded("weights", 0, 0, graph.key, node):
                networks.append(build(model, shape, 10).double())
        how = {"lr": p.lr, "momentum": p.momentum, "nesterov": True, "weight_decay": p.weight_decay}
        optimisers = [torch.optim.SGD(n.parameters(), **how) for n in networks]
        schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(o, p.epochs) for o in optimisers]
        k, k_end = 0, p.epochs * p.steps_an_epoch()
        for epoch in range(p.epochs):
            for batch in trainer.batches.epoch(epoch):
                k += 1
                images, labels = train.images[batch.places], train.labels[batch.places]
                logits = [n(images) for n in networks]
                factor = {THROUGH: 1.0, CUTOFF: 0.0, LINEAR: k / k_end}
                for t in (1, 2, 3):
                    loss = factor[graph.gate(0, t)] * cross_entropy(logits[t - 1], labels)
                    for s in {1, 2, 3} - {t}:
                        told = logits[s - 1].detach().log_softmax(1)
                        own = logits[t - 1].log_softmax(1)
                        kl = kl_div(own, told, reduction="batchmean", log_target=True)
                        loss = loss + factor[graph.gate(s, t)] * kl
                    optimisers[t - 1].zero_grad()
                    loss.backward()
                for o in optimisers:
                    o.step()
            for s in schedulers:
                s.step()
        finish(trainer)
        found = weights(trainer, 0)
        for node, network in enumerate(networks, 1):
            for name, tensor in network.state_dict().items():
                torch.testing.assert_close(found[node, name], tensor, rtol=1e-9, atol=1e-9, msg=f"{node} {name}")


def test_only_the_label_to_the_target_is_training_that_network_alone(prepare):
    graph = Graph(("cnn2", "cnn3", "cnn2"), (THROUGH, *(CUTOFF,) * 8)).effective().graph
    assert graph.nodes == 1
    trainer = finish(prepare([graph], (1, 6, 6)))
    p, train = trainer.setting.protocol, trainer.setting.split.train
    with seeded("weights", 0, 0, graph.key, 1):
        network = build("cnn2", (1, 6, 6), 10).double()
    chosen = torch.optim.SGD(network.parameters(), p.lr, p.momentum, nesterov=True, weight_decay=p.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(chosen, p.epochs)
    for epoch in range(p.epochs):
        for batch in trainer.batches.epoch(epoch):
            chosen.zero_grad()
            cross_entropy(network(train.images[batch.places]), train.labels[batch.places]).backward()
            chosen.step()
        scheduler.step()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(weights(trainer, 0)[1, name], tensor, rtol=1e-9, atol=1e-9)


def test_kd_in_the_graph_is_hintons_loss(prepare):
    """Hinton et al. 2015: CE(student, y) + T^2 KL(teacher_T || student_T), the teacher fixed and in eval mode."""
    temperature = 3.0
    graph = Graph(("mlp4", "cnn3"), (THROUGH, THROUGH, CUTOFF, CUTOFF))
    trainer = prepare([graph], (1, 6, 6), temperature=temperature)
    p, train = trainer.setting.protocol, trainer.setting.split.train
    fleet = trainer.setting.teachers.fleets[0]
    teacher = build("cnn3", (1, 6, 6), 10).double()
    teacher.load_state_dict(fleet.network(0))
    before = {n: t.clone() for n, t in fleet.network(0).items()}
    teacher.eval()
    with seeded("weights", 0, 0, graph.key, 1):
        student = build("mlp4", (1, 6, 6), 10).double()
    chosen = torch.optim.SGD(student.parameters(), p.lr, p.momentum, nesterov=True, weight_decay=p.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(chosen, p.epochs)
    for epoch in range(p.epochs):
        for batch in trainer.batches.epoch(epoch):
            z = student(train.images[batch.places])
            q = (teacher(train.images[batch.places]).detach() / temperature).softmax(1)
            soft = (q * (q.log() - (z / temperature).log_softmax(1))).sum(1).mean() * temperature**2
            chosen.zero_grad()
            (cross_entropy(z, train.labels[batch.places]) + soft).backward()
            chosen.step()
        scheduler.step()
    finish(trainer)
    for name, tensor in student.state_dict().items():
        torch.testing.assert_close(weights(trainer, 0)[1, name], tensor, rtol=1e-9, atol=1e-9)
    for name, tensor in fleet.network(0).items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_records_are_equal_to_the_bit_whatever_the_neighbours_and_the_place(prepare):
    """float32, one shape: the same graph first, last, and among others."""
    graphs = drawn(24, ("mlp4", "mlp7"), seed=4)
    shape = shape_for(graphs, 8, 3)
    roomy = PackShape(8, 3, {m: n + 8 for m, n in shape.slots.items()}, shape.gates, shape.teachers)
    first = finish(prepare(graphs[:8], pack_shape=roomy, precision="float32"))
    mixed = finish(prepare([*graphs[10:14], graphs[5], graphs[2]], pack_shape=roomy, precision="float32"))
    alone = finish(prepare([graphs[5]], pack_shape=roomy, precision="float32"))
    for other, place in ((mixed, 4), (alone, 0)):
        for name, tensor in weights(first, 5).items():
            assert torch.equal(weights(other, place)[name], tensor)
        for a, b in zip(first.reports, other.reports, strict=True):
            assert torch.equal(a.losses[5], b.losses[place])
            assert torch.equal(a.accuracy[5], b.accuracy[place])


def test_a_graph_that_diverges_leaves_its_neighbours_alone(prepare):
    graphs = drawn(6, ("mlp4", "mlp7"), seed=2)
    calm = prepare(graphs)
    wild = prepare(graphs)
    fleets = dict(zip(wild.module.models, wild.module.fleets, strict=True))
    sick = next(p for p in wild.plan.places if p.graph == 3)
    with torch.no_grad():
        next(iter(fleets[sick.model].network(sick.row).values()))[:] = float("nan")
    finish(calm)
    finish(wild)
    assert not wild.reports[-1].losses[3].isfinite().all()
    for i in (0, 1, 2, 4, 5):
        for name, tensor in weights(calm, i).items():
            torch.testing.assert_close(weights(wild, i)[name], tensor, rtol=0, atol=0)


def test_dropout_does_not_depend_on_the_pack_either(prepare, monkeypatch):
    """A network that draws while it trains: pack against single, stacked against looped."""
    from engine.training.models import registry

    monkeypatch.setitem(
        registry.FAMILIES,
        "mlp",
        lambda n, shape, classes: torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(36, n[0]), torch.nn.Dropout(0.5), torch.nn.Linear(n[0], classes)
        ),
    )
    graphs = drawn(6, ("mlp4", "mlp7"))
    together = finish(prepare(graphs))
    looped = finish(prepare(graphs, layouts={"mlp4": "looped", "mlp7": "looped"}))
    for i in (1, 4):
        alone = finish(prepare([graphs[i]]))
        for name, tensor in weights(alone, 0).items():
            torch.testing.assert_close(weights(together, i)[name], tensor, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(weights(looped, i)[name], tensor, rtol=1e-9, atol=1e-9)
