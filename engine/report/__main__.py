"""Write a report of a run, or of a lineage of runs, to files.

examples:
  python -m engine.report runs/digits-A-random600 --out report --formats html,pdf,tex
  python -m engine.report runs/digits-A-random600 runs/digits-B-random600 runs/digits-X-exhaustive --out report
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import cli
from engine.report import build, output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 2 bad input."""
    return cli.run(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> argparse.ArgumentParser:
    made = cli.Parser("engine.report", __doc__ or "")
    add = made.add_argument
    add("runs", nargs="+", type=Path, metavar="RUN", help="run folders of one lineage, in any order")
    add("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder, or one that a report was written to")
    add("--formats", default=",".join(build.FORMATS), metavar="LIST", help="any of %(default)s (default: all)")
    add("--force-mixed", action="store_true", help="take runs of one space under different protocols, with a warning")
    add("--json", action="store_true", help="one JSON object on stdout")
    return made


def _run(options: argparse.Namespace) -> int:
    formats = build.chosen(options.formats)
    output.claim(options.out)
    report = build.gather(options.runs, options.force_mixed)
    files = build.files(report, formats)
    output.write(options.out, files)
    for warning in report.warnings:
        print(f"note: {warning}", file=sys.stderr)
    if options.json:
        print(json.dumps({"out": str(options.out), "title": report.title, "warnings": list(report.warnings),
                          "files": sorted(files)}, indent=1))
    else:
        print("\n".join(str(options.out / name) for name in sorted(files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
