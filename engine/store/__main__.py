"""`python -m engine.store check|compact|export|merge`: look after run folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from engine import cli
from engine.errors import StoreError
from engine.store import export
from engine.store.check import Checkup, check
from engine.store.folder import CURVES, TRIALS
from engine.store.log.durable import disk
from engine.store.merge import merge
from engine.store.reader import RunReader
from engine.store.repair import mend
from engine.store.run import Run

EXAMPLES = """examples:
  python -m engine.store check runs/digits-X-exhaustive
  python -m engine.store check runs/digits-X-exhaustive --repair
  python -m engine.store compact runs/digits-X-exhaustive --json
  python -m engine.store export runs/digits-X-exhaustive --csv > trials.csv
  python -m engine.store export runs/digits-X-exhaustive --parquet --out trials.parquet
  python -m engine.store merge runs/X runs/X-shard1of2 runs/X-shard2of2
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done and whole, 2 bad input or a damaged run, 130 interrupted."""

    def chosen() -> int:
        options = parser().parse_args(arguments)
        return int(options.command(options))

    return cli.run(chosen)


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    doc = f"Look after run folders.\n\n{EXAMPLES}"
    made = cli.Parser("engine.store", doc)
    parts = made.add_subparsers(required=True, metavar="check|compact|export|merge", parser_class=cli.Part)
    checking = parts.add_parser("check", help="verify every checksum and cross-reference", description=EXAMPLES)
    checking.add_argument("--repair", action="store_true", help="mend what can be mended without loss")
    checking.add_argument("--salvage", action="store_true",
                          help="mend, going on without lost records; the damaged file is kept beside")
    checking.set_defaults(command=run_check)
    compacting = parts.add_parser("compact", help="rewrite the files without what was replaced", description=EXAMPLES)
    compacting.set_defaults(command=run_compact)
    exporting = parts.add_parser("export", help="write the trials for other tools", description=EXAMPLES)
    kinds = exporting.add_mutually_exclusive_group()
    kinds.add_argument("--csv", dest="kind", action="store_const", const="csv", default="csv",
                       help="one flat row a trial (the default)")
    kinds.add_argument("--parquet", dest="kind", action="store_const", const="parquet",
                       help="the same rows as Parquet (needs pyarrow and --out)")
    kinds.add_argument("--jsonl", dest="kind", action="store_const", const="jsonl",
                       help="a line a trial with its training and curves, as stored")
    exporting.add_argument("--out", type=Path, metavar="FILE", help="where to write (default: stdout)")
    exporting.set_defaults(command=run_export)
    merging = parts.add_parser("merge", help="one run folder of a search's shards", description=EXAMPLES)
    merging.add_argument("out", type=Path, metavar="OUT", help="the run folder to make")
    merging.add_argument("parts", type=Path, nargs="+", metavar="RUN", help="the shards' run folders")
    merging.add_argument("--mixed", action="store_true",
                         help="also shards of differing versions or modes: last bits may differ")
    merging.set_defaults(command=run_merge)
    for part in (checking, compacting, exporting):
        part.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    for part in (checking, compacting, exporting, merging):
        part.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return made


def run_check(options: argparse.Namespace) -> int:
    done = mend(options.run, options.salvage) if options.repair or options.salvage else []
    seen = check(options.run)
    if options.json:
        _print_json({"run": str(options.run), "whole": seen.is_whole, "done": done} | asdict(seen))
    else:
        for line in (*done, *_told(seen)):
            print(line)
    return 0 if seen.is_whole else 2


def _told(seen: Checkup) -> list[str]:
    lines = [("problem: " if f.problem else "note: ") + f.message for f in seen.findings]
    of = "" if seen.total is None else f" of {seen.total}"
    lines.append(f"{seen.trials}{of} trials, {seen.trainings} trainings, {seen.curves} curves: "
                 + ("whole" if seen.is_whole else "damaged"))
    if not seen.is_whole:
        lines.append("next: --repair mends it without loss" if seen.is_mendable else
                     "next: restore it from a copy, or go on without what is lost with --salvage")
    return lines


def run_compact(options: argparse.Namespace) -> int:
    files = [options.run / TRIALS, options.run / CURVES]
    with Run.open(options.run) as run:
        before = sum(file.stat().st_size for file in files if file.exists())
        run.compact()
        after = sum(file.stat().st_size for file in files)
    if options.json:
        _print_json({"run": str(options.run), "bytes_before": before, "bytes_after": after})
    else:
        print(f"{before:,} bytes before, {after:,} after")
    return 0


def run_export(options: argparse.Namespace) -> int:
    if options.out is None and (options.json or options.kind == "parquet"):
        raise StoreError(f"--{'json' if options.json else 'parquet'}: the rows need a file", "add --out FILE")
    with RunReader(options.run) as reader:
        for message in reader.refresh().messages:
            print(message, file=sys.stderr)
        count = _export(reader, options.kind, options.out)
    if options.json:
        _print_json({"run": str(options.run), "file": str(options.out), "rows": count})
    return 0


def run_merge(options: argparse.Namespace) -> int:
    made = merge(options.out, options.parts, options.mixed)
    if options.json:
        _print_json(asdict(made) | {"folder": str(made.folder)})
        return 0
    for note in made.notes:
        print(f"note: {note}")
    of = "" if made.total is None else f" of {made.total:,}"
    print(f"{made.folder}: {made.trials:,}{of} trials, {made.trainings:,} trainings of {len(made.parts)} parts")
    print(f"next: python -m engine.report {made.folder} --out report")
    return 0


def _export(reader: RunReader, kind: str, out: Path | None) -> int:
    if kind == "parquet":
        assert out is not None
        return export.write_parquet(reader, out)
    write = export.write_csv if kind == "csv" else export.write_jsonl
    if out is None:
        return write(reader, sys.stdout)
    with disk("write", out), out.open("w", encoding="utf-8", newline="") as stream:
        return write(reader, stream)


def _print_json(value: dict[str, Any]) -> None:
    print(msgspec.json.encode(value).decode())


if __name__ == "__main__":
    sys.exit(main())
