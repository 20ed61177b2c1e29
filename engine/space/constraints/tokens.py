"""Cutting a phrase into tokens, and the error that points into it."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

import msgspec

from engine.errors import SpaceError
from engine.space.constraints.syntax import NAME

LONGEST = 4_000
"""Characters of a phrase; the longest in the paper has 29."""

_TOKEN = re.compile(
    rf'(?P<space>\s+)|(?P<name>{NAME.pattern})|(?P<number>[0-9]+)|(?P<string>"[^"]*")|(?P<sign>!=|<=|>=|[=<>\[\](){{}},*])'
)
_LOOKALIKES = {
    "≠": "!=", "≤": "<=", "≥": ">=", "−": "-", "–": "-", "‐": "-", "∈": "in", "∉": "not in", "×": "*", "∗": "*",
    "∧": "and", "∨": "or", "¬": "not", "→": ",", "&": "and", "|": "or", "!": "not", "“": '"', "”": '"', "'": '"',
}
"""What a person may have meant by a character that is not in the language."""

Kind = Literal["name", "number", "string", "sign", "end"]


class PhraseError(SpaceError):
    """A phrase that cannot be read: `reason`, and the `column` (from 0) in `text` at which reading stopped."""

    def __init__(self, where: str, text: str, column: int, reason: str, hint: str | None = None) -> None:
        self.text, self.column, self.reason = text, column, reason
        said = reason if hint is None else f"{reason}; {hint}"
        super().__init__(f"{where}: {said}\n{_pointer(text, column)}")
        self.hint = hint


def _pointer(text: str, column: int, width: int = 72) -> str:
    """The phrase (a window of it if it is long) and a caret under the column."""
    start = max(0, min(column - width // 2, len(text) - width))
    piece = "".join(c if c.isprintable() else " " for c in text[start : start + width])
    before = "... " if start else ""
    after = " ..." if start + width < len(text) else ""
    return f"  {before}{piece}{after}\n  {' ' * (len(before) + column - start)}^"


class Token(msgspec.Struct, frozen=True):
    kind: Kind
    text: str
    column: int

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end of the phrase"
        return repr(self.text if len(self.text) <= 40 else self.text[:37] + "...")


def tokens(text: str, where: str) -> list[Token]:
    """The phrase's tokens, an end token last. Raises PhraseError for a character outside the language."""
    if len(text) > LONGEST:
        raise PhraseError(where, text, LONGEST, f"a phrase has at most {LONGEST:,} characters, this one {len(text):,}",
                          "write it as several phrases")
    found, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _stranger(where, text, place)
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match[0], place))  # type: ignore[arg-type]
        place = match.end()
    return [*found, Token("end", "", len(text))]


def _stranger(where: str, text: str, place: int) -> PhraseError:
    character = text[place]
    meant = _LOOKALIKES.get(character) or unicodedata.normalize("NFKC", character)
    hint = f"write {meant} instead" if meant.isascii() and meant != character else None
    if text.startswith("->", place):
        return PhraseError(where, text, place, "'->' is not part of the language", "an edge is written L[2,1], its source first")
    if character == '"':
        return PhraseError(where, text, place, "a quotation that does not end", 'close it with "')
    named = repr(character) if character.isascii() else f"{character!r} (U+{ord(character):04X})"
    return PhraseError(where, text, place, f"{named} is not part of the language", hint)
