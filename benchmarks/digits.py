"""The table of docs/digits.md: A with 600 random graphs on fresh seeds, medians by four conditions with intervals.

    for s in 11 12 13; do python -m engine.search digits/A --random 600 --seed $s --run runs/A-$s; done
    python benchmarks/digits.py runs/A-11 runs/A-12 runs/A-13

Intervals are 95 % percentile bootstraps of the median over trainings (graphs that share a training are drawn together).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from engine.analysis.conditions import find, split
from engine.analysis.run_sample import read

CONDITIONS = ("aux-models", "label-aux", "label-target", "aux-target")
RESAMPLES = 2000


def interval(errors: np.ndarray, trainings: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the median, resampling trainings."""
    draw = np.random.default_rng(seed)
    names, place = np.unique(trainings, return_inverse=True)
    members = [errors[place == i] for i in range(len(names))]
    medians = [
        np.median(np.concatenate([members[i] for i in draw.integers(0, len(names), len(names))])) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(low), float(high)


def main(folders: list[str]) -> None:
    samples = [read(Path(f)).sample for f in folders]
    print("| condition | value | " + " | ".join(f"seed {read(Path(f)).info.seed}" for f in folders) + " |")
    print("| --- | --- |" + " --- |" * len(folders))
    for name in CONDITIONS:
        parted = [split(s, find(name)) for s in samples]
        for label in [v.label for v in parted[0].values]:
            cells = []
            for sample, part in zip(samples, parted, strict=True):
                place = next((i for i, v in enumerate(part.values) if v.label == label), None)
                if place is None:
                    cells.append("-")
                    continue
                mask = part.mask(place)
                errors = sample.errors[mask]
                low, high = interval(errors, np.asarray(sample.trainings)[mask])
                cells.append(f"{np.median(errors):.2f} [{low:.2f}, {high:.2f}] n={len(errors)}")
            print(f"| {name} | {label} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
