"""Replay searches from a table of results: thousands of them in the time one takes to train.

examples:
  python -m engine.simulate --strategy random,asha --seeds 1000
  python -m engine.simulate --strategy random --graphs 500 --seeds 1000 --json
  python -m engine.simulate --build runs/digits-C-exhaustive --out C.table
  python -m engine.simulate --table C.table --strategy random,asha,asha-promote

A table holds every graph of a space with its learning curves over several repeats. A simulated search sees one repeat;
its find is then judged by the others: the regret is how much worse than the best graph there is (docs/simulate.md).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import Parser, run
from engine.errors import AnalysisError, SpaceError

if TYPE_CHECKING:
    from engine.simulate.regret import Regrets
    from engine.simulate.table import Table


def arguments() -> Parser:
    """The command line."""
    from engine.simulate.strategies import NAMES
    from engine.simulate.table import DEFAULT, shipped

    p = Parser("engine.simulate", __doc__ or "")
    p.add_argument("--strategy", default="random,asha", metavar="LIST", help=f"any of {', '.join(NAMES)} (default: random,asha)")
    p.add_argument("--graphs", type=int, default=500, metavar="N", help="graphs a search draws (500)")
    p.add_argument("--seeds", type=int, default=1000, metavar="S", help="simulated searches of each strategy (1000)")
    known = f"a file, or a shipped table: {', '.join(shipped())} ({DEFAULT})"
    p.add_argument("--table", default=DEFAULT, metavar="FILE", help=known)
    p.add_argument("--space", metavar="SPACE", help="refuse a table of another space than this")
    p.add_argument("--build", type=Path, metavar="RUN", help="instead make a table of an exhaustive search's run folder")
    p.add_argument("--repeats", type=int, metavar="R", help="with --build: whole passes to take (default: all)")
    p.add_argument("--out", type=Path, metavar="PLACE", help="a folder for curves (CSV, JSON, figure); with --build: the file")
    p.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return run(lambda: _simulate(arguments().parse_args(argv)))


def _simulate(args: argparse.Namespace) -> int:
    for name in ("graphs", "seeds", "repeats"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise AnalysisError(f"--{name}: must be at least 1, got {value}")
    return _build(args) if args.build else _replay(args)


def _build(args: argparse.Namespace) -> int:
    from engine.simulate.build_table import build
    from engine.simulate.table import save

    if args.out is None:
        raise AnalysisError("--build: needs a file for the table", "add --out FILE")
    if args.out.exists():
        raise AnalysisError(f"--out {args.out}: exists already", "name another file, or remove it")
    made = build(args.build, args.repeats)
    size = save(made, args.out)
    told = {**_facts(made), "file": str(args.out), "bytes": size}
    print(json.dumps(told) if args.json else f"{args.out}: {_words(made)}, {size:,} bytes")
    return 0


def _facts(table: Table) -> dict[str, Any]:
    i = table.info
    return {"space": table.space.name, "graphs": i.graphs, "forms": i.forms, "repeats": i.repeats, "epochs": i.epochs}


def _words(table: Table) -> str:
    i = table.info
    forms = f"{i.graphs:,} graphs ({i.forms:,} that train differently)"
    return f"{table.space.name}, {forms}, {i.repeats} repeats of {i.epochs} epochs"


def _replay(args: argparse.Namespace) -> int:
    from engine.report.output import claim
    from engine.simulate.regret import marks, regrets
    from engine.simulate.strategies import chosen, searches
    from engine.simulate.table import load

    names = chosen(args.strategy)
    if args.out:
        claim(args.out)
    table = load(args.table)
    _fits(args, table)
    paths, seconds = {}, {}
    for name in names:
        started = time.perf_counter()
        paths[name] = list(searches(name, table, args.graphs, range(args.seeds)))
        seconds[name] = time.perf_counter() - started
    costs = marks(max(sum(p.spent for p in found) / len(found) for found in paths.values()))
    found = [regrets(name, table, paths[name], costs) for name in names]
    curves = [r.plain() | {"seconds": round(seconds[r.name], 3)} for r in found]
    told = {"table": _facts(table), "graphs": args.graphs, "strategies": curves}
    if args.out:
        _write(args.out, found, told)
    if args.json:
        print(json.dumps(told))
    else:
        print(_text(table, found, args))
    return 0


def _write(folder: Path, found: Sequence[Regrets], told: dict[str, Any]) -> None:
    from engine.report import output
    from engine.report.figures import style
    from engine.report.tables import as_csv
    from engine.simulate.regret_figure import numbers, regret_figure

    files = {"regret.csv": as_csv(numbers(found)).encode(), "simulate.json": json.dumps(told, indent=1).encode()}
    with style.styled():
        drawn = regret_figure(found)
        files |= {f"regret.{form}": style.rendered(drawn, form) for form in ("svg", "png", "pdf")}
    output.write(folder, files)


def _fits(args: argparse.Namespace, table: Table) -> None:
    """Raises SpaceError if the table is not of the space that was asked for."""
    from engine.space.files.load import load

    if args.space and (fields := load(args.space).differs(table.space)):
        raise SpaceError(f"--table {args.table}: of {table.space.name}, which differs from {args.space} in "
                         f"{', '.join(fields)}", "name the table of that space")


def _text(table: Table, found: Sequence[Regrets], args: argparse.Namespace) -> str:
    from engine.simulate.text import text

    return f"{_words(table)}\n{args.seeds:,} searches of {args.graphs:,} graphs each\n\n{text(table, found)}"


if __name__ == "__main__":
    sys.exit(main())
