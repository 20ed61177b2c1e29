"""Where the driver becomes the limit: results a second it can acknowledge when its workers take no time at all.

    python benchmarks/scale.py                     packs of 16 graphs, 1 to 1,000 workers, about a minute
    python benchmarks/scale.py --pack 1 --trials 4000 --json

The driver is the process that draws graphs, hands out packs and is the only writer of the run folder. Each result is a
trial, its training and curves of 100 epochs x 3 nodes, on the disk (fsync) before it counts. Also: how large a run
folder gets, and how long it takes to open.
"""

from __future__ import annotations

import argparse
import json
import random as chance
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.executors.interface import EpochDone, ExecutorEvent, PackDone, PackJob
from engine.packing.packs import shape_for
from engine.search.loop import Search
from engine.search.scheduler import demand
from engine.space.files import resolved
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.reference_graphs import references
from engine.store.reader import RunReader
from engine.store.records import Curve, RunInfo, State, Training, training_id
from engine.store.run import Run
from engine.strategies.fixed import random

EPOCHS = 100
WORKERS = (1, 16, 256, 1000)
SPACE = "minami2020"


class Instant:
    """Workers that return at once: `count` packs are out at a time and come back in any order."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.draw = chance.Random(0)
        rows = tuple(tuple(round(self.draw.uniform(1, 75), 2) for _ in range(3)) for _ in range(EPOCHS))
        self.rows = rows
        self.seconds = 0.0
        """Time that the workers themselves took after all, to be left out."""

    def run(self, jobs: Iterable[PackJob | None]) -> Iterator[ExecutorEvent]:
        source = iter(jobs)
        out: list[PackJob] = []
        while True:
            while len(out) < self.count and (job := next(source, None)) is not None:
                out.append(job)
            if not out:
                return
            place = self.draw.randrange(len(out))
            out[place], out[-1] = out[-1], out[place]
            job = out.pop()
            yield EpochDone(job.number, len(job.graphs), EPOCHS, EPOCHS, 75.0, "instant")
            started = time.perf_counter()
            done = self._done(job)
            self.seconds += time.perf_counter() - started
            yield done

    def _done(self, job: PackJob) -> PackDone:
        trainings, curves = [], []
        for text in job.graphs:
            graph = Graph.parse(text)
            rows = tuple(row[: graph.nodes] for row in self.rows)
            id = training_id(graph.key, job.repeat)
            losses = {str(edge): self.draw.uniform(0, 4) for edge, _ in graph.items()}
            trainings.append(Training(id=id, graph=text, repeat=job.repeat, seed=0, state=State.DONE, epochs=EPOCHS,
                                      accuracy=rows[-1], best_accuracy=rows[50], best_epoch=(51,) * graph.nodes,
                                      losses=losses, wall=1.0, pack=job.number))  # fmt: skip
            curves.append(Curve(id=id, accuracy=rows, loss=rows))
        return PackDone(job.number, tuple(trainings), tuple(curves))


def driven(workers: int, trials: int, pack: int, folder: Path) -> dict[str, Any]:
    """One search of `trials` graphs by workers that take no time."""
    space = load(SPACE)
    strategy = random(space, trials, seed=0)
    graphs = demand(strategy.preview(), references(space))
    shape = shape_for(graphs, pack, space.nodes)
    info = RunInfo(name="scale", space=resolved.dump(space), strategy=strategy.settings(), seed=0, mode={}, total=strategy.total)
    with Run.create(folder, info) as run:
        instant = Instant(workers)
        started = time.perf_counter()
        for _ in Search(space, strategy, run, instant, shape).events():
            pass
        seconds = time.perf_counter() - started - instant.seconds
        recorded = len(run.trials())
    size = sum(file.stat().st_size for file in folder.iterdir())
    started = time.perf_counter()
    with RunReader(folder) as reader:
        reader.refresh()
        opened = time.perf_counter() - started
    return {"workers": workers, "trials": recorded, "pack": pack, "seconds": round(seconds, 2),
            "trials_a_second": round(recorded / seconds), "bytes_a_trial": round(size / recorded),
            "open_seconds": round(opened, 3)}  # fmt: skip


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--pack", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for workers in options.workers:
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(driven(workers, options.trials, options.pack, Path(scratch) / "run"))
        if not options.json:
            print(" ".join(f"{name}={value}" for name, value in rows[-1].items()), flush=True)
    if options.json:
        print(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
