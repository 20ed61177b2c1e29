"""The local executor: what a pack does when one of its graphs raises or diverges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor, nn

from engine.errors import TrainingError
from engine.executors.interface import EpochDone, PackDone, PackJob
from engine.executors.local import LocalExecutor
from engine.packing.packs import shape_for
from engine.space.graph import Graph
from engine.space.protocol import Protocol, resolve
from engine.store.records import Curve, State, Training
from engine.training import trainer
from engine.training.calibration.mode import Mode
from engine.training.data.splits import training_part
from engine.training.models.registry import build
from engine.training.seeds import derive

GRAPHS = [
    Graph.parse(text)
    for text in (
        "1:mlp12 2:mlp12 | y>1 through, 2>1 linear, y>2 through",
        "1:mlp12 2:mlp12 | y>1 through, 2>1 through, y>2 through, 1>2 linear",
        "1:mlp12 2:mlp12 | 2>1 through, y>2 linear",
        "1:mlp12 | y>1 through",
    )
]
TEXTS = tuple(map(str, GRAPHS))

Record = tuple[Training, Curve | None]
Records = dict[str, Record]


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return resolve({"data": "digits", "train": 48, "validation": 40, "epochs": 3, "batch": 16})


@pytest.fixture(scope="module")
def executor(protocol: Protocol) -> LocalExecutor:
    part = training_part("digits", Path())
    mode = Mode(pack=4, layouts={"mlp12": "looped"})
    return LocalExecutor(protocol, part, shape_for(GRAPHS, 4, 2), mode, 0, None)


def done(executor: LocalExecutor, texts: Sequence[str], number: int = 0, repeat: int = 0) -> Records:
    """A pack's records by graph, without what depends on the clock and the pack."""
    events = list(executor.run([PackJob(number, tuple(texts), repeat)]))
    assert [type(e) for e in events].count(PackDone) == 1
    last = events[-1]
    assert isinstance(last, PackDone)
    assert (last.pack, [t.graph for t in last.trainings]) == (number, list(texts)), "one training a graph, in their order"
    assert all(t.pack == number for t in last.trainings)
    curves = {c.id: c for c in last.curves}
    return {t.graph: (msgspec.structs.replace(t, wall=0, pack=0), curves.get(t.id)) for t in last.trainings}


@pytest.fixture(scope="module")
def undisturbed(executor: LocalExecutor) -> Records:
    found = done(executor, TEXTS)
    assert {t.state for t, _ in found.values()} == {State.DONE}
    return found


def seed_of(graph: Graph, node: int = 1, repeat: int = 0) -> int:
    """What torch's generator is seeded with while that network is made (search seed 0)."""
    return derive("weights", 0, repeat, graph.key, node)


Poison = Callable[[Graph, Callable[[nn.Module], nn.Module]], None]


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Poison:
    """Replace the target network of one graph, whatever pack it rides in, by what a function makes of it."""

    def arrange(graph: Graph, change: Callable[[nn.Module], nn.Module]) -> None:
        def made(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
            network = build(name, shape, classes)
            return change(network) if torch.initial_seed() == seed_of(graph) else network

        monkeypatch.setattr(trainer, "build", made)

    return arrange


class Counted(nn.Module):
    """A network that counts its training steps; one that is `guilty` raises at the fifth of nine: in the second epoch."""

    def __init__(self, inner: nn.Module, guilty: bool) -> None:
        super().__init__()
        self.inner, self.steps = inner, 0
        self.register_buffer("guilty", torch.tensor(guilty))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.get_buffer("guilty"):
            self.steps += 1
            if self.steps == 5:
                raise RuntimeError("too much\nof a good thing")
        out: Tensor = self.inner(x)
        return out


def raises(network: nn.Module) -> nn.Module:
    raise RuntimeError("too much\nof a good thing")


def not_a_number(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        next(network.parameters())[0, 0] = float("nan")
    return network


@pytest.mark.parametrize("place", range(4))
def test_a_graph_that_raises_fails_alone(
    executor: LocalExecutor, undisturbed: Records, poison: Poison, place: int
) -> None:
    guilty = GRAPHS[place]
    poison(guilty, raises)
    found = done(executor, TEXTS)
    training, curve = found.pop(str(guilty))
    assert (training.state, training.epochs, curve) == (State.FAILED, 0, None)
    assert training.accuracy == (None,) * guilty.nodes
    assert training.reason == "RuntimeError: too much"
    assert training.traceback is not None
    assert "in raises" in training.traceback
    assert found == {text: undisturbed[text] for text in found}, "equal to the bit"


def test_a_graph_that_raises_in_the_middle_fails_alone(executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have trained an epoch beside it, and are trained anew from their first weights."""
    guilty = GRAPHS[2]

    def training(*seeds: int) -> Records:
        def made(name: str, shape: tuple[int, int, int], classes: int) -> nn.Module:
            return Counted(build(name, shape, classes), torch.initial_seed() in seeds)

        monkeypatch.setattr(trainer, "build", made)
        return done(executor, TEXTS)

    undisturbed, found = training(), training(seed_of(guilty))
    failed, _ = found.pop(str(guilty))
    assert (failed.state, failed.reason) == (State.FAILED, "RuntimeError: too much")
    assert found == {text: undisturbed[text] for text in found}, "equal to the bit"


def test_a_failed_graph_of_one_pack_leaves_the_next_alone(executor: LocalExecutor, poison: Poison) -> None:
    poison(GRAPHS[0], raises)
    jobs = [PackJob(0, TEXTS[:2], 0), PackJob(1, TEXTS[2:], 0)]
    packs = [e for e in executor.run(jobs) if isinstance(e, PackDone)]
    assert [[t.state for t in p.trainings] for p in packs] == [[State.FAILED, State.DONE], [State.DONE, State.DONE]]


def test_a_graph_whose_loss_is_no_number_diverges_alone(executor: LocalExecutor, undisturbed: Records, poison: Poison) -> None:
    guilty = GRAPHS[1]
    poison(guilty, not_a_number)
    found = done(executor, TEXTS)
    training, curve = found.pop(str(guilty))
    assert (training.state, training.epochs, training.reason) == (State.DIVERGED, 1, "loss not finite in epoch 1")
    assert curve is not None
    assert curve.loss[0][0] is None
    assert found == {text: undisturbed[text] for text in found}, "equal to the bit"


def test_records_depend_on_neither_pack_nor_order(executor: LocalExecutor, undisturbed: Records) -> None:
    assert done(executor, TEXTS[::-1], 3) == undisturbed
    assert {text: done(executor, [text])[text] for text in TEXTS} == undisturbed


def test_each_repeat_has_its_own_results(executor: LocalExecutor, undisturbed: Records) -> None:
    second = done(executor, TEXTS, repeat=1)
    assert all(second[text][0].losses != undisturbed[text][0].losses for text in TEXTS)
    assert done(executor, TEXTS) == undisturbed, "and the first repeat is as it was"


def test_epochs_are_told_as_they_end(executor: LocalExecutor) -> None:
    events = executor.run([PackJob(7, TEXTS, 0)])
    told = [next(events) for _ in range(3)]
    assert [(e.pack, e.graphs, e.epoch, e.epochs) for e in told if isinstance(e, EpochDone)] == [
        (7, 4, epoch, 3) for epoch in (1, 2, 3)
    ]
    assert isinstance(next(events), PackDone)


def test_what_is_wrong_for_all_graphs_ends_the_search(executor: LocalExecutor, poison: Poison) -> None:
    def refuse(network: nn.Module) -> nn.Module:
        raise TrainingError("model 'mlp12': not for this data set")

    poison(GRAPHS[0], refuse)
    with pytest.raises(TrainingError, match="not for this data set"):
        list(executor.run([PackJob(0, TEXTS, 0)]))


def test_ctrl_c_is_no_result(executor: LocalExecutor, poison: Poison) -> None:
    def press(network: nn.Module) -> nn.Module:
        raise KeyboardInterrupt

    poison(GRAPHS[0], press)
    with pytest.raises(KeyboardInterrupt):
        list(executor.run([PackJob(0, TEXTS, 0)]))


def test_a_teacher_that_cannot_be_trained_fails_only_the_graphs_that_need_it(protocol: Protocol, monkeypatch) -> None:
    from engine.training.models import registry

    class Faulty(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            raise LookupError("the teacher's own mistake")

    monkeypatch.setitem(registry.FAMILIES, "cnn", lambda n, shape, classes: Faulty())
    taught = Graph.parse("1:mlp12 2:cnn3 | y>1 through, 2>1 through")
    graphs = [GRAPHS[3], taught, GRAPHS[0]]
    part = training_part("digits", Path())
    executor = LocalExecutor(protocol, part, shape_for(graphs, 3, 2), Mode(pack=3), 0, None)
    found = done(executor, [str(g) for g in graphs])
    assert [t.state for t, _ in found.values()] == [State.DONE, State.FAILED, State.DONE]
    record, curve = found[str(taught)]
    assert record.reason == "pre-trained node 2 (cnn3): LookupError: the teacher's own mistake"
    assert record.traceback is None
    assert curve is None
