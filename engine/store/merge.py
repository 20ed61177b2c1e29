"""One run folder of several: the shards of a search that ran as jobs of their own.

The parts must be parts of one search: same space, protocol, seed, strategy and repeats, and the same versions and mode
(what may change last bits) unless told otherwise. What two parts both hold must agree; the merged run says in
`RunInfo.parts` where its records come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import StoreError
from engine.space.files import resolved
from engine.store.reader import RunReader
from engine.store.records import Origin, RunInfo, Training, Trial
from engine.store.run import Run

BITS = ("device", "compile", "layouts", "threads")
"""Fields of the mode that may change last bits (the pack does only where code is compiled)."""

SHARD = "shard"
"""The strategy setting that tells the parts of a search apart: `{"part": 1, "of": 4, "draws": 2500}`, the draws of the whole."""

BATCH = 1000
"""Trainings with their curves handed to the new run at once: a few MB."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge made."""

    folder: Path
    parts: tuple[str, ...]
    trials: int
    trainings: int
    total: int | None
    """Trials the whole search has; None if the parts do not say."""
    shared: int
    """Trainings that several parts hold alike (the references, and what overlapping parts trained twice)."""
    notes: tuple[str, ...]
    """What a person should know: shards that are missing or unfinished, differing modes."""


def merge(out: Path, parts: Sequence[Path], mixed: bool = False) -> Merged:
    """Write the parts' records into the new run folder `out`; the parts are only read.

    Raises StoreError, before anything is written: parts that do not belong together (the differing field named), that
    disagree about a trial or a training, `out` not empty. `mixed` lets versions and modes differ: results may then
    differ in last bits.
    """
    if len({part.resolve() for part in parts}) < 2:
        raise StoreError("merge: needs two different run folders or more", "name every shard's run folder")
    with ExitStack() as stack:
        readers = [stack.enter_context(RunReader(part)) for part in parts]
        for reader in readers:
            reader.refresh()
        notes = [note for reader in readers[1:] for note in _belongs(readers[0], reader, mixed)]
        trials, trainings = _trials(readers), _trainings(readers)
        info = _info(out, readers)
        notes += _missing(readers)
        with Run.create(out, info) as run:
            for batch in _batches(trials, trainings):
                run.add(*batch, curves=[c for t in batch[1] if (c := trainings[t.id][1].curve(t.id)) is not None])
    shared = sum(len(reader.trainings) for reader in readers) - len(trainings)
    names = tuple(str(part) for part in parts)
    return Merged(out, names, len(trials), len(trainings), info.total, shared, tuple(notes))


def _belongs(first: RunReader, other: RunReader, mixed: bool) -> list[str]:
    """Notes about a part that belongs to the search of the first one. Raises StoreError if it does not."""
    found = _differing(first.info, other.info)
    soft = _soft(first.info, other.info)
    if found or (soft and not mixed):
        hint = "merge the shards of one search" if found else "--mixed merges them all the same: last bits may differ"
        raise StoreError(f"{other.folder}: not a part of the same search as {first.folder}: {'; '.join(found + soft)}", hint)
    return [f"{other.folder}: differs from {first.folder}: {what}" for what in soft]


def _differing(a: RunInfo, b: RunInfo) -> list[str]:
    """`field: a's / b's` of everything that makes it another search."""
    spaces = resolved.load(a.space).differs(resolved.load(b.space))
    out = [f"space.{field}" if not field.startswith("protocol.") else _pair(field, a.space, b.space) for field in spaces]
    ours, theirs = _strategy(a), _strategy(b)
    out += [f"strategy.{n}: {ours.get(n)} / {theirs.get(n)}" for n in sorted(ours.keys() | theirs.keys())
            if ours.get(n) != theirs.get(n)]  # fmt: skip
    out += [f"{n}: {x} / {y}" for n in ("seed", "repeats") if (x := getattr(a, n)) != (y := getattr(b, n))]
    return out


def _pair(field: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    name = field.removeprefix("protocol.")
    return f"{field}: {ours['protocol'].get(name)} / {theirs['protocol'].get(name)}"


def _soft(a: RunInfo, b: RunInfo) -> list[str]:
    """What changes last bits only."""
    names = BITS + (("pack",) if a.mode.get("compile") or b.mode.get("compile") else ())
    modes = [f"mode.{n}: {a.mode.get(n)} / {b.mode.get(n)}" for n in names if a.mode.get(n) != b.mode.get(n)]
    packages = sorted(a.versions.keys() | b.versions.keys())
    return modes + [f"versions.{n}: {a.versions.get(n)} / {b.versions.get(n)}" for n in packages
                    if a.versions.get(n) != b.versions.get(n)]  # fmt: skip


def _strategy(info: RunInfo) -> dict[str, Any]:
    return {name: value for name, value in info.strategy.items() if name != SHARD}


def _trials(readers: Sequence[RunReader]) -> dict[int, Trial]:
    """All trials by number. Raises StoreError if two parts have different ones under a number."""
    found: dict[int, tuple[Trial, RunReader]] = {}
    for reader in readers:
        for trial in reader.trials:
            known, where = found.setdefault(trial.number, (trial, reader))
            if known != trial:
                raise StoreError(f"trial {trial.number}: {where.folder} and {reader.folder} disagree about it "
                                 f"({_said(known)} / {_said(trial)})", _DISAGREE)  # fmt: skip
    return {number: trial for number, (trial, _) in sorted(found.items())}


def _trainings(readers: Sequence[RunReader]) -> dict[str, tuple[Training, RunReader]]:
    """All trainings by id and who has the curve. Raises StoreError if two parts measured different things."""
    found: dict[str, tuple[Training, RunReader]] = {}
    for reader in readers:
        for training in reader.trainings.values():
            known, where = found.setdefault(training.id, (training, reader))
            if _measured(known) != _measured(training):
                raise StoreError(f"training {training.id}: {where.folder} and {reader.folder} disagree about it "
                                 f"({_said(known)} / {_said(training)})", _DISAGREE)  # fmt: skip
    return found


_DISAGREE = "the parts ran differently; train one of them again"


def _measured(training: Training) -> tuple[Any, ...]:
    """What must be equal wherever a graph was trained; not who trained it and how long it took."""
    return (training.graph, training.seed, training.state, training.epochs, training.accuracy, training.losses)


def _said(record: Trial | Training) -> str:
    return f"{record.state.value}, accuracy {', '.join('-' if a is None else f'{a:.6g}' for a in record.accuracy) or '-'}"


def _info(out: Path, readers: Sequence[RunReader]) -> RunInfo:
    """run.json of the whole search, with where its parts come from."""
    first = readers[0].info
    origins = tuple(
        Origin(name=r.folder.name, shard=_shard(r.info), host=r.info.host, command=r.info.command,
               commit=r.info.commit, created=r.info.created, mode=r.info.mode, versions=r.info.versions)
        for r in readers
    )  # fmt: skip
    total = first.strategy[SHARD]["draws"] if SHARD in first.strategy else first.total
    return msgspec.structs.replace(
        first, name=out.name, strategy=_strategy(first), host="", command="", total=total, parts=origins
    )


def _missing(readers: Sequence[RunReader]) -> list[str]:
    """Shards that are not among the parts, and parts that are not at their end."""
    notes = [f"{r.folder}: {len(r.trials)} of its {r.info.total} trials are recorded" for r in readers
             if r.info.total is not None and len(r.trials) < r.info.total]  # fmt: skip
    counts = {r.info.strategy[SHARD]["of"] for r in readers if SHARD in r.info.strategy}
    have = {_shard(r.info) for r in readers}
    lacking = [f"{i}/{count}" for count in counts for i in range(1, count + 1) if f"{i}/{count}" not in have]
    return notes + ([f"no part is shard {', '.join(lacking)}"] if len(counts) == 1 and lacking else [])


def _shard(info: RunInfo) -> str:
    """`1/4`; empty for a run that is no shard."""
    shard = info.strategy.get(SHARD)
    return f"{shard['part']}/{shard['of']}" if shard else ""


def _batches(
    trials: Mapping[int, Trial], trainings: Mapping[str, tuple[Training, RunReader]]
) -> Iterator[tuple[list[Trial], list[Training]]]:
    """Trainings in batches, then the trials: a merge that is killed leaves trainings without trials, never the reverse."""
    every = [training for training, _ in trainings.values()]
    for start in range(0, len(every), BATCH):
        yield [], every[start : start + BATCH]
    yield list(trials.values()), []
