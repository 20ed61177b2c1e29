"""What packs take at their fullest, beside what is estimated before a search starts: the table of docs/performance.md.

    python benchmarks/memory.py [CASE ...] [--steps 8] [--json]

Each case is a process of its own on one thread of a CPU. It trains a small pack of another kind first, so that what the
libraries take once is not counted, reads the memory it holds, builds the pack, takes some steps, validates on 128 images and
reads the peak since (`VmHWM`, set back through /proc/self/clear_refs: Linux only). The estimate is `Bench.memory`'s, made
afterwards. Images are random where they are not digits; graphs have three nodes, all of them trained.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, NamedTuple

import torch

from engine.search.scheduler import demand
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.protocol import resolve
from engine.strategies.fixed import random
from engine.training.calibration.bench import Bench
from engine.training.calibration.mode import Mode
from engine.training.data.splits import Images, Split
from engine.training.device import accelerator
from engine.training.teachers.bank import TeacherBank


class Case(NamedTuple):
    target: str
    auxiliary: str
    shape: tuple[int, int, int]
    classes: int
    pack: int
    layout: str = "stacked"
    optimizer: str = "sgd"
    compile: bool = False


DIGITS = ("mlp16", "mlp96", (1, 8, 8), 10)
SMALL = ("resnet8", "resnet8", (1, 8, 8), 10)
MIDDLE = ("resnet8", "resnet8", (1, 28, 28), 10)
LARGE = ("resnet32", "wrn28-2", (3, 32, 32), 100)
CASES = {
    "digits 4": Case(*DIGITS, 4),
    "digits 16": Case(*DIGITS, 16),
    "digits 64": Case(*DIGITS, 64),
    "digits 128": Case(*DIGITS, 128),
    "digits 64 adamw": Case(*DIGITS, 64, optimizer="adamw"),
    "digits 64 compiled": Case(*DIGITS, 64, compile=True),
    "resnet8 on 8x8, 4": Case(*SMALL, 4),
    "resnet8 on 8x8, 16": Case(*SMALL, 16),
    "resnet8 on 8x8, 4 looped": Case(*SMALL, 4, "looped"),
    "resnet8 on 8x8, 16 looped": Case(*SMALL, 16, "looped"),
    "resnet8 on 8x8, 16 adamw": Case(*SMALL, 16, optimizer="adamw"),
    "resnet8 on 28x28, 4": Case(*MIDDLE, 4),
    "resnet8 on 28x28, 4 looped": Case(*MIDDLE, 4, "looped"),
    "resnet32 and wrn28-2 on 32x32, 1": Case(*LARGE, 1),
    "resnet32 and wrn28-2 on 32x32, 1 looped": Case(*LARGE, 1, "looped"),
    "resnet32 and wrn28-2 on 32x32, 2 looped": Case(*LARGE, 2, "looped"),
    "resnet32 and wrn28-2 on 32x32, 4 looped": Case(*LARGE, 4, "looped"),
    "resnet32 and wrn28-2 on 32x32, 2 looped adamw": Case(*LARGE, 2, "looped", "adamw"),
}


def bench(case: Case) -> Bench:
    """Packs of digits/X's gates on the case's models."""
    drawn = demand(random(load("digits/X"), case.pack, 0).preview())
    graphs = [Graph((case.target, case.auxiliary, case.auxiliary), g.gates) for g in drawn]
    # The optimiser's own rate is left alone: what a step takes does not depend on it.
    protocol = resolve({"data": "digits", "train": 256, "validation": 128, "epochs": 4, "optimizer": case.optimizer, "lr": 0.01})
    draw = torch.Generator().manual_seed(0)
    labels = torch.randint(0, case.classes, (384,), generator=draw)
    images = Images(torch.rand(384, *case.shape, generator=draw), labels, case.classes)
    layouts: dict[str, Any] = dict.fromkeys((case.target, case.auxiliary), case.layout)
    mode = Mode(pack=case.pack, threads=1, device="cpu", compile=case.compile, layouts=layouts)
    made = Bench.of(graphs, protocol, images, 3, mode, accelerator(protocol))
    train = made.setting.split.train  # the bench keeps 8 images to validate on
    seen = Split(train, train.take(torch.arange(128)))
    made.setting = replace(made.setting, split=seen, teachers=TeacherBank.of((), seen.train, seen.validation))
    return made


def train(made: Bench, pack: int, steps: int) -> None:
    """Some steps and a validation."""
    trainer = made.trainer(made.shape(pack), made.setting.mode)
    trainer.module.train()
    for batch in islice(chain.from_iterable(map(trainer.batches.epoch, count())), steps):
        trainer.step(batch, 1)
    trainer.evaluate(made.setting.split.validation)


def measure(case: Case, steps: int) -> dict[str, float]:
    """Bytes that were taken and that were estimated."""
    torch.set_num_threads(1)
    train(bench(Case("mlp3", "cnn2", (1, 8, 8), 10, 1, compile=case.compile)), 1, 2)
    made = bench(case)
    gc.collect()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    train(made, case.pack, steps)
    taken = _status("VmHWM") - before
    return {"taken": taken, "estimated": made.memory(made.shape(case.pack), made.setting.mode)}


def _status(name: str) -> int:
    """Bytes of a line in /proc/self/status."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def main(argv: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("case", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all of them)")
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--json", action="store_true")
    p.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = p.parse_args(argv)
    if args.here:
        print(json.dumps(measure(CASES[args.case[0]], args.steps)))
        return
    if not args.json:
        print("| models, graphs a pack | taken, MB | estimated | ratio |\n| --- | --- | --- | --- |", flush=True)
    found = {}
    for name in args.case or CASES:
        command = [sys.executable, __file__, name, "--here", "--steps", str(args.steps)]
        found[name] = f = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if not args.json:
            taken, estimated = f["taken"] / 2**20, f["estimated"] / 2**20
            print(f"| {name} | {taken:.0f} | {estimated:.0f} | {estimated / taken:.2f} |", flush=True)
    if args.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
