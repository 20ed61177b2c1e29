"""How quickly the workbench answers on a real pseudo-terminal of 120x40, from outside.

    python benchmarks/workbench.py                open, keys, follow: about a minute
    python benchmarks/workbench.py keys           one part
    python benchmarks/workbench.py --trials 1000  a smaller run (default 10,000)

The run is made up: random graphs of digits/A with an error by a rule. `last` is the time from a key to the last byte it
caused; a test driver inside the program cannot see that. Times in ms: median and 95th percentile.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from engine.space.files import resolved
from engine.space.files.load import Space, load
from engine.store.files.status import PackStatus, Status
from engine.store.records import Curve, RunInfo, State, Training, Trial
from engine.store.run import Run

SIZE = (120, 40)
KEYS = {"down": "\x1b[B", "up": "\x1b[A", "right": "\x1b[C", "left": "\x1b[D", "tab": "\t", "page down": "\x1b[6~"}
PLACES = (
    ("spaces", "", ("down", "tab")),
    ("live", "2", ("down", "page down")),
    ("analyse", "3", ("down", "right", ".")),
    ("refine", "4", ("a", "\x7f")),
)
"""Page, the key that opens it, the keys measured there."""
PRESSES = 25
QUIET = 0.3
"""Seconds without a byte after which a key has had its answer."""


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *arguments: str) -> None:
        self.started = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", COLUMNS=str(SIZE[0]), LINES=str(SIZE[1]))
            os.execv(sys.executable, [sys.executable, *arguments])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))

    def drain(self, quiet: float, limit: float = 20.0) -> tuple[int, float, float]:
        """Read until `quiet` seconds pass without output: bytes, seconds to the first and to the last of them."""
        start = time.perf_counter()
        size, first, last = 0, 0.0, 0.0
        while time.perf_counter() - start < limit and select.select([self.fd], [], [], quiet)[0]:
            size += len(os.read(self.fd, 65536))
            last = time.perf_counter() - start
            first = first or last
        return size, first, last

    def press(self, key: str) -> tuple[int, float, float]:
        os.write(self.fd, KEYS.get(key, key).encode())
        return self.drain(QUIET, 5.0)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def records(space: Space, n: int) -> Iterator[tuple[Trial, Training, Curve]]:
    """`n` trials of random graphs; an effective graph drawn again is left out."""
    seen: set[str] = set()
    for number, graph in enumerate(space.sample(n, 0)):
        effective = graph.effective()
        if effective.graph is None or not graph.is_taught or effective.key in seen:
            continue
        seen.add(effective.key or "")
        error = 6.0 + 3 * (graph.models[1] == "mlp16") + number * 7919 % 1000 / 250
        live = effective.graph.nodes
        accuracy = (100 - error,) * live
        id = f"{effective.key}.0"
        rows = tuple(tuple(100 - error - 20 / (epoch + 1) for _ in range(live)) for epoch in range(30))
        yield (Trial(number=number, key=graph.key, graph=str(graph), state=State.DONE, training=id, nodes=effective.nodes,
                     accuracy=(accuracy * graph.nodes)[: graph.nodes]),
               Training(id=id, graph=str(effective.graph), seed=0, state=State.DONE, epochs=30, accuracy=accuracy, wall=0.5),
               Curve(id=id, accuracy=rows, loss=rows))


def new_run(folder: Path, space: Space, total: int) -> Run:
    return Run.create(folder, RunInfo(name=folder.name, space=resolved.dump(space), strategy={"name": "random"}, seed=0,
                                      mode={"pack": 64}, total=total))


def opening(folder: Path) -> None:
    """First paint and settled, memory, silence, and `--help`."""
    starts = []
    for _ in range(4):
        with Terminal("-m", "ktgtui", str(folder)) as terminal:
            size, first, last = terminal.drain(1.5)
            starts.append((first, last))
            memory = psutil.Process(terminal.pid).memory_info().rss / 1e6
            idle = terminal.drain(3.0)[0]
    first, last = (statistics.median(times) for times in zip(*starts[1:], strict=True))
    print(f"first paint {first * 1e3:.0f} ms   settled {last * 1e3:.0f} ms   {size:,} bytes   {memory:.0f} MB   "
          f"idle {idle} bytes")
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "ktgtui", "--help"], check=True, stdout=subprocess.DEVNULL)
    print(f"--help {(time.perf_counter() - began) * 1e3:.0f} ms")


def keys(folder: Path) -> None:
    """Keys by page: milliseconds to the last byte, and bytes."""
    for page, opened_by, pressed in PLACES:
        with Terminal("-m", "ktgtui", str(folder)) as terminal:
            terminal.drain(1.5)
            if opened_by:
                terminal.press(opened_by)
                terminal.drain(1.0)
            for key in pressed:
                answers = [terminal.press(key) for _ in range(PRESSES)]
                seen = [answer for answer in answers if answer[0]]
                times = sorted(last * 1e3 for _, _, last in seen) or [0.0]
                p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
                size = sum(size for size, _, _ in seen) // max(1, len(seen))
                print(f"{page:8} {key!r:12} last {statistics.median(times):5.1f} p95 {p95:5.1f}   {size:6,} bytes   "
                      f"{len(seen)}/{PRESSES} answered")


def following(root: Path, trials: int) -> None:
    """A run that gets 50 trials a second, ten a pack, while a page looks at it."""
    space = load("digits/A")
    made = list(records(space, max(trials, 3_000)))
    for page, opened_by, _ in PLACES[:3]:
        folder = root / f"follow-{page}" / "runs" / "r"
        with new_run(folder, space, len(made)) as run:
            _add(run, made[:1000])
            stop = threading.Event()
            writer = threading.Thread(target=_write, args=(run, made[1000:], stop))
            writer.start()
            try:
                with Terminal("-m", "ktgtui", str(folder.parent.parent)) as terminal:
                    terminal.drain(0.5, 3.0)
                    os.write(terminal.fd, opened_by.encode())
                    terminal.drain(1.5, 3.0)
                    before = psutil.Process(terminal.pid).cpu_times()
                    size, start = 0, time.perf_counter()
                    while (seconds := time.perf_counter() - start) < 15:
                        size += terminal.drain(0.5, 1.0)[0]
                    after = psutil.Process(terminal.pid).cpu_times()
            finally:
                stop.set()
                writer.join()
        busy = (after.user + after.system - before.user - before.system) / seconds
        print(f"{page:8} {size / seconds / 1e3:.1f} KB/s   {100 * busy:.0f} % of a core")


def _write(run: Run, made: Sequence[tuple[Trial, Training, Curve]], stop: threading.Event) -> None:
    for first in range(0, len(made), 10):
        if stop.wait(0.2):
            return
        _add(run, made[first : first + 10])
        pack = PackStatus(number=first // 10, graphs=10, epoch=first % 30, epochs=30)
        run.write_status(Status(phase="training", done=1000 + first, total=run.info.total, rate=50.0, packs=(pack,)))


def _add(run: Run, made: Sequence[tuple[Trial, Training, Curve]]) -> None:
    trials, trainings, curves = zip(*made, strict=True)
    run.add(trials, trainings, curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="open, keys, follow")
    parser.add_argument("--trials", type=int, default=10_000)
    options = parser.parse_args()
    if wrong := set(options.parts) - {"open", "keys", "follow"}:
        parser.error(f"unknown part {wrong.pop()!r}; known: open, keys, follow")
    parts = options.parts or ["open", "keys", "follow"]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        if {"open", "keys"} & set(parts):
            space = load("digits/A")
            with new_run(root / "big" / "runs" / "r", space, options.trials) as run:
                _add(run, list(records(space, options.trials)))
        if "open" in parts:
            opening(root / "big")
        if "keys" in parts:
            keys(root / "big")
        if "follow" in parts:
            following(root, options.trials)


if __name__ == "__main__":
    main()
