"""SIGTERM within an epoch that takes minutes: the search ends in time, and goes on from the last checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine.store.files.checkpoints import Checkpoints
from engine.store.reader import RunReader

HERE = Path(__file__).resolve().parents[2]
EPOCHS, STEPS = 3, 20

MODULE = '''
import ctypes
import os
import signal
import time
from glob import glob

from torch import nn


class Slow(nn.Module):
    """Linear; steps after the first checkpoint take `EACH` seconds, asleep or (`NATIVE`) where no signal reaches."""

    def __init__(self, shape, classes):
        super().__init__()
        self.linear = nn.Linear(64, classes)

    def forward(self, x):
        each = float(os.environ.get("EACH", "0"))
        if self.training:
            with open(os.environ["DONE"], "a") as done:
                done.write(".")
        if self.training and each and glob("run/checkpoints/*"):
            if "NATIVE" in os.environ:
                signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
                ctypes.CDLL(None).poll(None, 0, int(1000 * each))
            else:
                time.sleep(each)
        return self.linear(x.flatten(1))
'''

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    info = tmp_path / "slow-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[engine.models]\nslow = slow:Slow\n")
    (tmp_path / "slow.py").write_text(MODULE)
    protocol = {"data": "digits", "train": 8 * STEPS, "validation": 16, "batch": 8, "epochs": EPOCHS}
    gates = {"L[y,*]": ["through", "linear"], "L[2,1]": ["through", "linear"], "L[1,2]": "cutoff"}
    space = {"name": "s", "nodes": 2, "models": {"*": "slow"}, "gates": gates, "protocol": protocol}
    (tmp_path / "s.json").write_text(json.dumps(space))
    return tmp_path


def search(home: Path, workers: str, done: str, **more: str) -> subprocess.Popen[str]:
    paths = [str(home), str(HERE), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "CUDA_VISIBLE_DEVICES": "",
                   "DONE": str(home / done), **more}
    command = [sys.executable, "-m", "engine.search", "s.json", "--random", "4", "--run", "run",
               "--workers", workers, "--threads", "1", "--pack", "8", "--no-compile", "--checkpoint-every", "0"]
    return subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("workers", "slow"),
    [("1", {"EACH": "0.5"}), ("2", {"EACH": "0.5"}), ("1", {"EACH": "600"}), ("2", {"EACH": "600"}),
     ("1", {"EACH": "600", "NATIVE": "1"}), ("2", {"EACH": "600", "NATIVE": "1"})],
    ids=lambda value: value if isinstance(value, str) else ",".join(value) + value["EACH"],
)  # fmt: skip
def test_it_ends_in_time_and_keeps_its_last_checkpoint(home: Path, workers: str, slow: dict[str, str]) -> None:
    process = search(home, workers, "first", **slow)
    kept = Checkpoints(home / "run" / "checkpoints")
    try:
        limit = time.monotonic() + 90
        while not kept.epochs() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
        assert kept.epochs(), process.communicate(timeout=1)
        below = psutil.Process(process.pid).children(recursive=True)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    took = time.monotonic() - began
    print(f"{took:.1f} s")
    assert process.returncode == 143, err
    assert took < 20
    assert "Traceback" not in err
    assert not psutil.wait_procs(below, timeout=3)[1]
    assert {tuple(epochs) for epochs in kept.epochs().values()} == {(1,)}
    again = search(home, workers, "second")
    _, err = again.communicate(timeout=150)
    assert again.returncode == 0, err
    assert len((home / "second").read_text()) == (EPOCHS - 1) * STEPS, "the first epoch is not trained again"
    with RunReader(home / "run") as reader:
        reader.refresh()
        assert len(reader.trials) == 4
