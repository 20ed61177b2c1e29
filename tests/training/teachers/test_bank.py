"""Pre-trained nodes: trained alone once, kept under a checksum, frozen in eval mode."""

from __future__ import annotations

import errno
import hashlib
import pickle
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from engine.errors import StoreError, TrainingError
from engine.space.files import resolved
from engine.space.graph import Graph, edges
from engine.store.teacher_files import with_teachers
from engine.training.data.batches import Batches
from engine.training.models.registry import build
from engine.training.seeds import seeded
from engine.training.teachers.bank import TeacherCache, skeleton
from engine.training.trainer import Setting
from tests.training.conftest import banked, drained

KD = Graph(("mlp3", "cnn2"), ("through", "through", "cutoff", "cutoff"))
SHAPE = (1, 6, 6)


@pytest.fixture
def setting(prepare) -> Setting:
    """Of random 6x6 images: 5 steps an epoch, 4 epochs."""
    return prepare([Graph(("mlp3",), ("through",))], SHAPE, precision="float32").setting


def state(found, place: int = 0) -> dict[str, torch.Tensor]:
    return {n: t.clone() for n, t in found.fleets[place].network(0).items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def the_file(folder: Path) -> Path:
    (path,) = folder.glob("*.safetensors")
    return path


# --- the cache


def test_a_second_search_loads_what_the_first_trained_to_the_bit(setting, tmp_path, monkeypatch):
    cache = TeacherCache(tmp_path / "made" / "when needed")
    trained = banked([("cnn2", 2)], setting, cache)

    def barred(*args):
        raise AssertionError("trained although it was kept")

    monkeypatch.setattr("engine.training.teachers.pretraining._train_pack", barred)
    loaded = banked([("cnn2", 2)], setting, cache)
    assert equal(state(trained), state(loaded))
    assert torch.equal(trained.train_logits, loaded.train_logits)
    assert torch.equal(trained.validation_logits, loaded.validation_logits)
    # Weights, checksum and the lock under which they were made; no temporary file left.
    assert sorted(p.suffix for p in cache.folder.iterdir()) == [".lock", ".safetensors", ".sum"]
    assert the_file(cache.folder).name.startswith("cnn2-")


def test_the_cache_changes_no_weight(setting, tmp_path):
    with_cache = banked([("cnn2", 2)], setting, TeacherCache(tmp_path))
    assert equal(state(with_cache), state(banked([("cnn2", 2)], setting, None)))


def test_buffers_are_kept_too(setting, tmp_path):
    cache = TeacherCache(tmp_path)
    banked([("cnn2", 2)], setting, cache)
    kept = cache.load(the_file(tmp_path), skeleton("cnn2", setting.split.train))
    assert kept is not None
    assert kept["bn1.num_batches_tracked"].item() == 20
    assert kept["bn1.running_mean"].abs().max() > 0


def test_nothing_kept_is_no_error(setting, tmp_path):
    assert TeacherCache(tmp_path).load(tmp_path / "none.safetensors", {}) is None


def test_what_teachers_do_not_depend_on_shares_a_file_and_all_else_does_not(setting, tmp_path):
    cache, p = TeacherCache(tmp_path), setting.protocol
    args = {"seed": 0, "repeat": 0, "model": "cnn2", "node": 2, "device": "cpu"}
    plain = cache.path(p, **args)
    def changed(**fields):
        return cache.path(msgspec.structs.replace(p, **fields), **args)

    free = {"repeats": 3, "chance": 5.0, "join": "mean", "temperature": 4.0, "initialisation": "shared",
            "teachers": {"mlp3": "0" * 32}, "processes": 2}
    assert {changed(**{name: value}) for name, value in free.items()} == {plain}
    felt = {"data": "mnist", "train": 41, "validation": 19, "split_seed": 1, "epochs": 5, "batch": 9, "last_batch": "drop",
            "optimizer": "adamw", "lr": 0.2, "momentum": 0.8, "nesterov": False, "weight_decay": 0.0, "schedule": "constant",
            "milestones": (1,), "decay": 0.2, "warmup": 1, "crop": 1, "flip": True, "cutout": 1, "normalisation": "channel",
            "label_smoothing": 0.1, "precision": "float64"}  # fmt: skip
    assert free.keys() | felt.keys() == set(p.__struct_fields__)
    others = {"seed": 1, "repeat": 1, "model": "cnn3", "node": 3, "device": "cuda"}
    paths = [changed(**{n: v}) for n, v in felt.items()] + [cache.path(p, **{**args, n: v}) for n, v in others.items()]
    assert len({plain, *paths}) == 1 + len(felt) + len(others)


def test_a_torchvision_models_file_has_a_plain_name(setting, tmp_path):
    path = TeacherCache(tmp_path).path(setting.protocol, 0, 0, "torchvision:resnet18", 2, "cpu")
    assert ":" not in path.name
    assert path.parent == tmp_path


@pytest.mark.parametrize("where", ["first byte", "middle", "last byte", "torn", "longer", "empty"])
def test_a_damaged_file_is_refused_in_one_line(setting, tmp_path, where):
    cache = TeacherCache(tmp_path)
    banked([("cnn2", 2)], setting, cache)
    path = the_file(tmp_path)
    blob = bytearray(path.read_bytes())
    places = {"first byte": 0, "middle": len(blob) // 2, "last byte": -1}
    if where in places:
        blob[places[where]] ^= 1
    path.write_bytes({"torn": blob[:-7], "longer": blob + b"x", "empty": b""}.get(where, blob))
    with pytest.raises(StoreError, match="do not match their checksum; delete it") as caught:
        banked([("cnn2", 2)], setting, cache)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe not text", b"0" * 128])
def test_a_missing_or_foreign_checksum_is_refused_in_one_line(setting, tmp_path, content):
    cache = TeacherCache(tmp_path)
    banked([("cnn2", 2)], setting, cache)
    beside = the_file(tmp_path).with_suffix(".sum")
    beside.unlink() if content is None else beside.write_bytes(content)
    with pytest.raises(StoreError, match="do not match their checksum; delete it") as caught:
        banked([("cnn2", 2)], setting, cache)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_safetensors_is_refused_in_one_line(setting, tmp_path):
    """Even one whose checksum is right, such as a pickle that somebody put there."""
    cache = TeacherCache(tmp_path)
    banked([("cnn2", 2)], setting, cache)
    path = the_file(tmp_path)
    path.write_bytes(pickle.dumps({"conv1.weight": [1.0]}))
    path.with_suffix(".sum").write_text(hashlib.blake2b(path.read_bytes()).hexdigest())
    with pytest.raises(StoreError, match="cannot be read") as caught:
        banked([("cnn2", 2)], setting, cache)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: {**s, "linear.weight": torch.zeros(10, 5)}, r"linear\.weight has shape \(10, 5\), the model needs \(10, 4\)"),
        (lambda s: {n: t for n, t in s.items() if n != "linear.bias"}, r"linear\.bias has shape nothing, the model needs"),
        (lambda s: {**s, "extra": torch.zeros(2)}, r"extra has shape \(2,\), the model needs nothing"),
    ],
    ids=["wrong shape", "missing", "unknown"],
)
def test_weights_of_another_shape_are_refused_in_one_line(setting, tmp_path, change, said):
    cache = TeacherCache(tmp_path)
    trained = state(banked([("cnn2", 2)], setting, cache))
    path = the_file(tmp_path)
    cache.save(path, change(trained))
    with pytest.raises(StoreError, match=said) as caught:
        banked([("cnn2", 2)], setting, cache)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


# --- the networks


def test_a_teacher_is_its_model_trained_alone_on_labels_by_an_ordinary_loop(prepare):
    setting = prepare([Graph(("mlp3",), ("through",))], SHAPE, join="mean", temperature=3.0, initialisation="shared").setting
    found = state(banked([("cnn2", 2)], setting, None))
    p, train = setting.protocol, setting.split.train
    with seeded("weights", 0, 0, "teacher cnn2 2", 1):
        network = build("cnn2", SHAPE, 10).double()
    chosen = torch.optim.SGD(network.parameters(), p.lr, p.momentum, nesterov=True, weight_decay=p.weight_decay)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(chosen, p.epochs)
    for epoch in range(p.epochs):
        for batch in Batches(train, p, 0, 0).epoch(epoch):
            chosen.zero_grad()
            cross_entropy(network(batch.images), batch.labels).backward()
            chosen.step()
        scheduler.step()
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-9)


def test_two_nodes_of_one_model_are_two_networks(setting):
    found = banked([("cnn2", 2), ("cnn2", 3)], setting, None)
    a, b = state(found, 0), state(found, 1)
    assert a.keys() == b.keys()
    assert all(not torch.equal(a[n], b[n]) for n in ("conv1.weight", "conv2.weight", "linear.weight", "bn1.running_mean"))


def test_another_seed_or_repeat_gives_another_network(setting):
    first = state(banked([("mlp3", 2)], setting, None))
    for other in (replace(setting, seed=1), replace(setting, repeat=1)):
        assert not equal(first, state(banked([("mlp3", 2)], other, None)))
    assert equal(first, state(banked([("mlp3", 2)], setting, None)))


def test_weights_do_not_depend_on_which_other_teachers_are_wanted(setting):
    alone = state(banked([("cnn2", 3)], setting, None))
    torch.manual_seed(5)
    among = banked([("mlp3", 2), ("cnn2", 2), ("cnn2", 3), ("cnn3", 2)], setting, None)
    assert equal(state(among, 2), alone)


def test_weights_do_not_depend_on_the_validation_images(setting):
    """They see the training split only (wall 1)."""
    first = state(banked([("cnn2", 2)], setting, None))
    validation = setting.split.validation
    blank = replace(validation, images=torch.zeros_like(validation.images), labels=validation.labels.flip(0))
    blind = replace(setting, split=replace(setting.split, validation=blank))
    assert equal(first, state(banked([("cnn2", 2)], blind, None)))


@pytest.mark.parametrize("augmented", [False, True])
def test_a_teacher_stays_as_it_was_while_a_pack_trains(prepare, augmented):
    """BatchNorm statistics included: the public code leaves them drifting in train mode."""
    trainer = prepare([KD, KD], SHAPE, crop=1 if augmented else 0, flip=augmented)
    teachers = trainer.setting.teachers
    before = state(teachers)
    for _ in trainer.run():
        pass
    assert not teachers.fleets[0].training
    assert equal(before, state(teachers))
    assert all(p.grad is None and not p.requires_grad for p in teachers.fleets[0].parameters())
    optimised = {id(p) for group in trainer.optimiser.param_groups for p in group["params"]}
    assert not optimised & {id(p) for p in teachers.fleets[0].parameters()}


@pytest.mark.parametrize("augmented", [False, True])
def test_what_a_teacher_says_is_its_eval_mode_answer_to_the_batch(prepare, augmented):
    trainer = prepare([KD], SHAPE, crop=1 if augmented else 0, flip=augmented)
    setting = trainer.setting
    teacher = build("cnn2", SHAPE, 10).double()
    teacher.load_state_dict(state(setting.teachers))
    teacher.eval()
    for batch in trainer.batches.epoch(1):
        found = setting.teachers.on_batch(batch, trainer.plan.used_teachers, trainer.batches.augments)
        torch.testing.assert_close(found[0], teacher(batch.images), rtol=0, atol=1e-12)
    validation = setting.split.validation.images
    torch.testing.assert_close(setting.teachers.on_validation(slice(3, 9))[0], teacher(validation[3:9]), rtol=0, atol=1e-12)


def test_a_teacher_that_diverges_fails_the_graphs_that_need_it_and_no_others(prepare):
    setting = prepare([Graph(("mlp3",), ("through",))], SHAPE, lr=1e200).setting
    found = banked([("mlp3", 2)], setting, None)
    assert found.fleets == (None,)
    reason = found.failure(Graph(("mlp3", "mlp3"), KD.gates))
    assert re.fullmatch(r"pre-trained node 2 \(mlp3\): diverged in epoch \d", reason)
    assert found.failure(Graph(("mlp3",), ("through",))) is None
    assert found.failure(Graph(("mlp3", "mlp3"), ("through",) * 4)) is None
    with pytest.raises(TrainingError, match=r"pre-trained node 2 \(mlp3\): diverged"):
        prepare([Graph(("mlp3", "mlp3"), KD.gates)], SHAPE, lr=1e200)


class Faulty(torch.nn.Module):
    """Trains until it is shown to be the faulty one: its forward pass raises what no list of exceptions would hold."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(36, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such layer")


def test_a_teacher_that_raises_leaves_the_others_of_its_pack_as_they_were(setting, tmp_path, monkeypatch):
    from engine.training.models import registry

    healthy = banked([("cnn2", 2), ("mlp3", 2)], setting, None)
    made = registry.FAMILIES["cnn"]
    monkeypatch.setitem(registry.FAMILIES, "cnn", lambda n, *rest: Faulty() if n == (3,) else made(n, *rest))
    cache = TeacherCache(tmp_path)
    found = banked([("cnn2", 2), ("cnn3", 2), ("mlp3", 2)], setting, cache)
    assert found.fleets[1] is None
    assert found.failures == {("cnn3", 2): "KeyError: 'no such layer'"}
    assert equal(state(found, 0), state(healthy, 0))
    assert equal(state(found, 2), state(healthy, 1))
    assert sorted(p.name.split("-")[0] for p in tmp_path.glob("*.safetensors")) == ["cnn2", "mlp3"]


def test_all_networks_of_a_fleet_are_kept_for_whoever_needs_them(setting, tmp_path, monkeypatch):
    """A search that needs node 2 alone trains node 3's as well, in one fleet: another search finds both."""
    first = banked([("cnn2", 2)], setting, TeacherCache(tmp_path), nodes=3)
    assert len([*tmp_path.glob("cnn2-*.safetensors")]) == 2
    monkeypatch.setattr("engine.training.teachers.pretraining._train_pack", None)
    both = banked([("cnn2", 2), ("cnn2", 3)], setting, TeacherCache(tmp_path), nodes=3)
    assert equal(state(first), state(both, 0))
    assert not equal(state(both, 0), state(both, 1))


def test_whoever_waits_for_another_process_trains_nothing_twice(setting, tmp_path, monkeypatch):
    from engine.training.teachers import pretraining

    cache = TeacherCache(tmp_path)
    path = pretraining._path(cache, "mlp3", 2, 2, setting)
    other = cache.lock(path)
    assert other is not None
    waiting = pretraining.bank([("mlp3", 2)], 2, setting, cache)
    assert next(waiting) is None  # it pauses instead of standing still
    trained = state(banked([("mlp3", 2)], setting, None))
    cache.save(path, trained)
    monkeypatch.setattr(pretraining, "_train_pack", None)
    other.release()
    assert equal(state(drained(waiting)), trained)


def test_without_kernel_locks_teachers_are_trained_all_the_same(setting, tmp_path, monkeypatch):
    def missing(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", missing)
    trained = state(banked([("mlp3", 2)], setting, TeacherCache(tmp_path)))
    monkeypatch.undo()
    assert equal(trained, state(banked([("mlp3", 2)], setting, None)))
    assert [p.suffix for p in sorted(tmp_path.iterdir())] == [".safetensors", ".sum"]


# --- weights that a person brings


def space_of(models, **protocol):
    fields = {"data": "digits", "train": 64, "validation": 16, "epochs": 1, "batch": 16, **protocol}
    return resolved.load({
        "name": "s", "nodes": 3, "models": models, "protocol": fields, "lineage": [{"name": "s"}],
        "gates": {str(edge): ["through", "cutoff"] for edge in edges(3)},
    })  # fmt: skip


def bring(folder: Path, name: str, model: str, shape=SHAPE, seed: int = 5) -> dict[str, torch.Tensor]:
    with seeded("brought", seed):
        weights = build(model, shape, 10).state_dict()
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / name)
    return weights


def test_weights_brought_are_named_in_the_protocol_and_used(setting, tmp_path):
    every, third = bring(tmp_path, "cnn2.safetensors", "cnn2"), bring(tmp_path, "cnn2@3.safetensors", "cnn2", seed=6)
    bring(tmp_path, "mlp9.safetensors", "mlp9")  # of a model that the space does not have
    space = with_teachers(space_of([["mlp3"], ["cnn2", "mlp3"], ["cnn2"]]), tmp_path)
    assert space.protocol.teachers.keys() == {"cnn2", "cnn2@3"}
    named = replace(setting, protocol=msgspec.structs.replace(setting.protocol, teachers=space.protocol.teachers))
    found = banked([("cnn2", 2), ("cnn2", 3), ("mlp3", 2)], named, TeacherCache(tmp_path))
    assert equal(state(found, 0), every)
    assert equal(state(found, 1), third)
    assert equal(state(found, 2), state(banked([("mlp3", 2)], setting, None, 3)))
    assert space.differs(space_of([["mlp3"], ["cnn2", "mlp3"], ["cnn2"]])) == ["protocol.teachers"]


def test_a_folder_without_weights_changes_no_protocol(tmp_path):
    space = space_of([["mlp3"], ["cnn2"], ["cnn2"]])
    for folder in (None, tmp_path, tmp_path / "not there yet"):
        assert with_teachers(space, folder) == space
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is not a folder"):
        with_teachers(space, tmp_path / "file")


def test_weights_brought_that_cannot_be_used_are_refused_in_one_line(setting, tmp_path):
    bring(tmp_path, "cnn2.safetensors", "cnn2")
    space = with_teachers(space_of([["mlp3"], ["cnn2"], ["cnn2"]]), tmp_path)
    named = replace(setting, protocol=msgspec.structs.replace(setting.protocol, teachers=space.protocol.teachers))

    def refused(said: str, setting: Setting) -> None:
        with pytest.raises(StoreError, match=said) as caught:
            banked([("cnn2", 2)], setting, TeacherCache(tmp_path))
        assert "\n" not in str(caught.value)
        assert str(tmp_path / "cnn2.safetensors") in str(caught.value)

    bring(tmp_path, "cnn2.safetensors", "cnn2", seed=7)
    refused("are not the ones the protocol names for cnn2: another checksum; restore the file", named)
    (tmp_path / "cnn2.safetensors").unlink()
    refused("are not there, but the protocol names them for cnn2; .*--teachers DIR", named)
    for write, said in (
        (lambda: bring(tmp_path, "cnn2.safetensors", "cnn2", (3, 6, 6)),
         r"conv1\.weight has shape \(2, 3, 3, 3\), the model needs \(2, 1, 3, 3\); bring weights of this very model"),
        (lambda: (tmp_path / "cnn2.safetensors").write_bytes(pickle.dumps({"a": 1})), "cannot be read"),
    ):  # fmt: skip
        write()
        teachers = with_teachers(space_of([["mlp3"], ["cnn2"], ["cnn2"]]), tmp_path).protocol.teachers
        refused(said, replace(setting, protocol=msgspec.structs.replace(setting.protocol, teachers=teachers)))
