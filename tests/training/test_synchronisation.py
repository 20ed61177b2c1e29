"""Nothing waits for the device inside an epoch: a GPU's queue would run dry at every such place.

There is no GPU here, so the operations that make the host wait for values are caught where they are dispatched, and the
tensor methods that fetch values without a dispatch are caught by name.
"""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.training.test_packs import drawn

WAITING = {
    "aten::_local_scalar_dense", "aten::nonzero", "aten::nonzero_numpy", "aten::masked_select", "aten::equal",
    "aten::is_nonzero", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::repeat_interleave",
    "aten::bincount", "aten::argwhere",
}  # fmt: skip
"""Operations whose result, or whose result's shape, the host must know before it can go on."""

FETCHING = ("cpu", "tolist", "numpy", "item", "__bool__", "__int__", "__float__", "__index__")


class Waits(TorchDispatchMode):
    """Counts what would make the host wait. Indexing by a mask counts: its result's shape depends on values."""

    def __init__(self, monkeypatch) -> None:
        super().__init__()
        self.found: list[str] = []
        self.operations = 0
        for name in FETCHING:
            monkeypatch.setattr(torch.Tensor, name, self._caught(name, getattr(torch.Tensor, name)))

    def _caught(self, name, method):
        def fetch(tensor, *args, **kwargs):
            self.found.append(f"Tensor.{name}")
            return method(tensor, *args, **kwargs)

        return fetch

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split(".")[0]
        self.operations += 1
        if name in WAITING:
            self.found.append(name)
        if name in ("aten::index", "aten::index_put_") and any(
            i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1]
        ):
            self.found.append(f"{name} by a mask")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "fields",
    [
        {"crop": 1, "flip": True, "cutout": 2, "join": "mean", "temperature": 2.0, "label_smoothing": 0.1},
        {"optimizer": "adamw", "layouts": {"cnn2": "looped", "cnn3": "looped"}},
        {"models": ("mlp4", "mlp7"), "batch": 7, "last_batch": "keep"},
    ],
    ids=",".join,
)
def test_steps_and_validation_never_wait_for_the_device(prepare, monkeypatch, fields):
    fields = dict(fields)
    trainer = prepare(drawn(8, fields.pop("models", ("cnn2", "cnn3"))), **fields)
    batches = list(trainer.batches.epoch(0))
    with monkeypatch.context() as patched, Waits(patched) as waits:
        for k, batch in enumerate(batches, 1):
            trainer.step(batch, k)
        trainer.evaluate(trainer.setting.split.validation)
    assert waits.operations > 100
    assert waits.found == []


def test_an_epoch_is_read_once(prepare, monkeypatch):
    """Accuracies, node losses and edge losses: three fetches, whatever the number of graphs and steps."""
    found = []
    for count in (2, 8):
        run = prepare(drawn(count, ("mlp4", "mlp7")), epochs=2).run()
        next(run)
        with monkeypatch.context() as patched, Waits(patched) as waits:
            next(run)
        found.append(waits.found)
    assert found == [["Tensor.cpu"] * 3] * 2


@pytest.mark.parametrize("wait", [lambda t: t[t > 0], lambda t: float(t.sum()), lambda t: t.nonzero(), lambda t: bool(t[0])])
def test_the_hook_sees_a_wait(monkeypatch, wait):
    tensor = torch.ones(3)
    with monkeypatch.context() as patched, Waits(patched) as waits:
        wait(tensor)
    assert waits.found
