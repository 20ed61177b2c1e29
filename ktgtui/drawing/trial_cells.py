"""Trials as rows of a table: their order, which of them are shown, and what their cells say. Textual-free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from ktgtui.drawing import formatting

if TYPE_CHECKING:
    from engine.space.graph import Graph
    from engine.space.space import Space
    from engine.store.records import Trial

Keep = Callable[["Trial"], bool]


class Order(Enum):
    """How the table is sorted; the value is what the title says."""

    BEST = "best first"
    NEWEST = "newest first"
    WORST = "worst first"
    DRAWN = "as drawn"

    @property
    def next(self) -> Order:
        every = list(Order)
        return every[(every.index(self) + 1) % len(every)]


def arranged(trials: Iterable[Trial], order: Order) -> Sequence[Trial]:
    """The trials in an order; those without a result come after those with one where errors decide."""
    if order is Order.DRAWN:
        return list(trials)
    if order is Order.NEWEST:
        return sorted(trials, key=lambda t: -t.number)
    sign = 1 if order is Order.BEST else -1
    # Equal errors by key, a hash: by number an exhaustive run would list certain gates first.
    return sorted(trials, key=lambda t: (t.error is None, sign * (t.error or 0.0), t.key, t.number))


def keeper(text: str, space: Space) -> Keep:
    """What a filter keeps: an outcome (`failed`), a graph's key or its beginning, or a phrase of the language.

    Raises SpaceError with a caret under the place if it is none of them.
    """
    from engine.store.records import State

    said = text.strip()
    if said in list(State):
        return lambda trial: trial.state == said
    if len(said) >= 4 and set(said) <= set("0123456789abcdef"):
        return lambda trial: trial.key.startswith(said)
    phrase = space.parse(said, "filter")
    known: dict[str, bool] = {}

    def holds(trial: Trial) -> bool:
        if trial.key not in known:
            known[trial.key] = space.satisfies(_graph(trial.graph), (phrase,))
        return known[trial.key]

    return holds


def cells(trial: Trial) -> tuple[str | tuple[str, str], ...]:
    """Number, error, outcome, models, and a gate a column (`- ` for cutoff)."""
    models, gates = _short(trial.graph)
    state = trial.state.value + (" *" if trial.inherited else "")
    role = {"done": "", "failed": "bad", "diverged": "warn"}.get(trial.state.value, "dim")
    return (str(trial.number), formatting.percent(trial.error), (state, role), models, *gates)


@cache
def gate_titles(nodes: int) -> tuple[str, ...]:
    """`y>1`, `2>1`, ...: the columns' titles, in the order of `engine.space.graph.edges`."""
    from engine.space.graph import edges

    return tuple(map(str, edges(nodes)))


@lru_cache(maxsize=4096)
def _short(text: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Models and gates as cells. The text is taken as `Graph` wrote it: `Graph.parse` would check it, at ten times the cost
    of a row, and a page down shows forty."""
    head, _, tail = text.partition(" | ")
    models = [word.partition(":")[2] for word in head.split()]
    written = dict(part.split(" ", 1) for part in tail.split(", ") if part)
    gates = (written.get(title, "cutoff") for title in gate_titles(len(models)))
    return " ".join(models), tuple((short(gate), _ROLES.get(gate, "")) for gate in gates)


def short(gate: str) -> str:
    """A gate in three characters."""
    return _SHORT.get(gate, gate[:3])


_SHORT = {"through": "thr", "cutoff": " - ", "linear": "lin", "correct": "cor", "negative-linear": "neg"}
_ROLES = {"through": "curve0", "cutoff": "dim", "linear": "curve1", "correct": "curve2", "negative-linear": "curve3"}


@lru_cache(maxsize=65536)
def _graph(text: str) -> Graph:
    from engine.space.graph import Graph

    return Graph.parse(text)
