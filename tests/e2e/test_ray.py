"""`engine.search --executor ray`: the same records, also when the driver is killed; Ray is named where it is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.search.__main__ import main
from engine.store.check import check
from engine.store.reader import RunReader
from tests.e2e.test_shards import records

COMMAND = ["digits/X", "--random", "24", "--set", "protocol.epochs=4", "--set", "protocol.train=64",
           "--set", "protocol.validation=32", "--threads", "1", "--pack", "4", "--no-compile"]  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_ray_the_extra_is_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*COMMAND, "--executor", "ray"]) == 2
    assert "pip install 'ktgtui[ray]'" in capsys.readouterr().err
    assert not (here / "runs" / "digits-X-random24" / "run.json").exists()


def test_an_address_is_for_ray(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--address", "auto"]) == 2
    assert "--address auto: only with --executor ray" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_records_are_a_local_run_s_also_when_the_driver_was_killed(here: Path) -> None:
    pytest.importorskip("ray")
    assert main([*COMMAND, "--workers", "1", "--run", "local"]) == 0
    command = [sys.executable, "-m", "engine.search", *COMMAND, "--executor", "ray", "--workers", "2", "--run", "spread"]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while done_in(Path("spread")) == 0:
        assert driver.poll() is None
        time.sleep(0.1)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    assert check(Path("spread")).is_whole
    assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
    assert records(Path("spread")) == records(Path("local"))


def done_in(folder: Path) -> int:
    if not (folder / "run.json").exists():
        return 0
    with RunReader(folder) as reader:
        reader.refresh()
        return len(reader.trials)
