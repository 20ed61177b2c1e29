"""Stepping through a phrase's tokens, and refusing at the place where one does not fit."""

from __future__ import annotations

from typing import NoReturn

import msgspec

from engine.errors import nearest
from engine.space.constraints.tokens import PhraseError, Token, tokens


class Vocabulary(msgspec.Struct, frozen=True):
    """What names and numbers a phrase may use: a space's nodes and, for suggestions, its own models and gates."""

    nodes: int | None = None
    models: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()


_MEANT = {
    "untaught": "write not taught",
    **dict.fromkeys(("all", "each", "every"), "a group means each of its members: L[aux,1] = through"),
    **dict.fromkeys(("exists", "one", "either"), "write any of L[aux,1] = through"),
    **dict.fromkeys(("at", "least", "most", "exactly"), "write count(L[aux,1] = through) >= 2"),
    **dict.fromkeys(("if", "then", "implies"), "write not (one) or (other) for: one implies other"),
    **dict.fromkeys(("is", "are", "equals"), "write ="),
    "target": "the target is node 1",
    "label": "the label is y",
}
"""What to write for words of other languages that people try."""


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

    def need(self, text: str, hint: str | None = None) -> None:
        if not self.take(text):
            self.refuse(repr(text), hint=hint)

    def step(self) -> Token:
        token = self.now
        self.place += token.kind != "end"
        return token

    def refuse(self, expected: str, known: tuple[str, ...] = (), hint: str | None = None) -> NoReturn:
        """What was expected at this token, and the nearest known word to what stands there, or what to write for it."""
        token = self.now
        if hint is None and token.kind == "name":
            near = nearest(token.text.lower(), known)
            hint = _MEANT.get(token.text.lower()) or (near if near.startswith("did") else None)
        self.fail(token, f"expected {expected}, but got {token}", hint)

    def fail(self, token: Token, reason: str, hint: str | None = None) -> NoReturn:
        raise PhraseError(self.where, self.text, token.column, reason, hint)
