"""Twenty kills of a searching process tree at random moments (benchmarks/kill.py does two hundred)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_acknowledged_is_lost_or_there_twice(workers):
    kills = "20" if workers == "1" else "6"  # each start of two workers loads torch twice
    command = [sys.executable, "benchmarks/kill.py", "--kills", kills, "--seed", "5", "--workers", workers, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert {counts[what] for what in ("lost", "twice", "damaged", "different")} == {0}
    assert counts["kills"] == int(kills)
    assert counts["searches"] >= 1
