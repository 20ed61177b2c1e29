"""How much less noisy a difference of two graphs is when both are taken from the same repeat: the table of docs/training.md.

    python benchmarks/pairing.py [digits/X] [--graphs 24] [--repeats 16] [--json]

Trains the same graphs of the space, drawn at random, under its own protocol with `initialisation` own and shared. For each
pair of graphs a, b and the target's accuracy it takes the variance over repeats of a - b within one repeat (paired), and of a
in one repeat minus b in another, which is var(a) + var(b) (unpaired). The ratio is of their sums over all pairs: that of the
repeats needed for the same precision. Its standard error is a jackknife over repeats, which all pairs have in common.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.store.reader import RunReader

Floats = NDArray[np.float64]


def accuracies(space: str, graphs: int, repeats: int, how: str, folder: Path) -> Floats:
    """`[graph, repeat]`: the target's accuracy in %, of graphs whose every repeat has one."""
    command = [sys.executable, "-m", "engine.search", space, "--random", str(graphs), "--repeats", str(repeats),
               "--set", f"protocol.initialisation={how}", "--no-compile", "--run", str(folder)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    found: dict[str, dict[int, float]] = {}
    with RunReader(folder) as reader:
        reader.refresh()
        for trial in reader.trials:
            if trial.error is not None:
                found.setdefault(trial.key, {})[trial.repeat] = 100 - trial.error
    return np.array([[row[r] for r in range(repeats)] for row in found.values() if len(row) == repeats])


def variances(values: Floats) -> tuple[float, float]:
    """Of differences within a repeat, and of those between repeats: means over all pairs of graphs."""
    covariance = np.cov(values)
    own, pairs = np.diag(covariance), ~np.eye(len(values), dtype=bool)
    unpaired = (own[:, None] + own[None, :])[pairs]
    return float((unpaired - 2 * covariance[pairs]).mean()), float(unpaired.mean())


def ratio(values: Floats) -> float:
    paired, unpaired = variances(values)
    return paired / unpaired


def jackknife(values: Floats) -> float:
    """Standard error of the ratio, leaving out one repeat at a time."""
    repeats = values.shape[1]
    without = [ratio(np.delete(values, r, 1)) for r in range(repeats)]
    return float(np.sqrt((repeats - 1) * np.var(without)))


def report(values: Floats) -> dict[str, float]:
    paired, unpaired = variances(values)
    return {
        "graphs": len(values), "repeats": values.shape[1], "paired_sd": paired**0.5, "unpaired_sd": unpaired**0.5,
        "ratio": ratio(values), "ratio_se": jackknife(values), "between_graphs_sd": float(values.mean(1).std(ddof=1)),
    }  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("space", nargs="?", default="digits/X")
    p.add_argument("--graphs", type=int, default=24)
    p.add_argument("--repeats", type=int, default=16)
    p.add_argument("--json", action="store_true")
    args = p.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            how: report(accuracies(args.space, args.graphs, args.repeats, how, Path(folder, how))) for how in ("own", "shared")
        }
    if args.json:
        print(json.dumps(found, indent=2))
        return
    print("| initialisation | sd of a difference between repeats | within one | ratio of variances |\n| --- | --- | --- | --- |")
    for how, r in found.items():
        print(f"| `{how}` | {r['unpaired_sd']:.2f} | {r['paired_sd']:.2f} | {r['ratio']:.2f} +- {r['ratio_se']:.2f} |")


if __name__ == "__main__":
    main()
