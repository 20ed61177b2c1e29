"""What could come next in a constraint: variables, gates and models of a space. Textual-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from engine.space.graph import LABEL, edges
from engine.space.space import Space

GROUPS = ("m[aux]", "L[y,aux]", "L[aux,1]", "L[aux,aux]", "L[1,aux]", "L[y,*]", "L[*,1]", "pretrained", "taught")
KEYWORDS = ("any of ", "none of ", "count(", "not in {", "some", "none", "node ")
_LAST = re.compile(r"[A-Za-z][A-Za-z0-9,*\[\]-]*$")


def words(space: Space) -> tuple[str, ...]:
    """Everything a phrase about this space may name, groups first: they are what the paper's table uses."""
    vocabulary = space.vocabulary
    models = (f"m[{n}]" for n in range(1, space.nodes + 1))
    gates = (f"L[{'y' if e.source == LABEL else e.source},{e.target}]" for e in edges(space.nodes))
    return tuple(dict.fromkeys((*GROUPS, *models, *gates, *vocabulary.gates, *vocabulary.models, *KEYWORDS)))


def complete(text: str, known: Iterable[str]) -> str | None:
    """The text with its last word completed by the first known word that begins so; None if there is none."""
    last = _LAST.search(text)
    if last is None:
        return None
    found = next(_beginning(last[0], known), None)
    return None if found is None else text[: last.start()] + found


def _beginning(start: str, known: Iterable[str]) -> Iterator[str]:
    return (word for word in known if word.lower().startswith(start.lower()) and len(word) > len(start))
