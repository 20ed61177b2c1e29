"""Train the best graphs of a run again with fresh seeds: what they are worth without the luck they were chosen for.

examples:
  python -m engine.evaluate runs/digits-X-exhaustive
  python -m engine.evaluate runs/digits-X-exhaustive --graph top5 --graph dml --repeats 10 --json
  python -m engine.evaluate runs/digits-X-exhaustive --test --export torchscript

Graphs: best, topN (top5), ties (all that tie as the best, at most 20; ties50: at most 50), dml (all edges through, of the
best graph's models), a key, or a graph's text in quotes. Of equal graphs those trained again before come first, then a lot
drawn from the search seed and the key decides: the order of a run's trials, which may follow the gates, never does.
Networks and a model card go to RUN/weights, figures to RUN/evaluations.log; what is there already is not trained again.
The test set stays closed without --test, and that it was opened is recorded in the run for good.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli import Parser, run
from engine.errors import AnalysisError

if TYPE_CHECKING:
    from engine.evaluate.evaluation import Chosen, Evaluated

KINDS = ("state_dict", "torchscript", "onnx")


def arguments() -> Parser:
    """The command line."""
    p = Parser("engine.evaluate", __doc__ or "")
    p.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    p.add_argument("--graph", action="append", metavar="GRAPH",
          help="best (the default), topN, ties, dml, a key or a text; repeatable")
    p.add_argument("--repeats", type=int, default=5, metavar="R", help="retrainings of each graph (5)")
    p.add_argument("--test", action="store_true", help="open the test set, and record that it was opened")
    p.add_argument("--export", action="append", choices=KINDS, default=[],
                   help="also write the target network alone, of every retraining; repeatable")
    p.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where data sets lie (data)")
    p.add_argument("--download", action="store_true", help="fetch the data set if it is not there")
    p.add_argument("--teachers", type=Path, metavar="DIR", help="pre-trained weights to share (default: beside the run)")
    p.add_argument("--threads", type=int, metavar="N", help="threads (default: the search's, all for large networks)")
    p.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return run(lambda: _evaluate(arguments().parse_args(argv), sys.argv[1:] if argv is None else argv),
               "retrainings that ended are kept, and the same command goes on from there")


def _evaluate(args: argparse.Namespace, argv: Sequence[str]) -> int:
    from engine.evaluate.evaluation import choose, evaluated

    for name in ("repeats", "threads"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise AnalysisError(f"--{name}: must be at least 1, got {value}")
    chosen = choose(args.run, args.graph or ["best"])
    if args.export:
        from engine.evaluate.export import require

        require(args.export)
    _train(chosen, args, argv)
    found = evaluated(chosen, args.repeats)
    files = [file for kind in dict.fromkeys(args.export) for file in _export(found, kind)]
    if args.json:
        print(json.dumps(found.plain(test=args.test) | ({"exported": [str(f) for f in files]} if args.export else {})))
    else:
        from engine.evaluate.text import text

        print(text(found, test=args.test))
        for file in files:
            print(f"exported  {file}")
    return 1 if any(g.diverged for g in found.graphs) else 0


def _train(chosen: Chosen, args: argparse.Namespace, argv: Sequence[str]) -> None:
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as engine.search: OpenMP's spinning threads starve each other
    from engine.evaluate.evaluation import evaluate
    from engine.evaluate.retraining import Options
    from engine.evaluate.text import Counter
    from engine.provenance import command

    options = Options(args.repeats, args.test, args.data, args.download, args.teachers, args.threads,
                      command("engine.evaluate", argv), networks=bool(args.export))
    with Counter() as counter:
        for event in evaluate(chosen, options):
            counter.show(event)


def _export(found: Evaluated, kind: str) -> list[Path]:
    from engine.evaluate.export import export
    from engine.training.networks import load

    folder = found.chosen.folder
    records = [e for graph in found.graphs for e in graph.evaluations if e.weights]
    return [export(load(folder / e.weights), kind, folder / "exported" / f"{e.key}.{e.number}") for e in records]


if __name__ == "__main__":
    sys.exit(main())
