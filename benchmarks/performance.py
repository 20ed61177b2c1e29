"""The table of docs/performance.md: packs beside a lean loop, where a step's time goes, and what the cores can do.

    python benchmarks/performance.py digits compiled cnn8 cnn28 cifar profile whole     (or some of them)
    python benchmarks/performance.py --write         write docs/performance.md from what was measured

Rows are kept in benchmarks/performance.json, so that each can be measured when the machine is quiet. The lean loop
(`benchmarks/training.py`) trains one graph at a time. Core for core, it and one worker of a search (one thread, validation
passes counted) are timed in turn by the time they compute, so that a busy machine slows both alike. For the whole machine, a
worker a core is timed by the clock beside the loop on the better of one and all cores' threads; on a machine that is busy with
something else that figure is left out. Medians of the rounds.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from training import WORKS, LeanLoop, _loop_seconds, graphs, images

from engine.packing.packs import fill
from engine.search.scheduler import demand
from engine.space.files.load import load
from engine.space.protocol import resolve
from engine.strategies.fixed import random
from engine.training.calibration.cache import processor
from engine.training.calibration.calibrate import choose, cores
from engine.training.data.splits import split, training_part
from engine.training.device import accelerator
from engine.training.losses import pack_loss
from engine.training.teachers.bank import TeacherBank
from engine.training.trainer import PackTrainer, Setting

HERE = Path(__file__).parent
KEPT = HERE / "performance.json"
PAGE = HERE.parent / "docs" / "performance.md"

QUIET = 1.1
"""Clock time over computing time of a single thread above which the machine counts as busy with something else."""

ROWS: dict[str, tuple[str, str, bool, float, float, str]] = {
    "compiled": ("digits", "digits graphs (the space's perceptrons), compiled", True, 12, 20, "25-30x"),
    "digits": ("digits", "the same without compilation", False, 6, 9, ""),
    "cnn8": ("cnn8", "ResNet8-size on 8x8 images, compiled", True, 2, 2.6, "3x"),
    "cnn28": ("cnn28", "ResNet8-size on 28x28 images (Fashion-MNIST's size), compiled", True, 1.3, 1.6, "1.9x"),
    "cifar": ("cifar", "ResNet32 + 2 x WRN28-2 on 32x32 images", False, 1.2, 1.4, "2x"),
}
"""Row: (work, what it is, compiled, must, aim, estimated limit)."""


def trainer(work: str, fixed: dict[str, Any]) -> PackTrainer:
    """A full pack of the work's graphs in the mode calibration picks for two workers of one thread."""
    models, fields = WORKS[work]
    protocol = resolve({"batch": 64, "lr": 0.1, **fields})
    drawn, data = graphs(models, 128), images(protocol)
    mode, shape = choose(drawn, protocol, data, 3, {"threads": 1, **fixed}, cores())
    seen = split(data, protocol)
    setting = Setting(protocol, seen, 0, 0, mode, accelerator(protocol), TeacherBank.of((), seen.train, seen.validation))
    places = fill(drawn, shape)[0]
    return PackTrainer([drawn[i] for i in places], [str(i) for i in places], shape, setting)


def row(name: str, rounds: int) -> dict[str, Any]:
    """Milliseconds a graph-step of the lean loop and of a pack, on one core, and how many times as fast packs are."""
    work, _, compiled, *_ = ROWS[name]
    made = trainer(work, {"compile": compiled})
    setting, run = made.setting, made.run()
    torch.set_num_threads(1)
    next(run)
    each = setting.protocol.steps_an_epoch() * len(made.graphs)
    loop = LeanLoop(made.graphs[0], setting.split, setting.protocol)
    loop.steps(2)
    taken = []
    for _ in range(rounds):
        pack = _process_seconds(lambda: next(run)) / each * 1e3
        steps = max(2, min(48, int(200 / pack)))
        start, lean = time.perf_counter(), _process_seconds(lambda n=steps: loop.steps(n))
        taken.append((lean / steps * 1e3, pack, (time.perf_counter() - start) / lean))
    found = {
        "lean_ms": statistics.median(t[0] for t in taken), "worker_ms": statistics.median(t[1] for t in taken),
        "ratio_core": statistics.median(t[0] / t[1] for t in taken), "busy": statistics.median(t[2] for t in taken),
        "rounds": rounds, "mode": setting.mode.reason, "layouts": setting.mode.layouts,
    }  # fmt: skip
    return found | {"ratio_machine": machine(work, compiled, rounds) if found["busy"] < QUIET else None}


def machine(work: str, compiled: bool, rounds: int) -> float:
    """All workers at once by the clock, beside the loop on the better number of threads."""
    count, context = cores(), get_context("spawn")
    together, pipes = context.Barrier(count), []
    for _ in range(count):
        ours, theirs = context.Pipe()
        context.Process(target=_worker, args=(work, compiled, together, theirs), daemon=True).start()
        assert ours.recv() == "ready"
        pipes.append(ours)
    models, fields = WORKS[work]
    protocol = resolve({"batch": 64, "lr": 0.1, **fields})
    loop, taken = LeanLoop(graphs(models, 1)[0], split(images(protocol), protocol), protocol), []
    for _ in range(rounds):
        for pipe in pipes:
            pipe.send("epoch")
        shared = statistics.mean([pipe.recv() for pipe in pipes]) / count
        steps = max(2, min(12, int(2 / shared)))
        taken.append(min(_loop_seconds(loop, threads, steps) for threads in {1, count}) / shared)
    for pipe in pipes:
        pipe.send(None)
    return statistics.median(taken)


def _worker(work: str, compiled: bool, together: Any, pipe: Any) -> None:
    """Epochs as they are called for, begun together with the other workers; seconds a graph-step back."""
    made = trainer(work, {"compile": compiled})
    run, each = made.run(), made.setting.protocol.steps_an_epoch() * len(made.graphs)
    next(run)
    pipe.send("ready")
    while pipe.recv() is not None:
        together.wait()
        start = time.perf_counter()
        next(run)
        pipe.send((time.perf_counter() - start) / each)


def profile(rounds: int = 20) -> dict[str, Any]:
    """Where a step of the digits' pack goes, one thread, eager, milliseconds a graph-step; and products' rates."""
    made = trainer("digits", {"compile": False})
    made.module.train()
    count, batches = len(made.graphs), list(made.batches.epoch(0))
    parts: dict[str, list[float]] = {}
    nobody = made.setting.teachers

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        start = time.process_time()
        yield
        parts.setdefault(name, []).append((time.process_time() - start) / count * 1e3)

    stream = iter(batches)
    for turn in range(rounds):
        if turn % len(batches) == 0:
            stream = made.batches.epoch(0)
        with timed("data (order, slices) and gates' weights"):
            batch = next(stream)
            weights = made.gates.at(1)
        taught = nobody.on_batch(batch, (), False)
        with timed("forward"):
            logits = made.module.logits(batch.images, taught)
        with timed("losses"):
            loss = pack_loss(logits, batch.labels, weights, made.gates.masks)
        with timed("backward"):
            loss.total.backward()
        with timed("optimiser"):
            made.optimiser.step()
            made.optimiser.zero_grad()
    whole = [_process_seconds(lambda b=b: made.step(b, 1)) / count * 1e3 for b in batches]
    split_ = {name: min(times) for name, times in parts.items()}
    flops = {m: 2 * 64 * sum(w * h * (2 if first else 3) for w, h, first in layers) for m, layers in _LAYERS.items()}
    per_graph = (flops["mlp16"] + 2 * flops["mlp96"]) / 1e6
    return {"parts_ms": split_, "step_ms": min(whole), "mflop": per_graph, "gflops": _rates(), "graphs": count}


_LAYERS = {"mlp16": [(64, 16, True), (16, 10, False)], "mlp96": [(64, 96, True), (96, 10, False)]}
"""(in, out, first layer: no gradient of its input) of the digits' perceptrons."""


def _process_seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _rates() -> dict[str, float]:
    """GFLOP/s of one core: a large product, and the pack's own."""
    torch.set_num_threads(1)
    a, w, x, h = torch.ones(1024, 1024), torch.ones(12288, 64), torch.ones(64, 64), torch.ones(128, 96, 64)
    v = torch.ones(128, 10, 96)
    works = {
        "1024 x 1024 x 1024": (2 * 1024**3, lambda: a @ a),
        "first layer, 128 networks wide": (2 * 12288 * 64 * 64, lambda: w @ x),
        "second layer, 128 in a batch": (2 * 128 * 10 * 96 * 64, lambda: torch.bmm(v, h)),
    }
    return {n: f / min(_process_seconds(work) for _ in range(20)) / 1e9 for n, (f, work) in works.items()}


def whole(space: str = "digits/A", count: int = 2500) -> dict[str, Any]:
    """The whole command from start to exit, its memory, and the lean loop's time for as many graphs of that space."""
    made = load(space)
    protocol, seen = made.protocol, split(training_part("digits", Path()), made.protocol)
    drawn = demand(random(made, count, 0).preview())
    lean = _lean_seconds(drawn, seen, protocol)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "engine.search", space, "--random", str(count), "--run", f"{folder}/A", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        promised = _promised_end(process, Path(folder) / "A" / "status.json", start)
        out, _ = process.communicate()
        wall = time.perf_counter() - start
        mode = json.loads((Path(folder) / "A" / "run.json").read_text())["mode"]["reason"]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    each = statistics.median([lean, _lean_seconds(drawn, seen, protocol)])
    steps = protocol.epochs * protocol.steps_an_epoch()
    return {
        "wall_s": wall, "lean_ms": each * 1e3, "trained": len(drawn), "drawn": json.loads(out)["trials"],
        "ratio": each * steps * len(drawn) / wall, "ratio_drawn": each * steps * count / wall, "mode": mode,
        "peak_gb_largest_process": peak, "quarter": promised,
        "left_error_percent": {n: 100 * (end - wall) / (wall - at) for n, (at, end) in promised.items()},
    }  # fmt: skip


def _promised_end(process: subprocess.Popen, status: Path, start: float) -> dict[str, tuple[float, float]]:
    """(second, promised last second) at the first promise of all, and at the first one after a quarter of the trials."""
    found: dict[str, tuple[float, float]] = {}
    while process.poll() is None and "quarter" not in found:
        time.sleep(0.1)
        if not status.exists():
            continue
        seen = json.loads(status.read_text())
        if seen.get("eta") is None:
            continue
        now = time.perf_counter() - start
        found.setdefault("first", (now, now + seen["eta"]))
        if seen["done"] >= seen["total"] / 4 and seen.get("rate"):
            found["quarter"] = (now, now + seen["eta"])
    return found


def _lean_seconds(drawn: list, seen: Any, protocol: Any) -> float:
    """Median seconds a graph-step over graphs spread through the sample, which need fewer networks or more."""
    each = []
    for graph in drawn[:: max(1, len(drawn) // 16)]:
        loop = LeanLoop(graph, seen, protocol)
        loop.steps(4)
        each.append(min(_loop_seconds(loop, n, 30) for n in {1, cores()}))
    return statistics.mean(each)


def page(kept: dict[str, Any]) -> str:
    """docs/performance.md's generated part."""
    lines = ["| work | lean loop | one worker | core for core | whole machine | must | aim | limit, estimated |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for name, (_, what, _, must, aim, limit) in ROWS.items():
        if found := kept.get(name):
            ms = (f"{v:,.0f} ms" if (v := found[k]) >= 100 else f"{v:.3g} ms" for k in ("lean_ms", "worker_ms"))
            machine = "machine was busy" if found["ratio_machine"] is None else f"**{found['ratio_machine']:.1f}x**"
            lines.append(
                f"| {what} | {' | '.join(ms)} | {found['ratio_core']:.1f}x | {machine} | {must:g}x | {aim:g}x | {limit} |"
            )
    busy = max((found["busy"] for name, found in kept.items() if name in ROWS), default=1.0)
    if busy > QUIET:
        lines += ["", f"The machine was busy with something else, up to {busy:.1f} seconds by the clock for each computed.",
                  "Emptied caches slow both sides, not equally: a quiet machine has other ratios."]  # fmt: skip
    if found := kept.get("whole"):
        lines += ["", f"digits A, 2,500 graphs drawn ({found['trained']:,} to train), whole command from start to exit: "
                  f"**{found['wall_s']:.0f} s**,\n{found['ratio']:.1f} times as fast as the lean loop on the graphs it trained "
                  f"({found['lean_ms']:.2f} ms a graph-step; must 8x, aim 15x),\n{found['ratio_drawn']:.1f} times on the 2,500 "
                  f"drawn. Largest process: {found['peak_gb_largest_process']:.2f} GB.\nMode: {found['mode']}.\n"
                  "The time left, promised minus true: "
                  + ", ".join(f"{off:+.0f} % at the {n} mark" for n, off in found["left_error_percent"].items())
                  + " (must: within 15 % at the quarter mark)."]  # fmt: skip
    if found := kept.get("profile"):
        parts, total, rates = found["parts_ms"], found["step_ms"], found["gflops"]
        lines += ["", "| part of a step (digits, eager, one thread) | ms a graph-step | share |", "| --- | --- | --- |"]
        lines += [f"| {n} | {v:.4f} | {100 * v / total:.0f} % |" for n, v in parts.items()]
        lines += [f"| the whole step, Python and Accelerate with it | {total:.4f} | 100 % |", ""]
        lines += [f"A graph-step is {found['mflop']:.2f} MFLOP of products: {found['mflop'] / total:.0f} GFLOP/s of the step,"
                  f" on a core that reaches {max(rates.values()):.0f}.\nProducts alone, GFLOP/s: "
                  + "; ".join(f"{n}: {g:.0f}" for n, g in rates.items()) + "."]  # fmt: skip
    host = f"{processor()}, torch {torch.__version__}, {date.today():%Y-%m-%d}"
    return "\n".join([*lines, "", f"Measured on: {host}.", ""])


def write(kept: dict[str, Any]) -> None:
    """Replace the page's generated part."""
    mark = "<!-- measured -->\n"
    before, _, rest = PAGE.read_text("utf-8").partition(mark)
    after = rest.partition(mark)[2]
    PAGE.write_text(f"{before}{mark}{page(kept)}{mark}{after}", "utf-8")


def main(argv: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("rows", nargs="*", choices=[*ROWS, "profile", "whole", []], help="what to measure")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--write", action="store_true")
    args = p.parse_args(argv)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    for name in args.rows:
        kept[name] = row(name, args.rounds) if name in ROWS else profile() if name == "profile" else whole()
        print(name, json.dumps(kept[name], indent=2))
        KEPT.write_text(json.dumps(kept, indent=2) + "\n")
    if args.write:
        write(kept)


if __name__ == "__main__":
    main()
