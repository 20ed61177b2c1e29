"""A search in shards, by the command line and by the batch script, is the search as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.search.__main__ import main as search
from engine.store.__main__ import main as store
from engine.store.reader import RunReader
from engine.store.records import Curve, Training, Trial

SCRIPT = Path(__file__).parents[2] / "docs" / "slurm" / "search.sbatch"
COMMAND = ["digits/A", "--random", "40", "--set", "protocol.epochs=2", "--set", "protocol.train=64",
           "--set", "protocol.validation=32", "--workers", "1", "--threads", "1", "--pack", "4"]  # fmt: skip


def records(folder: Path) -> tuple[list[Trial], dict[str, Training], dict[str, Curve | None]]:
    """What was measured, without who trained it and when."""
    with RunReader(folder) as reader:
        reader.refresh()
        trainings = {
            i: msgspec.structs.replace(t, pack=0, wall=0.0, worker="") for i, t in sorted(reader.trainings.items())
        }
        return reader.trials, trainings, {i: reader.curve(i) for i in trainings}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_shards_merged_are_the_whole(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search([*COMMAND, "--run", "whole"]) == 0
    for part in ("1/3", "2/3", "3/3"):
        assert search([*COMMAND, "--shard", part]) == 0
    parts = [f"runs/digits-A-random40-shard{part}of3" for part in (1, 2, 3)]
    assert store(["merge", "merged", *parts]) == 0
    assert "40 of 40 trials" in capsys.readouterr().out
    assert records(Path("merged")) == records(Path("whole"))
    # The merged folder is the whole search's: the same command without the shard has nothing left to do.
    assert search([*COMMAND, "--run", "merged"]) == 0
    assert "is finished: nothing is left to do" in capsys.readouterr().err


def test_a_shard_s_folder_is_not_another_shard_s(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search([*COMMAND, "--shard", "1/3", "--run", "part", "--limit", "4"]) == 0
    assert search([*COMMAND, "--shard", "2/3", "--run", "part"]) == 2
    assert "strategy.shard" in capsys.readouterr().err
    assert search([*COMMAND, "--shard", "0/3"]) == 2
    assert "--shard 0/3" in capsys.readouterr().err


@pytest.mark.slow
def test_the_batch_script_runs_a_shard_a_task(here: Path) -> None:
    env = os.environ | {"SLURM_ARRAY_TASK_COUNT": "2", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for task in ("1", "2", "2"):  # the second one is put back into the queue and finds its work done
        done = subprocess.run(
            ["bash", str(SCRIPT), *COMMAND], env=env | {"SLURM_ARRAY_TASK_ID": task}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert store(["merge", "merged", *map(str, sorted(Path("runs").glob("*-shard*of2")))]) == 0
    with RunReader(Path("merged")) as reader:
        reader.refresh()
        assert len(reader.trials) == 40
