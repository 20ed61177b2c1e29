"""What questions about design spaces cost: counts, what-if, sampling, enumeration, at 2 to 8 nodes.

    python benchmarks/space.py [--json]          about twenty seconds

Times are medians of five (of one where a single run takes over a second), each in this process, nothing cached but what
a screen would keep warm: the space itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from engine.space.constraints import parse
from engine.space.counting import counts
from engine.space.counting.effective_forms import forms
from engine.space.files.load import Space, load
from engine.space.protocol import Protocol
from engine.space.space import Ancestor
from engine.space.what_if import refine, whatif

MODELS = ("resnet32", "resnet110", "wrn28-2")
GATES = ("through", "cutoff", "linear", "correct")
TRIED = (
    "L[2,1] = through",
    "m[2] = m[3]",
    "any of L[aux,1] = through or pretrained = some",
    "count(L[*,*] = cutoff) <= 4",
    "taught and count(L[*,1] != cutoff) >= 2 and not (L[2,3] = L[3,2])",
)
"""Phrases from the simplest to one that couples every edge."""

SAMPLED = 50_000


def space(nodes: int, *phrases: str) -> Space:
    """A target and `nodes` - 1 auxiliary nodes of three models, four gates on every edge."""
    domains = (MODELS[:1], *[MODELS] * (nodes - 1)), (GATES,) * nodes**2
    return Space(f"{nodes} nodes", nodes, *domains, Protocol(), (Ancestor("it", tuple(map(parse, phrases))),))


def seconds(call: Callable[[], object]) -> float:
    """Median of five calls, or the first if it takes over a second."""
    spent: list[float] = []
    while len(spent) < 5 and not (spent and spent[0] > 1):
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def counted() -> list[dict[str, Any]]:
    """Milliseconds for raw, paper's and keys; then with the effective ones."""
    rows = []
    asked = [(n, ()) for n in range(2, 9)] + [(4, ("L[2,1] = through", "m[3] != wrn28-2")), (5, ("taught",))]
    for nodes, phrases in asked:
        ground = space(nodes, *phrases).ground
        whole = counts.counts(ground)
        rows.append({
            "space": f"{nodes} nodes" + "".join(f", {p}" for p in phrases),
            "keys": whole.keys,
            "effective": "exact" if whole.effective_within is None else "estimate",
            "basic ms": 1e3 * seconds(lambda ground=ground: counts.basic(ground)),
            "all ms": 1e3 * seconds(lambda ground=ground: counts.counts(ground)),
        })
    return rows


def tried() -> list[dict[str, Any]]:
    """Milliseconds of a what-if, the slowest of the phrases, for every shipped space; then its effective counts."""
    rows = []
    for name in ("A", "B", "C", "X", "minami2020"):
        shipped = load(name)
        shipped.keys  # noqa: B018 (kept warm)
        answers = [whatif(shipped, text) for text in TRIED]
        rows.append({
            "space": name,
            "what-if ms": max(1e3 * seconds(lambda t=text, s=shipped: whatif(s, t)) for text in TRIED),
            "effective ms": max(1e3 * seconds(lambda a=answer: forms(a.ground)) for answer in answers),
        })
    return rows


def drawn() -> list[dict[str, Any]]:
    """Graphs a second: sampled uniformly over keys, and listed in canonical order; tables built anew each time."""
    rows = []
    for nodes in range(2, 6):
        made = space(nodes)
        number = min(SAMPLED, made.keys)
        rows.append({
            "space": made.name,
            "sampled a second": number / seconds(lambda n=nodes, k=number: space(n).sample(k, 0)),
            "listed a second": number / seconds(lambda n=nodes, k=number: list(islice(space(n).enumerate(), k))),
        })
    parent = load("minami2020")
    few = refine(parent, "count(L[*,*] = linear) >= 8 and taught").child
    rows.append({
        "space": f"{few.keys} of {parent.keys}",
        "sampled a second": few.keys / seconds(lambda: few.sample(few.keys, 0)),
        "listed a second": few.keys / seconds(lambda: list(few.enumerate())),
    })
    return rows


def started() -> list[dict[str, Any]]:
    """Milliseconds of the command in a new process, Python's own start included."""
    command = [sys.executable, "-m", "engine.space", "X", "--json"]
    spent = seconds(lambda: subprocess.run(command, check=True, capture_output=True))
    bare = seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    return [{"command": "python -m engine.space X --json", "ms": 1e3 * spent, "bare Python ms": 1e3 * bare}]


PARTS = {"counts": counted, "what-if": tried, "drawing": drawn, "start": started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    found = {name: part() for name, part in PARTS.items()}
    if options.json:
        print(json.dumps(found))
        return
    for name, rows in found.items():
        print(f"\n{name}")
        for row in rows:
            print("  " + "  ".join(f"{k}: {v:,.1f}" if isinstance(v, float) else f"{k}: {v}" for k, v in row.items()))


if __name__ == "__main__":
    main()
