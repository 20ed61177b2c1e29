"""How fast packs train, beside a lean loop that trains one graph at a time, in one run on one machine.

    python benchmarks/training.py [--work digits] [--rounds 5] [--compile] [--json]
    python benchmarks/training.py --whole            # the whole exhaustive digits/X command, from start to exit

The lean loop is what a good engineer writes without packs: tensor slices, no DataLoader, no metrics, dead nodes not built,
only open edges computed, one fused optimiser for the graph's networks, the better of one and two threads. Its validation
pass is left out; the packs' is counted. Figures are milliseconds a graph-step (one graph, one mini-batch); medians of
the rounds, the two taken in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import msgspec
import torch
from torch import nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from engine.packing.packs import fill
from engine.search.scheduler import demand
from engine.space.files.load import load
from engine.space.graph import LABEL, Graph
from engine.space.protocol import Protocol, resolve
from engine.strategies.fixed import random
from engine.training.calibration.calibrate import choose
from engine.training.data.splits import Images, Split, split, training_part
from engine.training.device import accelerator
from engine.training.models.registry import build
from engine.training.teachers.bank import TeacherBank
from engine.training.trainer import PackTrainer, Setting

WORKS: dict[str, tuple[tuple[str, str], dict]] = {
    "digits": (("mlp16", "mlp96"), {"data": "digits", "train": 1024, "validation": 476, "epochs": 30}),
    "cnn8": (("resnet8", "resnet8"), {"data": "digits", "train": 512, "validation": 128, "epochs": 10}),
    "cnn28": (("resnet8", "resnet8"), {"data": "fashion-mnist", "train": 512, "validation": 128, "epochs": 10}),
    "cifar": (("resnet32", "wrn28-2"), {"data": "cifar100", "train": 256, "validation": 64, "epochs": 10}),
}
"""Name: (target and auxiliary model, protocol). Images other than digits are random: time does not depend on them. A
validation image to four training images or so, as in the paper (10,000 to 40,000)."""


def images(protocol: Protocol) -> Images:
    if protocol.data == "digits":
        return training_part("digits", Path())
    shape, classes = ((3, 32, 32), 100) if protocol.data == "cifar100" else ((1, 28, 28), 10)
    total = protocol.train + protocol.validation
    draw = torch.Generator().manual_seed(0)
    return Images(torch.rand(total, *shape, generator=draw), torch.randint(0, classes, (total,), generator=draw), classes)


def graphs(models: tuple[str, str], count: int) -> list[Graph]:
    """Effective graphs of X's kind: both auxiliary nodes alive, labels through, every edge into the target open."""
    space = load("digits/X")
    target, auxiliary = models
    return [Graph((target, auxiliary, auxiliary), g.gates) for g in demand(random(space, count, 0).preview())]


class LeanLoop:
    """One graph at a time, step after step."""

    def __init__(self, graph: Graph, seen: Split, protocol: Protocol) -> None:
        self.graph, self.seen, self.protocol = graph, seen, protocol
        shape, classes = seen.train.shape, seen.train.classes
        self.device = seen.train.images.device
        self.networks = nn.ModuleList(build(m, shape, classes) for m in graph.models).to(self.device)
        p = protocol
        self.optimiser = torch.optim.SGD(
            self.networks.parameters(), p.lr, p.momentum, nesterov=True, weight_decay=p.weight_decay, fused=True
        )
        self.last = p.epochs * p.steps_an_epoch()

    def steps(self, number: int) -> None:
        order = torch.randperm(self.protocol.train).to(self.device)
        size = self.protocol.batch
        train = self.seen.train
        for k in range(1, number + 1):
            place = (k * size) % (self.protocol.train - size + 1)
            chosen = order[place : place + size]
            x, y = train.images[chosen], train.labels[chosen]
            logits = [network(x) for network in self.networks]
            logs = [log_softmax(z, 1) for z in logits]
            total = torch.zeros((), device=self.device)
            for (source, target), gate in self.graph.items():
                if gate == "cutoff":
                    continue
                if source == LABEL:
                    loss = cross_entropy(logits[target - 1], y)
                else:
                    told = logs[source - 1].detach()
                    loss = kl_div(logs[target - 1], told, reduction="batchmean", log_target=True)
                total = total + (loss * (k / self.last) if gate == "linear" else loss)
            self.optimiser.zero_grad()
            total.backward()
            self.optimiser.step()


def compare(work: str, rounds: int, fixed: dict) -> dict:
    """Medians of the packs' and the loop's milliseconds a graph-step, and of their ratio round by round."""
    models, fields = WORKS[work]
    protocol = resolve({"batch": 64, "lr": 0.1, **fields})
    drawn = graphs(models, 128)
    data = images(protocol)
    mode, shape = choose(drawn, protocol, data, 3, fixed)
    prepared = accelerator(protocol)
    cpu = split(data, protocol)
    seen = Split(*(part.to(prepared.device, torch.float32) for part in (cpu.train, cpu.validation)))
    nobody = TeacherBank.of((), seen.train, seen.validation)
    setting = Setting(protocol, seen, 0, 0, mode, prepared, nobody)
    places = fill(drawn, shape)[0]
    trainer = PackTrainer([drawn[i] for i in places], [str(i) for i in places], shape, setting)
    run = trainer.run()
    next(run)  # warm-up, and compilation
    loop = LeanLoop(drawn[0], seen, protocol)
    threads = {n: _loop_seconds(loop, n, 12) for n in {1, mode.threads}}
    best = min(threads, key=lambda n: threads[n])
    steps = protocol.steps_an_epoch()
    rows, validations = [], []
    for _ in range(rounds):
        torch.set_num_threads(mode.threads)
        start = time.perf_counter()
        next(run)
        pack = (time.perf_counter() - start) / steps / len(places)
        start = time.perf_counter()
        trainer.evaluate(seen.validation)
        _wait(prepared.device)
        validations.append((time.perf_counter() - start) / steps / len(places) * 1e3)
        chosen = max(8, min(64, int(pack * steps * len(places) / threads[best])))
        rows.append((pack * 1e3, _loop_seconds(loop, best, chosen) * 1e3))
    torch.set_num_threads(mode.threads)
    return {
        "work": work,
        "mode": msgspec.to_builtins(mode),
        "pack_ms": statistics.median(p for p, _ in rows),
        "loop_ms": statistics.median(one for _, one in rows),
        "ratio": statistics.median(one / p for p, one in rows),
        "of_it_validation_ms": statistics.median(validations),
        "ratio_without_validation": statistics.median(
            one / (p - v) for (p, one), v in zip(rows, validations, strict=True)
        ),
        "loop_threads": best,
        "rounds": rounds,
    }


def _loop_seconds(loop: LeanLoop, threads: int, steps: int) -> float:
    torch.set_num_threads(threads)
    start = time.perf_counter()
    loop.steps(steps)
    _wait(loop.device)
    return (time.perf_counter() - start) / steps


def _wait(device: torch.device) -> None:
    """For what a GPU still has to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def whole() -> dict:
    """The exhaustive digits/X command from start to exit, and the lean loop's time for the same 513 graphs."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "engine.search", "digits/X", "--exhaustive", "--run", f"{folder}/X", "--json"]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        wall = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    space = load("digits/X")
    protocol = space.protocol
    seen = split(training_part("digits", Path()), protocol)
    drawn = demand(random(space, 513, 0).preview())
    each = []
    for graph in drawn[:: max(1, len(drawn) // 24)]:
        loop = LeanLoop(graph, seen, protocol)
        loop.steps(4)
        each.append(min(_loop_seconds(loop, n, 60) for n in (1, 2)))
    lean = statistics.median(each) * protocol.epochs * protocol.steps_an_epoch() * len(drawn)
    found = json.loads(out.stdout)
    return {"wall_s": wall, "lean_loop_s": lean, "ratio": lean / wall, "peak_gb": peak, "graphs": found["trials"]}


def main(argv: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", choices=sorted(WORKS), default="digits")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--pack", type=int)
    p.add_argument("--threads", type=int, help="threads of the packs' process (default: the mode's)")
    p.add_argument("--compile", action="store_true")
    p.add_argument("--whole", action="store_true")
    args = p.parse_args(argv)
    fixed = {"compile": args.compile} | {n: v for n in ("pack", "threads") if (v := getattr(args, n))}
    print(json.dumps(whole() if args.whole else compare(args.work, args.rounds, fixed), indent=2))


if __name__ == "__main__":
    main()
