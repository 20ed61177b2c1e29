"""What searches cost and what they found, side by side: the table of docs/strategies.md.

    python -m engine.search digits/A --random 300 --run runs/random
    python -m engine.search digits/A --asha 300 --run runs/asha
    python -m engine.search digits/A --asha 300 --rule promote --run runs/promote
    python benchmarks/strategies.py runs/random runs/asha runs/promote

Seconds of the wall run from the search's start to its last pack in `log.jsonl` and hold what it took to load and to
measure; seconds of training are those of all workers together.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

from engine.store.files.journal import JOURNAL
from engine.store.reader import RunReader
from engine.store.records import State

HEAD = "| search | graphs | to the end | graph-epochs | training, s | start to end, s | best, % |"


def wall(folder: Path) -> float:
    """Seconds from the first start to the last pack."""
    lines = [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]
    times = [datetime.fromisoformat(line["time"]) for line in lines if line["event"] in ("start", "pack")]
    return (times[-1] - times[0]).total_seconds()


def row(folder: Path) -> str:
    with RunReader(folder) as reader:
        reader.refresh()
        settings, trials, trainings = reader.info.strategy, reader.trials, reader.trainings.values()
    name = " ".join(str(settings[k]) for k in ("name", "n", "rule") if k in settings)
    best = min(t.error for t in trials if t.error is not None)
    ended = sum(t.state is State.DONE for t in trainings)
    cells = (name, len(trials), ended, f"{sum(t.epochs for t in trainings):,}",
             f"{sum(t.wall for t in trainings):.0f}", f"{wall(folder):.0f}", f"{best:.2f}")  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main(folders: list[str]) -> None:
    print(HEAD, "| --- " * HEAD.count(" | ") + "| --- |", *map(row, map(Path, folders)), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
