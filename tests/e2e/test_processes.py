"""`--processes 2` and `accelerate launch`: one search, whose records are those of one process; process 0 alone writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.control import set_workers
from engine.store.reader import RunReader

HERE = Path(__file__).resolve().parents[2]
GRAPHS = """1:mlp16 2:mlp96 3:mlp96 | y>1 through, 2>1 linear, 3>1 through, y>2 through, 1>3 linear, y>3 through
1:mlp16 2:mlp96 3:mlp96 | y>1 linear, 2>1 through, 3>1 linear, y>2 through, 3>2 linear, y>3 through
"""
SEARCH = ["engine.search", "digits/X", "--graphs", "graphs.txt", "--set", "protocol.train=250",
          "--set", "protocol.precision=float64", "--pack", "1", "--threads", "1", "--workers", "1", "--json"]  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "graphs.txt").write_text(GRAPHS)
    return tmp_path


def start(home: Path, *command: str) -> subprocess.Popen[str]:
    paths = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))
    environment = {**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=home, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def searched(home: Path, run: str, *more: str, launcher: tuple[str, ...] = ()) -> dict[str, Any]:
    process = start(home, sys.executable, "-m", *launcher, *SEARCH, "--run", run, *more)
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err
    found: dict[str, Any] = json.loads(out)  # one object: the others said nothing
    return found


def accuracies(home: Path, run: str) -> dict[str, Any]:
    with RunReader(home / run) as reader:
        reader.refresh()
        return {t.id: (t.state, t.accuracy, t.best_accuracy, t.epochs) for t in reader.trainings.values()}


def test_two_processes_make_the_records_of_one(home: Path) -> None:
    short = ("--set", "protocol.epochs=3")
    searched(home, "one", *short)
    searched(home, "two", *short, "--processes", "2")
    launcher = ("accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
                "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m")  # fmt: skip
    searched(home, "launched", *short, launcher=launcher)
    assert len(accuracies(home, "one")) == 3  # and the reference
    assert accuracies(home, "one") == accuracies(home, "two") == accuracies(home, "launched")
    for run in ("two", "launched"):
        assert json.loads((home / run / "run.json").read_text())["space"]["protocol"]["processes"] == 2
        starts = [json.loads(line) for line in (home / run / "log.jsonl").read_text().splitlines() if '"start"' in line]
        assert len(starts) == 1


def test_a_process_that_is_killed_ends_the_search_in_one_line_and_the_command_goes_on(home: Path) -> None:
    long = ("--set", "protocol.epochs=400", "--processes", "2")
    process = start(home, sys.executable, "-m", *SEARCH, "--run", "x", *long)
    try:
        limit = time.monotonic() + 250
        while not _is_training(home / "x") and time.monotonic() < limit and process.poll() is None:
            time.sleep(0.05)
        assert not set_workers(home / "x", 3).done
        (other,) = [p for p in psutil.Process(process.pid).children() if "engine.executors.data_parallel.member" in p.cmdline()]
        other.send_signal(signal.SIGKILL)
        out, err = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode == 2, err
    last = err.strip().splitlines()[-1]
    assert last.startswith("error: a process of the group has ended: ")
    assert "Traceback" not in err
    assert out == ""
    assert not any(state == "failed" for state, *_ in accuracies(home, "x").values())
    done = start(home, sys.executable, "-m", *SEARCH, "--run", "x", *long, "--limit", "1")
    out, err = done.communicate(timeout=280)
    assert done.returncode == 0, err
    assert json.loads(out)["outcomes"]["failed"] == 0


def _is_training(folder: Path) -> bool:
    try:
        packs = json.loads((folder / "status.json").read_text())["packs"]
    except (OSError, ValueError):
        return False
    return bool(packs) and packs[0]["epoch"] > 1
