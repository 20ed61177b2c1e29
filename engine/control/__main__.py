"""Steer a search that runs, also one on another host of the same file system.

examples:
  python -m engine.control runs/digits-A-random600 status
  python -m engine.control runs/digits-A-random600 pause
  python -m engine.control runs/digits-A-random600 stop --finish
  python -m engine.control runs/digits-A-random600 kill-trial 3f2a
  python -m engine.control runs/digits-A-random600 set workers=3

Exit codes: 0 done, 2 refused or nobody answered (the reason is the line printed), 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engine import cli, control
from engine.control.client import PATIENCE
from engine.errors import StoreError
from engine.store.files.status import Status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""

    def asked() -> int:
        options = parser().parse_args(arguments)
        return _tell(options, options.ask(options))

    return cli.run(asked)


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    made = cli.Parser("engine.control", __doc__ or "")
    made.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    verbs = made.add_subparsers(required=True, metavar="status|pause|resume|stop|kill-trial|set", parser_class=cli.Part)

    def verb(name: str, help: str, example: str = "") -> argparse.ArgumentParser:
        line = f"  python -m engine.control runs/digits-A-random600 {example or name}"
        part = verbs.add_parser(name, help=help, description=f"{help}\n\nexample:\n{line}")
        part.add_argument("--json", action="store_true", help="one JSON object on stdout")
        part.add_argument("--patience", type=float, default=PATIENCE, metavar="S",
                          help=f"seconds to wait for an answer ({PATIENCE:.0f})")
        return part

    verb("status", "what it does, how far it is").set_defaults(ask=lambda o: control.status(o.run, o.patience))
    verb("pause", "let it stand where it is").set_defaults(ask=lambda o: control.pause(o.run, o.patience))
    verb("resume", "let it go on").set_defaults(ask=lambda o: control.resume(o.run, o.patience))
    stop = verb("stop", "end it, keeping what is recorded", "stop --finish")
    stop.add_argument("--finish", action="store_true", help="let running packs come to their end first")
    stop.set_defaults(ask=lambda o: control.stop(o.run, finish=o.finish, patience=o.patience))
    kill = verb("kill-trial", "stop training one graph, and record that", "kill-trial 3f2a")
    kill.add_argument("key", metavar="KEY", help="the graph's key or its beginning; KEY.REPEAT for one repeat only")
    kill.set_defaults(ask=lambda o: control.kill_trial(o.run, o.key, o.patience))
    change = verb("set", "change how it runs", "set workers=3")
    change.add_argument("workers", metavar="workers=N", help="train in N processes from now on")
    change.set_defaults(ask=lambda o: control.set_workers(o.run, _workers(o.workers), o.patience))
    return made


def _workers(text: str) -> int:
    name, equals, value = text.partition("=")
    if name != "workers" or not equals or not value.isdecimal() or not int(value):
        raise StoreError(f"set {text}: must read workers=N with N at least 1", "for example set workers=3")
    return int(value)


def _tell(options: argparse.Namespace, answer: control.Answer) -> int:
    if options.json:
        print(msgspec.json.encode(answer).decode())
    else:
        print(f"{options.run}: {answer.message}", file=sys.stdout if answer.done else sys.stderr)
        if answer.done and answer.status and answer.status.total is not None:
            print(_far(answer.status))
    return 0 if answer.done else cli.BAD_INPUT


def _far(status: Status) -> str:
    """`37 of 513 trials, 2 packs running, 1.5 graphs/s, 5 min left`."""
    from engine.formatting import duration

    parts = [f"{status.done:,} of {status.total:,} trials"]
    if status.packs:
        parts.append(f"{len(status.packs)} pack{'s' * (len(status.packs) > 1)} running")
    if status.rate:
        parts.append(f"{status.rate:.1f} graphs/s, {duration(status.eta)} left")
    return "  " + ", ".join([*parts, *filter(None, [status.message])])


if __name__ == "__main__":
    sys.exit(main())
