"""Nothing holds on to a pack (over a hundred packs: tests/executors/test_memory.py)."""

from __future__ import annotations

import gc
import weakref

from tests.training.test_packs import drawn, finish


def test_nobody_keeps_a_pack_that_is_trained(prepare):
    trainer = finish(prepare(drawn(4, ("mlp4", "mlp7")), epochs=1))
    kept = [weakref.ref(o) for o in (trainer.module, trainer.optimiser.optimizer, next(trainer.module.parameters()))]
    del trainer
    gc.collect()
    assert [ref() for ref in kept] == [None] * 3
