"""Stepping through a phrase's tokens, and refusing at the place where one does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from engine.errors import nearest
from engine.space.constraints.tokens import PhraseError, Token, tokens


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What names and numbers a phrase may use: a space's nodes and, for suggestions, its own models and gates."""

    nodes: int | None = None
    models: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()


class Cursor:
    """One reading of one phrase; `where` names the phrase in errors ("constraint 2")."""

    def __init__(self, text: str, vocabulary: Vocabulary, where: str) -> None:
        self.text, self.vocabulary, self.where = text, vocabulary, where
        self.tokens = tokens(text, where)
        self.place = 0

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    def sees(self, *texts: str) -> bool:
        """Whether the tokens from here on are these (quoted names are never words of the language)."""
        ahead = self.tokens[self.place : self.place + len(texts)]
        return [t.text for t in ahead if t.kind != "string"] == list(texts)

    def take(self, *texts: str) -> bool:
        """Step over the tokens if they are these."""
        if not self.sees(*texts):
            return False
        self.place += len(texts)
        return True

    def need(self, text: str) -> None:
        if not self.take(text):
            self.refuse(repr(text))

    def step(self) -> Token:
        token = self.now
        self.place += token.kind != "end"
        return token

    def refuse(self, expected: str, known: tuple[str, ...] = (), hint: str | None = None) -> NoReturn:
        """What was expected at this token, and the nearest known word to what stands there."""
        token = self.now
        if hint is None and known and token.kind == "name":
            near = nearest(token.text.lower(), known)
            hint = near if near.startswith("did") else None
        self.fail(token, f"expected {expected}, but got {token}", hint)

    def fail(self, token: Token, reason: str, hint: str | None = None) -> NoReturn:
        raise PhraseError(self.where, self.text, token.column, reason, hint)
