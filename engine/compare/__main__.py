"""Compare searches as the paper's Table 2 does: the best graph of each and DML of its nodes, both trained again.

examples:
  python -m engine.compare runs/digits-A-asha300 runs/digits-X-exhaustive
  python -m engine.compare runs/digits-A-asha300 runs/digits-X-exhaustive --repeats 10 --test --out comparison

Retrainings use seeds no search used, the same for both graphs of a pair; what an earlier comparison or evaluation trained
is not trained again. The test set stays closed without --test. With --out: CSV, LaTeX, Markdown, JSON and a figure.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import Parser, run
from engine.errors import AnalysisError

if TYPE_CHECKING:
    from engine.compare.entries import Entry
    from engine.evaluate.evaluation import Chosen
    from engine.report.tables import Table


def arguments() -> Parser:
    """The command line."""
    p = Parser("engine.compare", __doc__ or "")
    p.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders")
    p.add_argument("--repeats", type=int, default=5, metavar="R", help="retrainings of each graph (5)")
    p.add_argument("--test", action="store_true", help="open the test set, and record in each run that it was opened")
    p.add_argument("--out", type=Path, metavar="DIR", help="also write tables and a figure into this folder")
    p.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where data sets lie (data)")
    p.add_argument("--teachers", type=Path, metavar="DIR", help="pre-trained weights to share (default: beside each run)")
    p.add_argument("--threads", type=int, metavar="N", help="threads (default: each search's, all for large networks)")
    p.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return run(lambda: _compare(arguments().parse_args(argv), sys.argv[1:] if argv is None else argv),
               "retrainings that ended are kept, and the same command goes on from there")


def _compare(args: argparse.Namespace, argv: Sequence[str]) -> int:
    from engine.analysis.run_sample import distinct
    from engine.compare.entries import entry, names, plain
    from engine.evaluate.evaluation import choose, evaluated
    from engine.report.output import claim

    distinct(args.runs)
    for name in ("repeats", "threads"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise AnalysisError(f"--{name}: must be at least 1, got {value}")
    if args.out:
        claim(args.out)
    chosen = [choose(folder, ["best", "dml"]) for folder in args.runs]
    _train(chosen, args, argv)
    found = [evaluated(c, args.repeats) for c in chosen]
    entries = [entry(e, name) for e, name in zip(found, names(chosen), strict=True)]
    tables = _tables(entries, chosen, test=args.test)
    told = plain(entries, chosen, test=args.test)
    if args.out:
        _write(args.out, tables, told, entries)
    print(json.dumps(told) if args.json else _text(tables, entries))
    return 1 if any(g.diverged for e in entries for g in (e.best, e.dml)) else 0


def _train(chosen: Sequence[Chosen], args: argparse.Namespace, argv: Sequence[str]) -> None:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as engine.search: OpenMP's spinning threads starve each other
    from engine.evaluate.evaluation import evaluate
    from engine.evaluate.retraining import Options
    from engine.evaluate.text import Counter
    from engine.provenance import command

    options = Options(args.repeats, args.test, args.data, teachers=args.teachers, threads=args.threads,
                      command=command("engine.compare", argv))
    with Counter() as counter:
        for one in chosen:
            for event in evaluate(one, options):
                counter.show(event)


def _tables(entries: Sequence[Entry], chosen: Sequence[Chosen], *, test: bool) -> list[Table]:
    from engine.analysis.repeats.retrained import Which
    from engine.compare import tables
    from engine.compare.entries import between

    kinds: list[Which] = ["test", "validation"] if test else ["validation"]
    made = [tables.results(entries, kind) for kind in kinds]
    made += [tables.against(rows, kind) for kind in kinds if (rows := between(entries, kind, chosen))]
    return [*made, tables.cost(entries), tables.so_far(entries), tables.graphs(entries)]


def _text(tables: Sequence[Table], entries: Sequence[Entry]) -> str:
    from engine.report.tables import as_text

    remarks = [f"{e.folder}: {said}" for e in entries for said in (*e.notes, e.remark or "the test set is closed")]
    return "\n\n".join([*map(as_text, tables), "\n".join(remarks)])


def _write(folder: Path, tables: Sequence[Table], told: dict[str, Any], entries: Sequence[Entry]) -> None:
    from engine.report import output
    from engine.report.figures import style
    from engine.report.figures.curves import trajectory_figure
    from engine.report.tables import as_csv, as_latex, as_markdown

    files = {f"{t.name}.csv": as_csv(t).encode() for t in tables} | {f"{t.name}.tex": as_latex(t).encode() for t in tables}
    files["comparison.md"] = ("\n\n".join(map(as_markdown, tables)) + "\n").encode()
    files["comparison.json"] = json.dumps(told, indent=1).encode()
    with style.styled():
        drawn = trajectory_figure([(e.name, e.path) for e in entries])
        files |= {f"error-against-cost.{form}": style.rendered(drawn, form) for form in ("svg", "png", "pdf")}
    output.write(folder, files)


if __name__ == "__main__":
    sys.exit(main())
