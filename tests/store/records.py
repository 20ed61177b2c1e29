"""Records to store in tests: small, different from each other, and made from a number."""

from __future__ import annotations

from engine.store.trials import Curve, RunInfo, State, Training, Trial

GRAPH = "1:mlp12 2:mlp12 3:mlp12 | y>1 through, 2>1 linear"


def run_info(**fields: object) -> RunInfo:
    return RunInfo(**{"name": "x", "space": {"name": "X"}, "strategy": {"name": "random"}, "seed": 7,
                      "mode": {"pack": 4}, **fields})  # type: ignore[arg-type]


def trial(number: int, **fields: object) -> Trial:
    return Trial(**{"number": number, "key": f"{number:016x}", "graph": GRAPH, "state": State.DONE,
                    "training": f"{number:016x}.0", "accuracy": (90 + number / 7, None, 50.5), **fields})  # type: ignore[arg-type]


def training(number: int, **fields: object) -> Training:
    return Training(**{"id": f"{number:016x}.0", "graph": GRAPH, "seed": 7, "state": State.DONE, "epochs": 3,
                       "accuracy": (90 + number / 7, 1.5, 50.5), "losses": {"y>1": number / 3}, "wall": 0.25,
                       **fields})  # type: ignore[arg-type]


def curve(number: int, epochs: int = 3) -> Curve:
    rows = tuple((number / 7 + epoch, None, 1.5) for epoch in range(epochs))
    return Curve(id=f"{number:016x}.0", accuracy=rows, loss=rows)
