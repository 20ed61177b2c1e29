"""Kill a search again and again, whole process tree, at random moments: is anything acknowledged lost, anything there twice?

    python benchmarks/kill.py --kills 200 --seed 1

Searches of quick graphs, checkpoints after every epoch, are killed (SIGKILL to the process group) and started again until
they are done, and then compared with one that nobody disturbed: every trial, training and curve, to the last digit.
Torch is loaded once and searches are forked, so that kills fall into searching and not into loading.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

import msgspec

from engine.search.events import TrialsDone
from engine.search.prepare import Options, opened
from engine.space.files.load import load
from engine.store.check import check
from engine.store.folder import INFO
from engine.store.reader import RunReader
from engine.strategies.fixed import random as uniform

GRAPHS = 12


def searched(folder: Path, seed: int, workers: int, acknowledge: int) -> None:
    """The search, from wherever it stands; numbers of acknowledged trials are written to a pipe."""
    space = load("digits/X").with_protocol({"epochs": 40, "train": 128, "validation": 64})
    options = Options(seed=seed, workers=workers, checkpoint_every=0.0, mode={"pack": 4, "threads": 1, "compile": False})
    with opened(space, uniform(space, GRAPHS, seed), folder, options) as search:
        for event in search.events():
            if isinstance(event, TrialsDone):
                os.write(acknowledge, "".join(f"{t.number}\n" for t in event.trials).encode())


def started(folder: Path, seed: int, workers: int) -> tuple[int, int]:
    """(process, its pipe); the process leads a group of its own."""
    ours, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        os.setsid()
        os.close(ours)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        code = 1
        try:
            searched(folder, seed, workers, theirs)
            code = 0
        finally:
            os._exit(code)
    os.close(theirs)
    return process, ours


def ended(process: int, pipe: int, after: float | None) -> tuple[int, set[int]]:
    """(wait status, acknowledged trials) of a search that is killed after so many seconds; None: not at all."""
    if after is not None:
        time.sleep(after)
        os.killpg(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with os.fdopen(pipe, "rb") as told:
        return status, {int(line) for line in told.read().split()}


def records(folder: Path) -> dict[str, object]:
    """Everything but seconds, and who computed it."""
    with RunReader(folder) as reader:
        reader.refresh()
        trainings = {t.id: msgspec.structs.replace(t, wall=0.0, worker="", pack=0) for t in reader.trainings.values()}
        curves = {id: reader.curve(id) for id in trainings}
        return {"trials": list(reader.trials), "trainings": trainings, "curves": curves}


def verified(folder: Path, acknowledged: set[int], counts: Counter[str]) -> None:
    """Count what a kill has cost."""
    if not (folder / INFO).exists():
        counts["lost"] += len(acknowledged)
        return
    counts["damaged"] += not check(folder).is_whole
    with RunReader(folder) as reader:
        reader.refresh()
        numbers = Counter(t.number for t in reader.trials)
    counts["lost"] += len(acknowledged - numbers.keys())
    counts["twice"] += sum(n - 1 for n in numbers.values())
    counts["in the middle of a pack"] += any((folder / "checkpoints").glob("*"))


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kills", type=int, default=200)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--workers", type=int, default=1, help="worker processes of each search (1: none)")
    p.add_argument("--json", action="store_true")
    args = p.parse_args()
    draw = random.Random(args.seed)
    counts: Counter[str] = Counter(kills=0, searches=0, lost=0, twice=0, damaged=0, different=0)
    with tempfile.TemporaryDirectory() as scratch:
        calm = Path(scratch) / "calm"
        import_module("sklearn.datasets")  # once for all; nothing is computed here, for a fork inherits no threads
        began = time.monotonic()
        assert ended(*started(calm, args.seed, args.workers), None)[0] == 0, "the undisturbed search"
        whole = time.monotonic() - began
        expected = records(calm)
        while counts["kills"] < args.kills:
            counts["searches"] += 1
            disturbed(Path(scratch) / f"run{counts['searches']}", args, draw, whole, counts, expected)
            print(dict(counts), file=sys.stderr)
    seconds = time.monotonic() - began
    print(json.dumps(dict(counts)) if args.json else f"{dict(counts)} in {seconds:.0f} s")
    return int(any(counts[what] for what in ("lost", "twice", "damaged", "different")))


def disturbed(
    folder: Path, args: argparse.Namespace, draw: random.Random, whole: float, counts: Counter[str], expected: object
) -> None:
    """One search, killed at random moments of it until there were enough or it is done."""
    acknowledged: set[int] = set()
    while counts["kills"] < args.kills:
        status, told = ended(*started(folder, args.seed, args.workers), draw.uniform(0, whole))
        acknowledged |= told
        if status == 0:
            break
        assert status == signal.SIGKILL, f"a search ended by itself with {status}"
        counts["kills"] += 1
        verified(folder, acknowledged, counts)
        print(dict(counts), file=sys.stderr)
    else:
        assert ended(*started(folder, args.seed, args.workers), None)[0] == 0
    counts["different"] += records(folder) != expected


if __name__ == "__main__":
    sys.exit(main())
