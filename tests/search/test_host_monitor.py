"""Readings of the machine, and the warning before the disk is full."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from engine.control.server import Desk
from engine.formatting import data_size
from engine.search.host_monitor import SPARE, Host, gpu_reader, low_space
from engine.search.progress_line import Line
from engine.store.files.host_readings import EVERY, Gpu, ReadingFile, read_readings
from engine.store.files.status import Status
from engine.store.folder import CURVES, INFO, TRIALS
from tests.search.test_loop import A, created, random, search_on


def test_readings_are_taken_once_a_while_and_only_into_a_run(tmp_path: Path) -> None:
    clock = SimpleNamespace(now=100.0)
    host = Host(tmp_path, Desk(tmp_path), lambda: clock.now)
    host.look()
    assert not any(tmp_path.iterdir()), "there is no run yet"
    (tmp_path / INFO).write_text("{}")
    for now, count in ((101.0, 1), (102.0, 1), (101.0 + EVERY, 2)):
        clock.now = now
        host.look()
        assert len(read_readings(tmp_path)) == count
    [_, reading] = read_readings(tmp_path)
    assert 0 < reading.used < reading.memory == psutil.virtual_memory().total
    assert 0 < reading.search <= reading.memory
    assert 0 <= reading.cpu <= 100
    assert reading.free > 0
    assert len(read_readings(tmp_path, last=1)) == 1


def test_readings_that_are_cut_off_are_passed_over(tmp_path: Path) -> None:
    assert read_readings(tmp_path) == []
    (tmp_path / INFO).write_text("{}")
    host = Host(tmp_path, Desk(tmp_path))
    ReadingFile(tmp_path).add(host.read())
    with (tmp_path / "host.jsonl").open("ab") as file:
        file.write(b'{"time": "2026-')
    assert len(read_readings(tmp_path)) == 1


class NvmlError(Exception):
    pass


def fake_nvml(*temperatures: int | None, works: bool = True) -> SimpleNamespace:
    """nvidia-ml-py as far as it is used, of GPUs with these temperatures; None: one that does not answer."""

    def init() -> None:
        if not works:
            raise NvmlError

    def temperature(place: int, sensor: int) -> int:
        if (found := temperatures[place]) is None:
            raise NvmlError
        return found

    return SimpleNamespace(
        NVMLError=NvmlError, NVML_TEMPERATURE_GPU=0, nvmlInit=init, nvmlDeviceGetCount=lambda: len(temperatures),
        nvmlDeviceGetHandleByIndex=lambda place: place, nvmlDeviceGetName=lambda place: f"GPU {place}",
        nvmlDeviceGetMemoryInfo=lambda place: SimpleNamespace(used=5, total=80),
        nvmlDeviceGetUtilizationRates=lambda place: SimpleNamespace(gpu=97), nvmlDeviceGetTemperature=temperature,
    )  # fmt: skip


def test_gpus_are_read_where_there_are_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(61, None, 70))
    found = gpu_reader()()
    assert [g.name for g in found] == ["GPU 0", "GPU 2"], "one that does not answer does not hide the others"
    assert found[0] == Gpu(name="GPU 0", use=97.0, used=5, memory=80, temperature=61.0)
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(61, works=False))
    assert gpu_reader()() == ()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_reader()() == ()


@pytest.mark.parametrize(("free", "warned"), [(SPARE + 11_999_999, True), (SPARE + 12_000_000, False)])
def test_the_disk_is_warned_of_by_what_the_trials_left_will_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, warned: bool
) -> None:
    """100 trials took 1 MB; 1,000 are left: 10 MB, and a fifth more."""
    (tmp_path / TRIALS).write_bytes(b"." * 400_000)
    (tmp_path / CURVES).write_bytes(b"." * 600_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    found = low_space(tmp_path, 100, 1100)
    assert found == ("the disk may fill up: 28.8 MB free, 1,000 trials left want 28.8 MB" if warned else None)
    assert low_space(tmp_path, 0, 1100) is None, "nothing is known yet"
    assert low_space(tmp_path, 1100, 1100) is None


def test_a_warning_is_in_the_status_the_log_and_on_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strategy = random(A, 60, 3)
    with created(tmp_path / "run", strategy) as run, Line(run.info) as line:
        search = search_on(run, strategy)
        search.desk.warning = "the disk may fill up"
        for event in search.events():
            line.show(event)
        assert search.desk.show(Status(phase="training")).message == "the disk may fill up"
        log = (run.folder / "log.jsonl").read_text()
    assert log.count('"warning","message":"the disk may fill up"') == 1
    assert capsys.readouterr().err.count("warning: the disk may fill up") == 1


@pytest.mark.parametrize(("size", "words"), [(12, "12 B"), (1_234_567, "1.23 MB"), (5e12, "5 TB"), (5.25e15, "5,250 TB")])
def test_sizes_are_told_data_size(size: float, words: str) -> None:
    assert data_size(size) == words
