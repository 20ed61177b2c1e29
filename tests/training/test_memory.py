"""Nothing holds on to a pack (over a hundred packs: tests/executors/test_memory.py)."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from tests.training.test_packs import drawn, finish


def test_nobody_keeps_a_pack_that_is_trained(prepare):
    trainer = finish(prepare(drawn(4, ("mlp4", "mlp7")), epochs=1))
    kept = [weakref.ref(o) for o in (trainer.module, trainer.optimiser.optimizer, next(trainer.module.parameters()))]
    del trainer
    gc.collect()
    assert [ref() for ref in kept] == [None] * 3


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from Linux's /proc")
@pytest.mark.parametrize("case", ["digits 64", "resnet8 on 8x8, 4"])
def test_a_pack_takes_about_what_is_estimated(case):
    """A process of its own; docs/performance.md has all cases."""
    script = Path(__file__).parents[2] / "benchmarks" / "memory.py"
    ended = subprocess.run([sys.executable, script, case, "--json"], check=True, capture_output=True, text=True)
    found = json.loads(ended.stdout)[case]
    assert 0.8 < found["estimated"] / found["taken"] < 1.6
