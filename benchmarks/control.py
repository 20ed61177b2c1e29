"""How soon a search answers, pauses, stops and ends by a signal: digits A, packs of 8, two workers of one thread.

    python benchmarks/control.py

Targets: `--detach` returns in 2 s; `stop` leaves no process after 15 s, SIGTERM after 20 s.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from engine import control
from engine.store.lock.holder import read_holder

ASKED = 50


def seconds(until: Callable[[], bool], patience: float = 120.0) -> float:
    """How long a condition takes to hold."""
    began = time.monotonic()
    while not until():
        if time.monotonic() - began > patience:
            raise TimeoutError
        time.sleep(0.01)
    return time.monotonic() - began


def started(run: Path) -> float:
    """Seconds until `--detach` returned."""
    began = time.monotonic()
    command = f"-m engine.search digits/A --random 2000 --workers 2 --pack 8 --threads 1 --no-compile --run {run} --detach"
    subprocess.run([sys.executable, *command.split()], check=True, capture_output=True)
    return time.monotonic() - began


def answered(run: Path) -> str:
    """Median and 95th percentile of an answer, as a client in the same process sees it."""
    took = []
    for _ in range(ASKED):
        began = time.monotonic()
        assert control.status(run).done
        took.append(time.monotonic() - began)
    return f"{1000 * statistics.median(took):.0f} / {1000 * statistics.quantiles(took, n=20)[-1]:.0f} ms"


def trains(run: Path) -> bool:
    """Has a pack ended its first epoch?"""
    found = control.status(run).status
    return found is not None and found.phase == "training" and bool(found.packs)


def family(run: Path) -> list[psutil.Process]:
    holder = read_holder(run)
    assert holder is not None
    search = psutil.Process(holder.pid)
    return [search, *search.children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        print(f"--detach returns                 {started(run):.2f} s")
        print(f"answer while torch loads         {answered(run)}  (median / p95)")
        print(f"first pack in training           {seconds(lambda: control.status(run).message == 'training'):.1f} s later")
        seconds(lambda: trains(run))
        print(f"answer while it trains           {answered(run)}")
        assert control.pause(run).done
        print(f"pause: everything stands after   {seconds(lambda: control.status(run).message == 'paused'):.2f} s")
        assert control.resume(run).done
        processes, began = family(run), time.monotonic()
        assert control.stop(run).done
        seconds(lambda: gone(processes))
        print(f"stop: no process left after      {time.monotonic() - began:.2f} s")
        print(f"--detach on the same folder      {started(run):.2f} s")
        seconds(lambda: trains(run))
        processes, began = family(run), time.monotonic()
        os.kill(processes[0].pid, signal.SIGTERM)
        seconds(lambda: gone(processes))
        print(f"SIGTERM: no process left after   {time.monotonic() - began:.2f} s")


if __name__ == "__main__":
    main()
