"""A file that may be damaged, line by line: what holds, what can be mended without loss, and what is gone.

Three kinds of damage leave a record provably whole: a changed number or length (the checksum covers both, and tells
that they were as counted), a changed line feed (two records in one line, each with its checksum, or one at the end),
and a record that holds but stands where another should.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from engine.store.log.durable import disk
from engine.store.log.record_format import HEADER, is_torn, pack, unpack


class Condition(StrEnum):
    """How a line was found."""

    WHOLE = "whole"
    MENDED = "mended"
    """Damaged, and its payload proved by a checksum."""
    TORN = "torn"
    """The end of the file, cut off in its writing: never acknowledged."""
    MISPLACED = "misplaced"
    """Whole, but not the record that comes next: records before it were cut out or repeated."""
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a record file."""

    offset: int
    number: int
    """The record it is, or should be."""
    condition: Condition
    payloads: tuple[bytes, ...] = ()
    """What it holds: one payload, two if a line feed was changed, none if torn or lost."""

    @property
    def records(self) -> Iterator[tuple[int, bytes]]:
        """(number, payload) of what it holds, the file's head left out."""
        return ((n, payload) for n, payload in enumerate(self.payloads, self.number) if n)

    @property
    def is_loss(self) -> bool:
        """True if records are gone here that nothing can restore (a head can be written again)."""
        return self.condition is Condition.MISPLACED or (self.condition is Condition.LOST and self.number > 0)


def survey(path: Path) -> Iterator[Line]:
    """Every line of the file. Raises StoreError only if it cannot be read."""
    offset = number = 0
    after_loss = False
    with disk("read", path), path.open("rb") as stream:
        for text in stream:
            line = _examine(text, offset, number)
            if line.number != number and not after_loss:
                line = replace(line, condition=Condition.MISPLACED)
            yield line
            offset += len(text)
            number = line.number + max(1, len(line.payloads))
            after_loss = line.condition is Condition.LOST


def _examine(text: bytes, offset: int, number: int) -> Line:
    if not text.endswith(b"\n") and is_torn(text, number):
        return Line(offset, number, Condition.TORN)
    line = text[:-1]
    if text.endswith(b"\n") and (stated := _number(line)) is not None and (payload := unpack(line, stated)) is not None:
        return Line(offset, stated, Condition.WHOLE, (payload,))
    payloads = _mend(line, number)
    return Line(offset, number, Condition.MENDED if payloads else Condition.LOST, payloads)


def _mend(line: bytes, number: int) -> tuple[bytes, ...]:
    payload = line[HEADER:]
    if pack(number, payload)[18:26] == line[18:26]:
        return (payload,)
    size = _hexadecimal(line[9:17])
    if size is None:
        return ()
    first, second = unpack(line[: HEADER + size], number), unpack(line[HEADER + size + 1 :], number + 1)
    return () if first is None or second is None else (first, second)


def _number(line: bytes) -> int | None:
    return _hexadecimal(line[:8])


def _hexadecimal(digits: bytes) -> int | None:
    try:
        return int(digits, 16)
    except ValueError:
        return None
