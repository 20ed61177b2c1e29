"""Memory does not grow with the number of packs trained."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import gc, sys
from pathlib import Path
import psutil
from engine.executors.local import LocalExecutor
from engine.executors.interface import PackJob
from engine.space.files.load import load
from engine.training.data.splits import training_part
from engine.training.calibration.mode import Mode
from engine.packing.packs import shape_for

space = load("digits/A").with_protocol({"train": 128, "validation": 64, "epochs": 1})
effective = (g.effective().graph for g in space.sample(1200, 0))
graphs = list(dict.fromkeys(g for g in effective if g is not None and g.is_taught))[:800]
shape = shape_for(graphs, 8, 3)
executor = LocalExecutor(space.protocol, training_part("digits", Path()), shape, Mode(pack=8), 0, None)
jobs = (PackJob(n, tuple(map(str, graphs[8 * n : 8 * n + 4])), 0) for n in range(100))
process, done = psutil.Process(), 0
for event in executor.run(jobs):
    if type(event).__name__ == "PackDone":
        done += 1
        if done in (10, 100):
            gc.collect()
            print(process.memory_info().rss)
"""


@pytest.mark.slow
def test_a_hundred_packs_take_no_more_memory_than_ten() -> None:
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    after_ten, after_hundred = map(int, done.stdout.split())
    print(f"{after_ten / 2**20:.1f} MB after 10 packs, {after_hundred / 2**20:.1f} after 100")
    assert after_hundred < 1.05 * after_ten
