"""Search a design space: train graphs, keep every result, show the best.

examples:
  python -m engine.search digits/X --exhaustive
  python -m engine.search spaces/A.json --random 2500 --data data --seed 1
  python -m engine.search digits/A --random 600 --set protocol.epochs=20 --run runs/quick
  python -m engine.search spaces/A.json --random 2500 --data data --detach
  python -m engine.search digits/B --random 600 --from runs/digits-A-random600
  python -m engine.search digits/A --asha 300
  python -m engine.search digits/A --baselines --repeats 5

The same command goes on with an unfinished run folder; `python -m engine.control` steers one that runs. Exit codes: 0 done,
1 some trials failed, 2 bad input, or a disk that refuses, 130 stopped by a person (Ctrl-C, or control), 143 by SIGTERM,
129 by SIGHUP. However it ends, everything recorded is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.cli import Parser, leave, run, screen
from engine.errors import SpaceError
from engine.executors.data_parallel.process_group import launched, size_of

if TYPE_CHECKING:
    from engine.control.server import Desk
    from engine.executors.ray_cluster.cluster import Cluster
    from engine.report.search_result import Result
    from engine.space.files.load import Space
    from engine.store.lock.lock import RunLock
    from engine.strategies.interface import Strategy

# What takes long to load is imported where it is used, inside `run`: Ctrl-C then ends a search in one line from its first
# tenth of a second on, and --help does not wait.


def arguments() -> Parser:
    """The command line."""
    from engine.strategies import command_line

    p = Parser("engine.search", __doc__ or "")
    p.add_argument("space", help="a space file, or the name of a shipped space such as digits/X")
    command_line.add_flags(p)
    p.add_argument("--seed", type=int, help="search seed: draws, batches and weights derive from it (0, or that of --from)")
    p.add_argument("--run", type=Path, metavar="DIR", help="run folder (default: runs/SPACE-STRATEGY)")
    p.add_argument("--limit", type=int, metavar="N", help="stop after the pack of the N-th trial, until another start")
    p.add_argument("--set", action="append", default=[], metavar="protocol.FIELD=VALUE",
                   help="change the protocol; protocol=NAME takes a named one, such as tiny")
    p.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="where data sets lie (data)")
    p.add_argument("--download", action="store_true", help="fetch the data set if it is not there")
    p.add_argument("--teachers", type=Path, metavar="DIR", help="pre-trained weights, shared or yours (beside the run)")
    p.add_argument("--pack", type=int, metavar="K", help="graphs trained together (default: measured)")
    p.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one a GPU; on a CPU one a core)")
    p.add_argument("--executor", choices=("local", "ray"), default="local", help="where packs run (local); ray is an extra")
    p.add_argument("--address", metavar="HOST:PORT", help="the Ray cluster to use, or auto (default: one of this machine)")
    p.add_argument("--processes", type=int, metavar="N", help="processes that share each mini-batch, for large networks (1)")
    p.add_argument("--threads", type=int, metavar="N", help="threads of each worker (default: the cores divided)")
    p.add_argument("--compile", action=argparse.BooleanOptionalAction, help="compile the pack (default: measured)")
    p.add_argument("--checkpoint-every", type=float, default=5, metavar="MINUTES",
                   help="keep running packs so often, when an epoch ends (5; 0: after each epoch)")
    p.add_argument("--detach", action="store_true", help="search in the background, also when the terminal is gone")
    p.add_argument("--json", action="store_true", help="one JSON object on stdout at the end")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""

    def parsed() -> int:
        args = arguments().parse_args(argv)
        if (group := launched()) is not None and group[0] > 0:
            from engine.executors.data_parallel.member import serve

            serve()
        args.argv = sys.argv[1:] if argv is None else argv
        return _search(args)

    return run(parsed, "everything recorded is kept, and the same command goes on from there")


def _search(args: argparse.Namespace) -> int:
    from engine.space.files.load import load
    from engine.store.teacher_files import with_teachers

    started = time.monotonic()
    space = load(args.space).with_protocol(_changes(args.set)) if args.set else load(args.space)
    space = with_teachers(space, args.teachers)
    if (processes := size_of(args.processes)) is not None:
        space = space.with_protocol({"processes": processes})
    _check_numbers(args)
    if args.baselines:
        return _baselines(args, space)
    from engine.strategies.command_line import chosen, remarks, run_name

    strategy, args.seed = chosen(args, space)
    folder = args.run or Path("runs") / f"{space.slug}-{run_name(strategy)}"
    if (shown := _finished(args, space, strategy, folder)) is not None:
        print(f"{folder} is finished: nothing is left to do", file=sys.stderr)
        return _end(args, shown)
    for said in remarks(args, space, strategy):
        print(said, file=sys.stderr)
    if args.detach:
        return _detach(args, folder)
    return _end(args, _steered(args, space, strategy, folder, started))


def _detach(args: argparse.Namespace, folder: Path) -> int:
    """Start the same command in the background and return when it answers control."""
    from engine.control.detach import answers, launch
    from engine.store.lock.reserve import claim

    with claim(folder):
        pass  # what it would be refused for is said here and now
    search = launch([word for word in args.argv if not _is_option(word, "--detach")], folder)
    answer = answers(search)
    if args.json:
        told = {"run": str(folder), "pid": search.process.pid, "output": str(search.output), "message": answer.message}
        print(json.dumps(told))
        return 0
    print(f"{folder}: searching in the background as process {search.process.pid} ({answer.message})")
    for what, how in (("follow", f"tail -f {search.output}"), ("look", "status"), ("pause", "pause"), ("stop", "stop")):
        print(f"  {what:8}{how if ' ' in how else f'python -m engine.control {folder} {how}'}")
    return 0


def _is_option(word: str, option: str) -> bool:
    """`word` is the option, or an abbreviation of it that argparse takes for it."""
    return len(word) > len("--d") and option.startswith(word)


def _steered(args: argparse.Namespace, space: Space, strategy: Strategy, folder: Path, started: float) -> Result:
    """Train, answering control and signals from now on: before torch is loaded."""
    from engine.control.server import Desk
    from engine.search.host_monitor import Host
    from engine.search.signals import Signals
    from engine.store.lock.reserve import claim

    desk = Desk(folder, space.protocol.processes)
    host, signals = Host(folder, desk), Signals(desk)
    with claim(folder) as lock, signals, desk.serving(signals.watch, host.look):
        return _train(args, space, strategy, folder, started, lock, desk)


def _check_numbers(args: argparse.Namespace) -> None:
    if args.address is not None and args.executor != "ray":
        raise SpaceError(f"--address {args.address}: only with --executor ray")
    if not 0 <= args.checkpoint_every < float("inf"):
        raise SpaceError(f"--checkpoint-every: must be 0 minutes or more, got {args.checkpoint_every:g}")
    for name, least in (("repeats", 1), ("seed", 0), ("limit", 1), ("workers", 1), ("pack", 1), ("threads", 1)):
        value = getattr(args, name)
        if value is not None and value < least:
            raise SpaceError(f"--{name}: must be at least {least}, got {value}")


def _changes(assignments: Sequence[str]) -> dict[str, Any]:
    """`protocol.epochs=5` to fields; a value is JSON where it can be read as JSON, else text."""
    fields = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if equals and name == "protocol":
            name = "protocol.base"
        if not equals or not name.startswith("protocol."):
            raise SpaceError(f"--set {text}: must read protocol.FIELD=VALUE", "for example --set protocol.epochs=5")
        try:
            fields[name.removeprefix("protocol.")] = json.loads(value)
        except json.JSONDecodeError:
            fields[name.removeprefix("protocol.")] = value
    return fields


def _baselines(args: argparse.Namespace, space: Space) -> int:
    """Search the baselines, and those of the other way to join losses in a folder beside, and show them together."""
    from engine.report.baselines import rows, text
    from engine.strategies.baselines import REPEATS, baselines, other_join
    from engine.strategies.command_line import check_flags
    from engine.training.data.splits import training_part
    from engine.training.models.cost import count_parameters

    check_flags(args)
    if args.detach:
        raise SpaceError("--detach: not of --baselines, which are two searches", "leave it away")
    args.seed = args.seed or 0
    images = training_part(space.protocol.data, args.data, args.download)
    repeats = args.repeats or REPEATS
    parts = [(space, baselines(space, lambda model: count_parameters(model, images.shape, images.classes), repeats))]
    parts += [other] if (other := other_join(space, repeats)) else []
    folder = args.run or Path("runs") / f"{space.slug}-baselines"
    folders = [folder, folder.with_name(f"{folder.name}-{parts[-1][0].protocol.join}")][: len(parts)]
    shown = []
    for (searched, strategy), place in zip(parts, folders, strict=True):
        found = _finished(args, searched, strategy, place)
        if found is None:
            found = _steered(args, searched, strategy, place, time.monotonic())
        shown.append(found)
    made = rows(folders)
    print(json.dumps(made.plain()) if args.json else text(made))
    return 1 if any(result.outcomes["failed"] for result in shown) else 0


def _finished(args: argparse.Namespace, space: Space, strategy: Strategy, folder: Path) -> Result | None:
    """The result of a run folder in which nothing is left to do. Raises StoreError if it holds another search."""
    from engine.search.resume import by_its_rule, check
    from engine.store.folder import INFO
    from engine.store.reader import RunReader

    if not (folder / INFO).exists():
        return None
    with RunReader(folder) as reader:
        reader.refresh()
        by_its_rule(strategy, reader.info)
        check(folder, reader.info, space, strategy.settings(), args.seed, _fixed_mode(args))
        if len(reader.trials) < strategy.total:
            return None
        from engine.report.search_result import result

        return result(folder, reader.info, reader.trials, reader.trainings)


def _train(
    args: argparse.Namespace, space: Space, strategy: Strategy, folder: Path, started: float, lock: RunLock, desk: Desk
) -> Result:
    """Run the search to its end, showing how far it is on stderr."""
    # Only now is torch loaded: bad input is answered in a fraction of a second. OpenMP's threads spin at barriers; with
    # another process on the cores that makes training 5-20 times slower (measured), and a short spin costs nothing.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    from engine.provenance import command
    from engine.report.search_result import result
    from engine.search.prepare import Options, opened
    from engine.search.progress_line import Line

    with ExitStack() as held:
        options = Options(
            seed=args.seed, data=args.data, download=args.download, teachers=args.teachers, limit=args.limit,
            cluster=_cluster(args, held), workers=args.workers, checkpoint_every=60 * args.checkpoint_every,
            mode=_fixed_mode(args), command=command("engine.search", args.argv),
        )  # fmt: skip
        search = held.enter_context(opened(space, strategy, folder, options, lock, desk))
        line = held.enter_context(Line(search.run.info))
        for event in search.events():
            line.show(event)
        return result(folder, search.run.info, search.run.trials(), search.run.trainings(), time.monotonic() - started)


def _cluster(args: argparse.Namespace, held: ExitStack) -> Cluster | None:
    if args.executor != "ray":
        return None
    from engine.executors.ray_cluster.cluster import Cluster

    return held.enter_context(closing(Cluster(args.address)))


def _fixed_mode(args: argparse.Namespace) -> dict[str, Any]:
    """What the command line fixes of the mode; the rest is measured, or taken from the run."""
    return {n: getattr(args, n) for n in ("pack", "threads", "compile") if getattr(args, n) is not None}


def _end(args: argparse.Namespace, shown: Result) -> int:
    from engine.report.search_result import text

    if args.json:
        print(json.dumps(shown.plain()))
    else:
        seen = screen()
        print(text(shown, seen.width, colour=seen.colour, plain=seen.plain))
    return 1 if shown.outcomes["failed"] else 0


if __name__ == "__main__":
    leave(main())
