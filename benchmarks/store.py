"""What the store costs, beside stock TinyDB and Optuna's JournalFile and SQLite storages.

    python benchmarks/store.py                  all parts, about two minutes and 1 GB of disk
    python benchmarks/store.py insert open      some parts: insert, open, follow, readers
    python benchmarks/store.py --json > store.json

One record is a trial, its training and curves of 100 epochs x 3 nodes. Times are medians unless they say p95. Optuna is
measured if it is installed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tinydb import TinyDB

from engine.space.graph import Graph
from engine.store.reader import RunReader
from engine.store.records import Curve, RunInfo, State, Training, Trial
from engine.store.run import Run

GRAPH = Graph.parse("1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, 2>1 linear, 3>1 through, y>2 through, y>3 correct")
EFFECTIVE = GRAPH.effective()
EPOCHS = 100
SIZES = (100, 2_500, 25_000, 100_000)
TINYDB_SIZES = (100, 2_500)
OPTUNA_SIZE = 100
Figures = dict[str, Any]


def record(number: int) -> tuple[Trial, Training, Curve]:
    """A trial of 3 nodes and 100 epochs, different from the others."""
    chance = random.Random(number)
    rows = tuple(tuple(round(chance.uniform(1, 75), 2) for _ in range(3)) for _ in range(EPOCHS))
    losses = tuple(tuple(chance.uniform(0, 4) for _ in range(3)) for _ in range(EPOCHS))
    id = f"{EFFECTIVE.key}.{number}"
    trial = Trial(number=number, key=GRAPH.key, graph=str(GRAPH.canonical()), repeat=number, state=State.DONE,
                  training=id, nodes=EFFECTIVE.nodes, accuracy=rows[-1])
    training = Training(id=id, graph=str(EFFECTIVE.graph), repeat=number, seed=0, state=State.DONE, epochs=EPOCHS,
                        accuracy=rows[-1], best_accuracy=rows[50], best_epoch=(51, 51, 51), wall=12.5, device="cuda:0",
                        losses={str(edge): chance.uniform(0, 4) for edge, _ in GRAPH.items()}, pack=number // 16)
    return trial, training, Curve(id=id, accuracy=rows, loss=losses)


def add(run: Run, *numbers: int) -> None:
    trials, trainings, curves = zip(*map(record, numbers), strict=True)
    run.add(trials, trainings, curves)


def new_run(folder: Path, total: int | None = None) -> Run:
    return Run.create(folder, RunInfo(name="x", space={}, strategy={}, seed=0, mode={}, total=total))


def fill(run: Run, start: int, stop: int) -> None:
    """Records `start` to `stop`, a thousand a commit."""
    for first in range(start, stop, 1_000):
        add(run, *range(first, min(first + 1_000, stop)))


def median_ms(call: Callable[[int], None], first: int, times: int) -> float:
    """Median duration of `call(first)`, `call(first + 1)`, ... in milliseconds."""
    spent = []
    for number in range(first, first + times):
        start = time.perf_counter()
        call(number)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1e3


@contextmanager
def scratch(where: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ktg-store-", dir=where))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def measure_insert(folder: Path) -> Figures:
    """Milliseconds to record one result durably, by how many are stored. The record is made outside the clock."""
    figures: Figures = {"ours": {}, "tinydb": {}}
    with new_run(folder / "ours") as run:
        stored = 0
        for size in SIZES:
            fill(run, stored, size)
            made = {number: record(number) for number in range(size, size + 50)}
            figures["ours"][size] = median_ms(lambda n, made=made: run.add(*([part] for part in made[n])), size, 50)
            stored = size + 50
        figures["bytes_a_record"] = (run.storage.size + (run.folder / "curves.log").stat().st_size) / stored
    for size in TINYDB_SIZES:
        plain = [msgspec.to_builtins(record(number)) for number in range(size + 5)]
        documents = [{"trial": t, "training": g, "curve": c} for t, g, c in plain]
        with TinyDB(folder / f"tinydb-{size}.json") as db:
            db.insert_multiple(documents[:size])
            figures["tinydb"][size] = median_ms(lambda n, db=db, documents=documents: db.insert(documents[n]), size, 5)
    figures["optuna"] = optuna_insert(folder)
    figures["ratio_tinydb_2500"] = figures["tinydb"][2_500] / figures["ours"][2_500]
    return figures


def optuna_insert(folder: Path) -> Figures | str:
    """Milliseconds of `study.add_trial` with 100 intermediate values and the other nodes' curves as an attribute."""
    try:
        import optuna
        from optuna.storages import JournalStorage, RDBStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        return "not installed"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storages = {"journal": JournalStorage(JournalFileBackend(str(folder / "journal.log"))),
                "sqlite": RDBStorage(f"sqlite:///{folder / 'optuna.db'}")}
    figures: Figures = {}
    for name, storage in storages.items():
        study = optuna.create_study(storage=storage)

        def insert(number: int, study: optuna.Study = study) -> None:
            trial, _, curve = record(number)
            attributes = {"graph": trial.graph, "curve": msgspec.to_builtins(curve.accuracy)}
            study.add_trial(optuna.trial.create_trial(
                value=trial.accuracy[0], user_attrs=attributes,
                intermediate_values={epoch: row[0] for epoch, row in enumerate(curve.accuracy)}))

        median_ms(insert, 0, OPTUNA_SIZE)
        figures[name] = {OPTUNA_SIZE: median_ms(insert, OPTUNA_SIZE, 20)}
    return figures


def measure_open(folder: Path) -> Figures:
    """Seconds to open 10,000 trials with their trainings, curves stored beside; best of five."""
    with new_run(folder / "x") as run:
        fill(run, 0, 10_000)

    def write() -> None:
        with Run.open(folder / "x") as run:
            assert len(run.trials()) == 10_000

    def read() -> None:
        with RunReader(folder / "x") as reader:
            assert len(reader.refresh().trials) == 10_000

    def curve() -> None:
        with RunReader(folder / "x") as reader:
            assert reader.curve(f"{EFFECTIVE.key}.9999") is not None

    one_by_one = folder / "one"
    with new_run(one_by_one) as run:
        for number in range(10_000):
            trial, training, _ = record(number)
            run.add([trial], [training])

    def read_single() -> None:
        with RunReader(one_by_one) as reader:
            assert len(reader.refresh().trials) == 10_000

    return {"writer_s": best_of(write), "reader_s": best_of(read), "reader_one_a_commit_s": best_of(read_single),
            "first_curve_s": best_of(curve)}


def best_of(call: Callable[[], None], times: int = 5) -> float:
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return min(spent)


def measure_follow(folder: Path) -> Figures:
    """A reader at 10,000 trials: milliseconds of a look with nothing new, and with one new trial."""
    with new_run(folder / "x") as run, RunReader(folder / "x") as reader:
        fill(run, 0, 10_000)
        reader.refresh()
        idle = median_ms(lambda _: ignore(reader.refresh()), 0, 200)
        spent = []
        for number in range(10_000, 10_200):
            add(run, number)
            start = time.perf_counter()
            assert len(reader.refresh().trials) == 1
            spent.append(time.perf_counter() - start)
    return {"look_nothing_new_ms": idle, "look_one_new_ms": statistics.median(spent) * 1e3}


def ignore(_: object) -> None:
    """Take a value that is not wanted."""


def follow(folder: str, every: float, delays: Any) -> None:
    """A reader process: look every so often until the run is finished; report how late each trial was seen (ms)."""
    late = []
    with RunReader(Path(folder)) as reader:
        while True:
            update = reader.refresh()
            now = time.time()
            late += [(now - training.wall) * 1e3 for training in update.trainings]
            if update.finished:
                break
            time.sleep(every)
    delays.put(late)


def paced(folder: Path, count: int, rate: float | None, readers: int) -> Figures:
    """Record `count` results, `rate` a second, while `readers` processes look ten times a second."""
    context = multiprocessing.get_context("spawn")
    delays = context.Queue()
    made = [record(number) for number in range(count)]
    with new_run(folder, total=count) as run:
        followers = [context.Process(target=follow, args=(str(folder), 0.1, delays)) for _ in range(readers)]
        for process in followers:
            process.start()
        time.sleep(3.0 * bool(readers))  # until they have started: importing takes a second or two
        spent = []
        begin = time.perf_counter()
        for number, (trial, training, curve) in enumerate(made):
            if rate:
                time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            start = time.perf_counter()
            run.add([trial], [msgspec.structs.replace(training, wall=time.time())], [curve])
            spent.append(time.perf_counter() - start)
        whole = time.perf_counter() - begin
    late = sorted(delay for _ in followers for delay in delays.get(timeout=60))
    for process in followers:
        process.join()
    figures = {"p50_ms": quantile(spent, 0.5) * 1e3, "p95_ms": quantile(spent, 0.95) * 1e3, "a_second": count / whole}
    if late:
        figures |= {"seen_after_p50_ms": quantile(late, 0.5), "seen_after_p95_ms": quantile(late, 0.95)}
    return figures


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure_readers(folder: Path, count: int) -> Figures:
    """Acknowledgement times of a writer, alone and with 8 readers, paced at 50 a second and unpaced."""
    return {f"{name}_{readers}_readers": paced(folder / f"{name}-{readers}", count, rate, readers)
            for name, rate in (("paced", 50.0), ("unpaced", None)) for readers in (0, 8)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="insert, open, follow, readers (default: all)")
    parser.add_argument("--count", type=int, default=1_000, help="records in the readers' part (default 1000)")
    parser.add_argument("--dir", type=Path, help="where to write (default: the system's temporary folder)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    parts: dict[str, Callable[[Path], Figures]] = {
        "insert": measure_insert, "open": measure_open, "follow": measure_follow,
        "readers": lambda folder: measure_readers(folder, options.count)}
    figures: Figures = {}
    for name in options.parts or parts:
        if name not in parts:
            parser.error(f"unknown part {name!r}: known are {', '.join(parts)}")
        print(f"measuring {name} ...", file=sys.stderr)
        with scratch(options.dir) as folder:
            figures[name] = parts[name](folder)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
