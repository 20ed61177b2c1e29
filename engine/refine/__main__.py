"""Refine a space by rule, from random searches to an exhaustive one: a reference for people to beat.

example:
  python -m engine.refine digits/A --auto --rule best-condition --random 600 --until 600

At each step the rule adds the constraint whose EDF dominates most surely in the trials so far (engine.analysis --advice),
until at most --until graphs are left, which are all trained. Space files, reasons and run folders go to --out; the same
command goes on with an unfinished refinement. To refine by eye: ktgtui, or python -m engine.space FILE --refine PHRASE.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import Parser, run, screen
from engine.errors import SpaceError

if TYPE_CHECKING:
    from engine.refine.auto_refine import Decided
    from engine.report.search_result import Result
    from engine.space.files.load import Space


def arguments() -> Parser:
    """The command line."""
    p = Parser("engine.refine", __doc__ or "")
    p.add_argument("space", help="a space file, or the name of a shipped space such as digits/A")
    p.add_argument("--auto", action="store_true", required=True, help="let the rule decide")
    p.add_argument("--rule", choices=("best-condition",), default="best-condition", help="how (%(default)s)")
    p.add_argument("--random", type=int, default=600, metavar="N", help="graphs drawn of each space but the last (600)")
    p.add_argument("--until", type=int, default=600, metavar="N", help="a space of so many graphs is trained whole (600)")
    p.add_argument("--repeats", type=int, metavar="R", help="passes of the last search (default: the protocol's)")
    p.add_argument("--seed", type=int, default=0, help="search seed of all searches (0)")
    p.add_argument("--out", type=Path, metavar="DIR", help="where spaces and runs go (default: refined/SPACE-seedN)")
    p.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where data sets lie (data)")
    p.add_argument("--teachers", type=Path, metavar="DIR", help="pre-trained weights to share (default: beside the runs)")
    p.add_argument("--pack", type=int, metavar="K", help="graphs trained together (default: measured)")
    p.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one a GPU; on a CPU one a core)")
    p.add_argument("--json", action="store_true", help="one JSON object on stdout at the end")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return run(lambda: _refine(arguments().parse_args(argv), sys.argv[1:] if argv is None else argv),
               "everything recorded is kept, and the same command goes on from there")


def _refine(args: argparse.Namespace, argv: Sequence[str]) -> int:
    from engine.space.files.load import load

    for name, least in (("random", 50), ("until", 1), ("repeats", 1), ("seed", 0), ("pack", 1), ("workers", 1)):
        if (value := getattr(args, name)) is not None and value < least:
            raise SpaceError(f"--{name}: must be at least {least}, got {value}")
    space = load(args.space)
    out = args.out or Path("refined") / f"{space.slug}-seed{args.seed}"
    decided, found = _walk(space, out, args, argv)
    if args.json:
        print(json.dumps(_plain(space, decided, found)))
    else:
        print(_text(space, decided, found))
    return 1 if found.outcomes["failed"] else 0


def _walk(space: Space, out: Path, args: argparse.Namespace, argv: Sequence[str]) -> tuple[list[Decided], Result]:
    """The refinement, shown on stderr as it goes."""
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as engine.search: OpenMP's spinning threads starve each other
    from engine.provenance import command
    from engine.refine.auto_refine import Arrived, Decided, Plan, Searching, journey
    from engine.search.prepare import Options
    from engine.search.progress_line import Line

    mode = {} if args.pack is None else {"pack": args.pack}
    options = Options(seed=args.seed, data=args.data, teachers=args.teachers, workers=args.workers, mode=mode,
                      command=command("engine.refine", argv))
    decided: list[Decided] = []
    with ExitStack() as shown:
        for event in journey(space, out, Plan(args.random, args.until, args.repeats), options):
            if isinstance(event, Searching):
                shown.close()
                line = shown.enter_context(Line(event.info))
            elif isinstance(event, Decided):
                shown.close()
                decided.append(event)
                print(f"{event.parent.name}: {event.decision.phrase}, because {event.decision.reason}", file=sys.stderr)
            elif isinstance(event, Arrived):
                return decided, event.result
            else:
                line.show(event)
    raise AssertionError("a refinement arrives or raises")


def _plain(space: Space, decided: Sequence[Decided], found: Result) -> dict[str, Any]:
    steps = [
        {"step": d.step, "parent": d.parent.name, "parent_keys": d.parent.keys, "child": d.child.name, "keys": d.child.keys,
         "phrase": d.decision.phrase, "sure": d.decision.sure, "lift": d.decision.lift, "n": d.decision.n,
         "kept": d.decision.kept, "lost": d.decision.lost, "reason": d.decision.reason, "file": str(d.child.file)}
        for d in decided
    ]  # fmt: skip
    return {"space": space.name, "rule": "best-condition", "steps": steps, "result": found.plain()}


def _text(space: Space, decided: Sequence[Decided], found: Result) -> str:
    from engine.report.search_result import text

    lines = [f"{space.name}  {space.keys:,} graphs"]
    for d in decided:
        sure = "sure" if d.decision.sure else "not sure"
        lines.append(f"{d.child.name}  {d.child.keys:,} graphs: {d.decision.phrase} ({sure}; {d.decision.kept} of {d.decision.n} "
                     f"graphs seen satisfy it)\n    {d.decision.reason}")
    seen = screen()
    return "\n".join(lines) + "\n\n" + text(found, seen.width, colour=seen.colour, plain=seen.plain)


if __name__ == "__main__":
    sys.exit(main())
