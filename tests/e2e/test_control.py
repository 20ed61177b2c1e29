"""Steering real searches: detached, paused, stopped, by signals, from the first second on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine import control
from engine.control.client import kill_trial
from engine.store.lock.holder import read_holder
from engine.store.reader import RunReader
from engine.store.records import State
from tests.e2e.pty_program import PtyProgram
from tests.e2e.test_search import FIXED, KEPT, LONG, records, small

KEPT_BY = f"everything recorded is kept{KEPT.partition('everything recorded is kept')[2]}"
PATIENCE = 200.0

LONGER = (*LONG, "--set", "protocol.epochs=18")
"""Ten seconds of training: a signal comes in time on a busy machine too."""


def command(here: Path, *more: str) -> list[str]:
    return ["-m", "engine.search", small(here), "--exhaustive", *LONGER, *FIXED, "4", "--run", str(here / "run"), *more]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder; no search is left running in it."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    holder = read_holder(tmp_path / "run")
    if holder and psutil.pid_exists(holder.pid):
        psutil.Process(holder.pid).kill()


def until(what: object, seconds: float = PATIENCE) -> None:
    """Wait for a condition; it is looked at often."""
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def count(run: Path) -> int:
    if not (run / "run.json").exists():
        return 0
    with RunReader(run) as reader:
        reader.refresh()
        return len(reader.trials)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, timeout=250)


def whole(here: Path) -> object:
    """The records of an undisturbed run of the same search."""
    ended = python(*command(here)[:-1], str(here / "whole"))
    assert ended.returncode == 0, ended.stderr
    return records(here / "whole")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_detached_search_outlives_its_terminal_and_is_steered(here: Path) -> None:
    run = here / "run"
    with PtyProgram(command(here, "--detach"), cwd=here) as terminal:
        terminal.wait_for("control")
        assert terminal.leave() == 0
    holder = read_holder(run)
    assert holder is not None
    assert f"process {holder.pid}".encode() in terminal.output
    process = psutil.Process(holder.pid)
    assert process.terminal() is None
    assert os.getsid(holder.pid) == holder.pid
    os.kill(holder.pid, signal.SIGHUP)
    until(lambda: count(run) > 40)
    assert control.pause(run).done
    until(lambda: control.status(run).message == "paused")
    still = count(run)
    assert control.set_workers(run, 2).done
    with RunReader(run) as reader:
        reader.refresh()
        recorded = {t.key for t in reader.trials}
    victim = next(t for t in records_of_space(here) if t not in recorded)
    killed = kill_trial(run, victim)
    assert killed.done, killed.message
    assert count(run) > still
    assert control.resume(run).done
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    found, undisturbed = records(run), whole(here)
    stopped = {i for i, t in found[1].items() if t.state is State.STOPPED}
    assert len(stopped) == 1
    assert [t.number for t in found[0]] == list(range(72))
    assert [t for t in found[0] if t.training not in stopped] == [t for t in undisturbed[0] if t.training not in stopped]  # type: ignore[index]
    assert victim in {t.key for t in found[0] if t.state is State.STOPPED}
    assert "72/72" in (run / "output.log").read_text()
    assert not (run / "control").exists()


def records_of_space(here: Path) -> list[str]:
    """Keys of graphs that need training, the last ones first."""
    from engine.space.files.load import load

    graphs = [g for g in load(small(here)).enumerate() if g.is_valid and g.is_taught]
    return [g.key for g in reversed(graphs)]


def test_a_search_that_dies_at_once_is_told_by_who_started_it(here: Path) -> None:
    arguments = ["-m", "engine.search", "X", "--random", "3", *FIXED, "3", "--data", "there", "--run", "run", "--detach"]
    ended = python(*arguments)
    if ended.returncode == 0:  # it answered before it found that there are no data
        until(lambda: "no search runs here" in control.status(here / "run").message)
        assert "data set CIFAR100 is not in there" in control.status(here / "run").message
    else:
        assert ended.returncode == 2
        assert ended.stderr.startswith("error: ")
    assert python("-m", "engine.search", "X", "--random", "0", "--detach").stderr.startswith("error: --random")


def test_it_answers_before_torch_is_loaded_and_stops_at_once(here: Path) -> None:
    ended = python(*command(here, "--detach", "--json"))
    told = json.loads(ended.stdout)
    assert told["message"] == "loading"
    second = python(*command(here))
    assert (second.returncode, len(second.stderr.splitlines())) == (2, 1)
    assert f"in use by process {told['pid']} on " in second.stderr
    stopped = control.stop(here / "run")
    assert stopped.done, stopped.message
    assert not psutil.pid_exists(told["pid"]) or psutil.Process(told["pid"]).status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("sent", "code", "workers"), [(signal.SIGTERM, 143, "2"), (signal.SIGHUP, 129, "1")])
def test_a_signal_ends_it_with_its_code_and_the_same_command_goes_on(
    here: Path, sent: signal.Signals, code: int, workers: str
) -> None:
    run, begun = here / "run", 0.0
    with PtyProgram(command(here, "--workers", workers), cwd=here) as program:
        until(lambda: program.silent_for(0.01) in {True, False} and count(run) > 40)  # what it prints is read meanwhile
        below = psutil.Process(program.pid).children(recursive=True)
        begun = time.monotonic()
        os.kill(program.pid, sent)
        assert program.leave() == code
    assert time.monotonic() - begun < 20
    assert not psutil.wait_procs(below, timeout=3)[1]
    assert f"stopped by {sent.name}: {KEPT_BY}".encode() in program.output
    assert b"Traceback" not in program.output
    kept = count(run)
    assert 40 < kept < 72
    assert python(*command(here)).returncode == 0
    assert records(run) == whole(here)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_stop_leaves_no_process_and_a_second_ctrl_c_does_not_wait(here: Path) -> None:
    run = here / "run"
    with PtyProgram(command(here, "--workers", "2"), cwd=here) as program:
        until(lambda: program.silent_for(0.01) in {True, False} and count(run) > 40)  # what it prints is read meanwhile
        below = psutil.Process(program.pid).children(recursive=True)
        answer = python("-m", "engine.control", str(run), "stop")
        assert program.leave() == 130
    assert answer.returncode == 0, answer.stderr
    assert "trials are kept" in answer.stdout
    assert not psutil.wait_procs(below, timeout=3)[1]
    with PtyProgram(command(here), cwd=here) as program:
        until(lambda: read_holder(run) is not None)
        program.press("\x03\x03")
        assert program.leave() in {130, -2}
    assert b"Traceback" not in program.output
