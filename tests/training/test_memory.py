"""A search of many packs takes no more memory than one of few."""

from __future__ import annotations

import gc
import weakref

import psutil
import pytest

from tests.training.test_packs import drawn, finish


def test_nobody_keeps_a_pack_that_is_trained(prepare):
    trainer = finish(prepare(drawn(4, ("mlp4", "mlp7")), epochs=1))
    kept = [weakref.ref(o) for o in (trainer.module, trainer.optimiser.optimizer, next(trainer.module.parameters()))]
    del trainer
    gc.collect()
    assert [ref() for ref in kept] == [None] * 3


@pytest.mark.slow
@pytest.mark.parametrize(("models", "shape"), [(("mlp64", "mlp96"), (1, 8, 8)), (("cnn4", "cnn8"), (1, 8, 8))])
def test_memory_does_not_drift_over_a_hundred_packs(prepare, models, shape):
    """Of the process, from the tenth pack to the hundredth, less than 5 %; a pack's weights alone are 1 % of it."""
    graphs = drawn(16, models)
    process, sizes = psutil.Process(), []
    for number in range(100):
        finish(prepare(graphs, shape, epochs=1, seed=number, precision="float32"))
        sizes.append(process.memory_info().rss)
    assert sizes[-1] < 1.05 * sizes[9]
    assert max(sizes[10:]) < 1.05 * max(sizes[:10])
