"""What the analysis costs and whether its promises hold.

    python benchmarks/analysis.py                     speed, coverage, verdicts, advice: about four minutes
    python benchmarks/analysis.py coverage            one part: speed, coverage, verdicts, advice, ties, worth, report, levels
    python benchmarks/analysis.py levels              the table of engine/analysis/band_levels.py, exactly (ten minutes)

Times are the best of five. Coverage is the share of 2,000 simulated samples whose band holds the whole true curve.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats

from engine.analysis import band_levels
from engine.analysis.advice.advise import LEAST, advise, enough
from engine.analysis.advice.candidates import candidates
from engine.analysis.advice.lift import lifts, scores
from engine.analysis.advice.stability import stability
from engine.analysis.bands import KINDS, band
from engine.analysis.conditions import FIVE, split
from engine.analysis.constraint_mask import holding
from engine.analysis.difference import difference
from engine.analysis.edf import Edf
from engine.analysis.importance import importance
from engine.analysis.repeats.optimism import optimism
from engine.analysis.sample import Sample, sample
from engine.analysis.verdict import against_rest, verdict

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.analysis.folders import effect, records, space_named, written

RUNS = 2000


def simulated(n: int) -> Sample:
    """n graphs of digits/A with a known effect."""
    space = space_named("digits/A")
    trials, _, _ = records(space, space.sample(n, 0))
    return sample(trials, space.protocol, name=space.name, population=space.keys)


def best_of(times: int, call: Callable[[], object]) -> float:
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return 1000 * min(found)


def speed() -> None:
    """Info objects at 10,000 trials; targets: one condition 50 ms, all five and advice 500 ms."""
    space = space_named("digits/A")
    trials, _, _ = records(space, space.sample(10_000, 0))
    table = sample(trials, space.protocol, name=space.name, population=space.keys)
    phrase = space.parse("L[aux,1] in {through, linear}")

    def everything() -> None:
        for condition in FIVE:
            split(table, condition).edfs()
        advise(table)

    calls: dict[str, Callable[[], object]] = {
        "read 10,000 trials into a sample": lambda: sample(trials, space.protocol, name="A"),
        "slowest condition, its EDFs": lambda: max((split(table, c).edfs() for c in FIVE), key=len),
        "one condition, its EDFs": lambda: split(table, FIVE[3]).edfs(),
        "its verdicts": lambda: against_rest(split(table, FIVE[3])),
        "what-if by a phrase": lambda: holding(table, space, [phrase]),
        "band": lambda: band_levels.limits(10_000, band_levels.local_level(10_000, 0.95)),
        "advice": lambda: advise(table),
        "all five and advice": everything,
        "importance": lambda: importance(table),
        "stability": lambda: stability(table),
    }
    for name, call in calls.items():
        print(f"{name:<36} {best_of(5, call):8.1f} ms")


POPULATIONS = {
    "normal": stats.norm(30, 3), "skewed (lognormal)": stats.lognorm(0.8, 25, 4), "uniform": stats.uniform(20, 20),
}


def coverage() -> None:
    """Bands at n = 50 and 200: endless populations, coarse errors (0.5 %) and a finite space of 513 graphs."""
    print("share of samples whose 95 % band holds the whole curve (nominal 0.950, error 0.005)")
    for n in (50, 200):
        for name, population in POPULATIONS.items():
            for kind in KINDS[:2]:
                rng = np.random.default_rng(n)
                held = sum(_held(np.sort(population.rvs(n, random_state=rng)), population.cdf, kind) for _ in range(RUNS))
                print(f"n = {n:<4} {name:<20} {kind:<16} {held / RUNS:.3f}")
    for n in (50, 250, 450):
        print(f"n = {n:<4} of 513 graphs          equal-precision  {_finite(n):.3f}")


def _held(errors: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray], kind: str) -> bool:
    limits = band(Edf("a", errors), 0.95, kind)  # type: ignore[arg-type]
    truth = cdf(errors)
    return bool((limits.lower[1:] <= truth).all() and (limits.upper[:-1] >= truth).all())


def _finite(n: int) -> float:
    rng = np.random.default_rng(n)
    space = np.sort(rng.normal(30, 3, 513))
    held = 0
    for _ in range(RUNS):
        errors = np.sort(rng.choice(space, n, replace=False))
        limits = band(Edf("a", errors, fraction=n / 513))
        grid = np.append(space, space[-1] + 1)
        lower, upper = limits.at(grid)
        truth = np.searchsorted(space, grid, side="left") / 513
        held += bool((lower <= truth + 1e-12).all() and (upper >= truth - 1e-12).all())
    return held / RUNS


def verdicts() -> None:
    """How often equal spaces are told apart (5 % at most), and how often the difference band holds a true difference."""
    for n, m in ((50, 50), (50, 550), (200, 400)):
        rng = np.random.default_rng(n + m)
        kinds: list[str] = []
        held = 0
        for _ in range(RUNS):
            other = Edf("b", np.sort(rng.gamma(2, 3, m)))
            kinds.append(verdict(Edf("a", np.sort(rng.gamma(2, 3, n))), other).kind)
            gap = difference(Edf("a", np.sort(rng.gamma(2, 2, n))), other)
            truth = stats.gamma.cdf(gap.errors, 2, scale=2) - stats.gamma.cdf(gap.errors, 2, scale=3)
            held += bool(((gap.lower <= truth) & (truth <= gap.upper)).all())
        told = {k: kinds.count(k) / RUNS for k in sorted(set(kinds))}
        print(f"n = {n} and {m}: equal spaces {told}; the band holds a true difference {held / RUNS:.3f}")


def advice() -> None:
    """How often noise becomes advice: 95 % intervals of all candidates at once, one look."""
    for n in (100, 150, 600):
        table = simulated(n)
        chosen = [c for c in candidates(table) if 10 <= c.n <= len(table) - 10]
        masks = np.stack([c.mask for c in chosen], axis=1).astype(float)
        rng = np.random.default_rng(n)
        sure = worse = 0
        for seed in range(RUNS):
            found = lifts(scores(rng.normal(size=len(table))), masks, coverage=0.95, fraction=0.0, looked=1, seed=seed)
            sure += bool((found.low > 0).any())
            worse += bool((found.high < 0).any())
        print(f"n = {len(table)}, {len(chosen)} candidates: surely better {sure / RUNS:.3f}, surely worse {worse / RUNS:.3f} "
              "(nominal 0.025 each)")


DRAWN: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "continuous": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(n),
    "22 values": lambda rng, n: np.minimum(rng.binomial(60, 0.2, n), 21),
    "two values, half": lambda rng, n: rng.integers(0, 2, n),
    "two values, 1 in 20": lambda rng, n: (rng.random(n) > 0.05).astype(int),
    "a third at the best": lambda rng, n: np.maximum(rng.normal(0.43, 1, n), 0),
    "one outlier": lambda rng, n: np.append(0.0, np.ones(n - 1)),
}
"""Errors by kind; what is not continuous ties."""


def ties() -> None:
    """Whether intervals of lifts and bands hold where errors tie, beside continuous ones."""
    print("lifts of all candidates at once, one look, nominal 0.95: no effect (errors shuffled over the graphs)")
    for n in (50, 100, 150, 600):
        table = simulated(n)
        masks = np.stack([c.mask for c in candidates(table) if enough(table, c)], axis=1).astype(float)
        for kind, drawn in DRAWN.items():
            rng = np.random.default_rng(n)
            better, worse, held = np.mean([_told(rng.permutation(drawn(rng, len(table))), masks, s) for s in range(RUNS)], axis=0)
            print(f"n = {len(table):<4} {kind:<20} hold {held:.3f}  surely better {better:.3f}  surely worse {worse:.3f}")
    print("the same where auxiliary models and label gates matter: draws from all graphs of digits/A")
    space = space_named("digits/A")
    trials, _, _ = records(space, list(space.enumerate()), error_of=effect)
    population = sample(trials, space.protocol, name="A")
    every = np.stack([c.mask for c in candidates(population)], axis=1)
    phrases = [c.phrase for c in candidates(population)]
    decided = {f"bad if and only if {p}": every[:, phrases.index(p)].astype(float)
               for p in ("L[y,1] = cutoff", "pretrained = some")}
    for kind, values in (_tied(population.errors) | decided).items():
        score = scores(values)
        truth = score @ every / every.sum(axis=0) - score.mean()
        for n in (150, 600):
            rng = np.random.default_rng(n)
            held = np.mean([_covers(rng.choice(len(values), n, replace=False), values, every, truth, s) for s in range(RUNS)])
            print(f"n = {n:<4} {kind:<40} hold {held:.3f}")
    print("bands of errors that tie (k of so many images, 20 % wrong), nominal 0.95; the last: half of all graphs at the best")
    for n in (50, 200):
        for images, least in ((100_000, 0), (1000, 0), (100, 0), (1000, 200)):
            print(f"n = {n:<4} {images:>7,} images  {_held_tied(n, images, least):.3f}")


SPACES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal true errors": lambda rng, n: rng.normal(20, 0.8, n),
    "5 % of the graphs broken": lambda rng, n: np.where(rng.random(n) < 0.05, 60, rng.normal(20, 0.8, n)),
    "half of them broken": lambda rng, n: np.where(rng.random(n) < 0.5, 30, rng.normal(20, 0.8, n)),
    "a long bad tail (gamma)": lambda rng, n: 20 + rng.gamma(2, 1, n),
    "no true differences": lambda rng, n: np.full(n, 20.0),
}
"""True errors (%) of n graphs."""


def worth() -> None:
    """Expected optimism of the best of 400 graphs against what it loses, noise 0.6, errors of 476 images, 200 runs."""
    for kind, drawn in SPACES.items():
        for repeats in (2, 5):
            rng, told, lost = np.random.default_rng(repeats), [], []
            for _ in range(200):
                truth = drawn(rng, 400)
                seen = np.round((truth[:, None] + rng.normal(0, 0.6, (400, repeats))) * 4.76) / 4.76
                errors = {str(i): tuple(row) for i, row in enumerate(seen.tolist())}
                means = seen.mean(axis=1).round(9)
                tied = np.flatnonzero(means == means.min())
                told.append(optimism(errors, [str(i) for i in tied]).points or 0.0)
                lost.append(float(truth[tied].mean() - means.min()))
            print(f"{kind:<26} {repeats} repeats: told {np.mean(told):+.2f}, lost {np.mean(lost):+.2f} "
                  f"(standard error {np.std(lost) / len(lost) ** 0.5:.2f})")


def _told(errors: np.ndarray, masks: np.ndarray, seed: int) -> tuple[bool, bool, bool]:
    found = lifts(scores(errors), masks, coverage=0.95, fraction=0.0, looked=1, seed=seed)
    better, worse = bool((found.low > 0).any()), bool((found.high < 0).any())
    return better, worse, not better and not worse


def _tied(errors: np.ndarray) -> dict[str, np.ndarray]:
    """Errors as they are, and with ever more ties."""
    low, fifteen, median = np.quantile(errors, [0.05, 0.15, 0.5])
    return {
        "continuous": errors + np.random.default_rng(0).normal(0, 1e-4, len(errors)), "one of 100 images": errors.round(0),
        "5 % at the best": np.maximum(errors, low).round(1), "15 % at the best": np.maximum(errors.round(0), fifteen),
        "two values, half": (errors > median).astype(float),
        "two values, 1 in 20": (errors > low).astype(float),
    }


def _covers(rows: np.ndarray, errors: np.ndarray, every: np.ndarray, truth: np.ndarray, seed: int) -> bool:
    masks = every[rows]
    usable = np.minimum(masks.sum(axis=0), len(rows) - masks.sum(axis=0)) >= LEAST
    fraction = len(rows) / len(errors)
    found = lifts(scores(errors[rows]), masks[:, usable].astype(float), coverage=0.95, fraction=fraction, looked=1, seed=seed)
    return bool(((found.low <= truth[usable] + 1e-9) & (truth[usable] <= found.high + 1e-9)).all())


def _held_tied(n: int, images: int, least: int) -> float:
    rng = np.random.default_rng(n)
    values = np.arange(images + 1)
    below = stats.binom.cdf(values - 1, images, 0.2)  # F(e) = P(error < e)
    below[: least + 1] = 0.0
    held = 0
    for _ in range(RUNS):
        drawn = np.maximum(rng.binomial(images, 0.2, n), least)
        lower, upper = band(Edf("a", np.sort(drawn).astype(float))).at(np.append(values, images + 1))
        truth = np.append(below, 1.0)
        held += bool((lower <= truth + 1e-12).all() and (upper >= truth - 1e-12).all())
    return held / RUNS


def report() -> None:
    """A lineage A-B-C-X of digits with 2,500 trials each (C and X: all graphs); target 20 s."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        runs = [written(root / s, f"digits/{s}", n) for s, n in (("A", 2500), ("B", 2500), ("C", 1134))]
        runs.append(written(root / "X", "digits/X", repeats=5))
        command = [sys.executable, "-m", "engine.report", *map(str, runs), "--out", str(root / "out")]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"report of A-B-C-X, every format: {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import engine.analysis.__main__"], check=True)
        print(f"import of the analysis, fresh interpreter: {time.perf_counter() - start:.2f} s")


def table() -> None:
    """Local levels for `engine/analysis/band_levels.py`."""
    for nominal in (0.9, 0.95, 0.99):
        found = (f"{band_levels.solve(n, nominal):.6g}" for n in band_levels.SIZES)
        print(f"    {nominal}: ({', '.join(found)}),")


PARTS: dict[str, Callable[[], None]] = {
    "speed": speed, "coverage": coverage, "verdicts": verdicts, "advice": advice, "ties": ties, "worth": worth,
    "report": report, "levels": table,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    for name in parser.parse_args().parts or [p for p in PARTS if p not in ("levels", "report", "ties", "worth")]:
        if name not in PARTS:
            parser.error(f"unknown part {name!r}; known: {', '.join(PARTS)}")
        print(f"# {name}")
        PARTS[name]()


if __name__ == "__main__":
    main()
