"""Is a run folder whole? Every checksum, every record, every cross-reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from engine.errors import StoreError
from engine.store.cross_checks import faults_of_reference
from engine.store.files.checkpoints import CHECKPOINTS, Checkpoints
from engine.store.files.evaluations import EVALUATIONS, Evaluation, remark
from engine.store.files.rung_decisions import Judgement
from engine.store.folder import CURVES, TRIALS, read_info
from engine.store.log.damage_scan import Condition, Line, survey
from engine.store.log.record_format import Frame, Place
from engine.store.records import Curve, Training, Trial
from engine.store.repair import DAMAGED
from engine.store.storage import Tables, apply_changes, decode_changes

R = TypeVar("R", Trial, Training, Judgement)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know of a run folder."""

    message: str
    """One line: the file, the place, what is there."""
    problem: bool = True
    """False for what is in order but worth saying."""
    mendable: bool = False
    """True if `mend` puts it right without loss."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """What a check saw."""

    findings: tuple[Finding, ...]
    trials: int
    trainings: int
    curves: int
    total: int | None
    """Trials the search will have when done, if known."""

    @property
    def is_whole(self) -> bool:
        """True if nothing is wrong."""
        return not any(finding.problem for finding in self.findings)

    @property
    def is_mendable(self) -> bool:
        """True if all that is wrong can be put right without loss."""
        return all(finding.mendable for finding in self.findings if finding.problem)


def check(folder: Path) -> Checkup:
    """Check everything; takes no lock, so a running search may be checked.

    Raises StoreError if it is no run folder or a file cannot be read; what is wrong inside is in the findings.
    """
    info = read_info(folder)
    findings: list[Finding] = []
    tables: Tables = {}
    for frame in _sound_records(folder / TRIALS, findings):
        try:
            apply_changes(tables, decode_changes(frame, folder / TRIALS))
        except StoreError as error:
            findings.append(Finding(str(error)))
    if not (folder / TRIALS).stat().st_size:
        findings.append(Finding(f"{TRIALS}: empty, though the run was started"))
    trials = _decoded(tables, "trials", Trial, findings)
    trainings = _decoded(tables, "trainings", Training, findings)
    paused = _decoded(tables, "paused", Training, findings)
    _decoded(tables, "judgements", Judgement, findings)
    curves = _curve_names(folder / CURVES, findings)
    findings += _evaluations(folder)
    findings += [Finding(fault) for fault in faults_of_reference(trials, trainings)]
    findings += _remarks([*trainings, *paused], curves)
    findings += _checkpoint_findings(folder, {training.id for training in trainings})
    return Checkup(tuple(findings), len(trials), len(trainings), len(curves), info.total)


def _sound_records(path: Path, findings: list[Finding]) -> Iterator[Frame]:
    """The records after the head whose payload is certain; what is wrong with the others goes to `findings`."""
    for line in survey(path):
        findings += _fault(path.name, line)
        for number, payload in line.records:
            yield Frame(Place(line.offset, number, len(payload)), payload)


def _fault(name: str, line: Line) -> list[Finding]:
    place = f"{name}: record {line.number} at byte {line.offset}"
    match line.condition:
        case Condition.WHOLE:
            return []
        case Condition.TORN:
            return [Finding(f"{place} was cut off in its writing and never acknowledged", problem=False, mendable=True)]
        case Condition.MENDED:
            return [Finding(f"{place} is damaged around a payload that is whole", mendable=True)]
        case Condition.MISPLACED:
            return [Finding(f"{place} does not follow the one before it: records were cut out or repeated")]
        case Condition.LOST:
            return [Finding(f"{place} is damaged" + " and lost" * line.is_loss, mendable=not line.is_loss)]


def _decoded(tables: Tables, table: str, kind: type[R], findings: list[Finding]) -> list[R]:
    records = []
    for row, document in tables.get(table, {}).items():
        try:
            records.append(msgspec.json.decode(document, type=kind))
        except msgspec.MsgspecError as error:
            findings.append(Finding(f"{TRIALS}: document {row} of `{table}` cannot be read ({error})"))
    return records


def _curve_names(path: Path, findings: list[Finding]) -> Counter[str]:
    names: Counter[str] = Counter()
    if not path.exists():
        return names
    for frame in _sound_records(path, findings):
        try:
            names[msgspec.json.decode(frame.payload, type=Curve).id] += 1
        except msgspec.MsgspecError as error:
            place = frame.place
            findings.append(Finding(f"{path.name}: record {place.number} at byte {place.offset} is no curve ({error})"))
    return names


def _evaluations(folder: Path) -> list[Finding]:
    """Damage among the evaluations, networks that are gone, and whether the test set was opened."""
    findings: list[Finding] = []
    found: list[Evaluation] = []
    if (folder / EVALUATIONS).exists():
        for frame in _sound_records(folder / EVALUATIONS, findings):
            try:
                found.append(msgspec.json.decode(frame.payload, type=Evaluation))
            except msgspec.MsgspecError as error:
                place = frame.place
                findings.append(Finding(f"{EVALUATIONS}: record {place.number} at byte {place.offset} is none ({error})"))
    gone = {e.weights for e in found if e.weights and not (folder / e.weights).is_file()}
    if gone:
        findings.append(Finding(f"{EVALUATIONS}: networks of {len(gone)} retrainings are not there", problem=False))
    if (aside := folder / (EVALUATIONS + DAMAGED)).exists():
        lost = f"records were lost (see {aside.name}) that may have told of an opened test set"
        findings.append(Finding(f"{EVALUATIONS}: {lost}", problem=False))
    if (told := remark(found)) is not None:
        findings.append(Finding(told, problem=False))
    return findings


def _checkpoint_findings(folder: Path, recorded: set[str]) -> list[Finding]:
    """Checkpoints save time only: a damaged one is trained again, so dropping it loses nothing."""
    kept = Checkpoints(folder / CHECKPOINTS)
    damaged = [Finding(f"{CHECKPOINTS}/{path.name} does not match its checksum", mendable=True) for path in kept.damaged()]
    done = len(recorded & kept.epochs().keys())
    left = "checkpoints belong to recorded trainings (the search drops them when it goes on)"
    return damaged + ([Finding(f"{CHECKPOINTS}: {done} {left}", problem=False)] if done else [])


def _remarks(trainings: list[Training], curves: Counter[str]) -> list[Finding]:
    """What is in order but worth saying: a crash between a curve and its training leaves the curve alone or twice."""
    without = [t for t in trainings if t.id not in curves and t.epochs > 0]
    alone = curves.keys() - {training.id for training in trainings}
    counts = {
        "trainings have no curves": len(without),
        "curves belong to no training (compact drops them)": len(alone),
        "curves were written again later (compact drops the earlier)": curves.total() - len(curves),
    }
    return [Finding(f"{CURVES}: {count} {what}", problem=False) for what, count in counts.items() if count]
