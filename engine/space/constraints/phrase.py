"""A phrase: one constraint of a design space, read once and then fixed."""

from __future__ import annotations

import msgspec

from engine.space.constraints.parser import Parser
from engine.space.constraints.semantics import meaning
from engine.space.constraints.syntax import Expression
from engine.space.constraints.token_stream import Vocabulary
from engine.space.counting.formula import Formula, holds
from engine.space.graph import Graph


class Phrase(msgspec.Struct, frozen=True):
    """One constraint. Phrases are equal if they say the same in the same order; `str` gives the long form."""

    expression: Expression

    def __str__(self) -> str:
        return str(self.expression)

    def holds(self, graph: Graph) -> bool:
        """Whether the graph satisfies the phrase as labelled (a space also allows relabelling: `Space.satisfies`)."""
        return holds(self.formula(graph.nodes), (*graph.models, *graph.gates))

    def formula(self, nodes: int) -> Formula:
        """The phrase's meaning for graphs of `nodes` nodes."""
        return meaning(self.expression, nodes)


def parse(text: str, vocabulary: Vocabulary | None = None, where: str = "constraint") -> Phrase:
    """Read a phrase. Raises PhraseError with a caret under the place, what was expected and the nearest known name.

    The vocabulary gives the space's number of nodes (else up to 8 are taken) and its own names (models and gates of
    the catalogue are known without it); `where` names the phrase in errors.
    """
    return Phrase(Parser(text, vocabulary or Vocabulary(), where).parse())
