"""Writers that are killed and readers that look on, each a process of its own."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.reader import RunReader
from engine.store.run import Run
from tests.store.records import curve, training, trial

WRITER = Path(__file__).with_name("writer.py")


def start_writer(folder: Path, count: int, *options: str) -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(WRITER), str(folder), str(count), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def kill_after(folder: Path, count: int, acknowledged: int, *options: str) -> list[int]:
    """Numbers a writer acknowledged before it was killed, which was at any moment after so many of them."""
    with start_writer(folder, count, *options) as writer:
        assert writer.stdout is not None
        lines = [line for _, line in zip(range(acknowledged), writer.stdout, strict=False)]
        writer.kill()
        return [int(line) for line in (*lines, *writer.stdout) if line.endswith("\n")]


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
@pytest.mark.parametrize("options", [(), ("compact",)])
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, kills: int, options: tuple[str]) -> None:
    folder = tmp_path / "x"
    chance = random.Random(kills)
    acknowledged: list[int] = []
    for _ in range(kills):
        acknowledged += kill_after(folder, 10_000, chance.randrange(1, 70), *options)
    with Run.open(folder) as run:
        assert len(set(acknowledged)) == len(acknowledged)
        count = len(run.trials())
        assert len(acknowledged) <= count <= len(acknowledged) + kills
        assert run.trials() == [trial(n) for n in range(count)]
        assert run.trainings() == {training(n).id: training(n) for n in range(count)}
        assert run.curves(run.trainings()) == {curve(n).id: curve(n) for n in range(count)}


def follow(folder: Path, count: int) -> int:
    """Follow a run to its end; each look must be whole: every trial with its training and its curve. Returns looks."""
    looks = 0
    with RunReader(folder) as reader:
        while not (update := reader.refresh()).finished:
            looks += 1
            for new in update.trials:
                assert new == trial(new.number)
                assert reader.trainings[new.training or ""] == training(new.number)
                assert reader.curve(new.training or "") == curve(new.number)
            assert not update.restarted
        assert reader.trials == [trial(n) for n in range(count)]
    return looks


@pytest.mark.parametrize(("readers", "count"), [
    (3, 150), pytest.param(8, 2000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_readers_follow_a_writer_that_compacts(tmp_path: Path, readers: int, count: int) -> None:
    """Threads stand for reader processes: each has its own files; the writer is a process."""
    folder = tmp_path / "x"
    with start_writer(folder, count, "compact") as writer, ThreadPoolExecutor(readers) as pool:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        looks = [pool.submit(follow, folder, count) for _ in range(readers)]
        writer.stdout.read()
        assert all(look.result() > 1 for look in looks)
    assert writer.returncode == 0


@pytest.mark.parametrize("use", [Run.open, lambda folder: Run.open(folder).compact()])
def test_a_writer_is_not_disturbed_by_a_second_one(tmp_path: Path, use: Callable[[Path], object]) -> None:
    folder = tmp_path / "x"
    with start_writer(folder, 100) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "0\n"
        with pytest.raises(StoreError, match=rf"{folder}: in use by process {writer.pid} on .* since 2"):
            use(folder)
        writer.stdout.read()
    assert writer.returncode == 0
    with Run.open(folder) as run:
        assert len(run.trials()) == 100
