"""Phrases, models and gates in plain words, for people and for the paper's table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.space.catalogue import CUTOFF, THROUGH
from engine.space.constraints.syntax import (
    Compare,
    Comparison,
    Conjunction,
    Count,
    Differ,
    Disjunction,
    Expression,
    Gate,
    Model,
    Negation,
    Pretrained,
    Quantified,
    Reference,
    Where,
)
from engine.space.graph import LABEL

HOW = {
    THROUGH: "throughout",
    "correct": "where they are right",
    "linear": "increasingly",
    "negative-linear": "decreasingly",
    CUTOFF: "not at all",
}
"""How an edge with this gate teaches; in the order in which alternatives are told."""

_DISPLAY = (("resnet", "ResNet"), ("wrn", "WRN"), ("mlp", "MLP"), ("cnn", "CNN"))

_RELATIONS = {
    "=": "exactly", "!=": "not exactly", "<": "fewer than", "<=": "at most", ">": "more than", ">=": "at least",
}


def model(name: str) -> str:
    """A model's name as papers write it: ResNet32, WRN28-2."""
    for plain, shown in _DISPLAY:
        if re.fullmatch(rf"{plain}[\d-]+", name):
            return shown + name.removeprefix(plain)
    return name


def either(words: Sequence[str], joint: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joint} {words[-1]}"


def how(gates: Iterable[str]) -> str:
    """How edges teach that have one of these gates: `from the start or increasingly`."""
    found = set(gates)
    order = [*(g for g in HOW if g in found), *sorted(found - set(HOW))]
    words = [HOW.get(gate, f"by the gate {gate}") for gate in order]
    if "linear" in found and THROUGH in found:
        words[order.index(THROUGH)] = "from the start"
    return either(words)


def clause(expression: Expression) -> str:
    """A phrase as a clause: `at most 4 of all gates are cutoff`."""
    match expression:
        case Compare() | Differ():
            return _comparison(expression)
        case Quantified(kind, comparison):
            return f"{'at least one' if kind == 'any' else 'none'} of {_plural(comparison, 'is')}"
        case Count(comparison, relation, number):
            return f"{_RELATIONS[relation]} {number} of {_plural(comparison, 'is' if number == 1 else 'are')}"
        case Pretrained(which, relation):
            return _pretrained(which, relation)
        case Negation(part):
            return f"it is not so that {clause(part)}"
        case Conjunction(parts):
            return " and ".join(_inner(p) for p in parts)
        case Disjunction(parts):
            return f"either {' or '.join(_inner(p) for p in parts)}"
        case _:
            return "a label reaches the target"


def _inner(part: Expression) -> str:
    return f"({clause(part)})" if isinstance(part, (Conjunction, Disjunction)) else clause(part)


def _pretrained(which: str | int, relation: str) -> str:
    if isinstance(which, int):
        return f"node {which} is {'not ' if relation == '!=' else ''}pre-trained"
    return f"{'some' if (which == 'some') == (relation == '=') else 'no'} node is pre-trained"


def _comparison(comparison: Comparison) -> str:
    if isinstance(comparison, Differ):
        return f"{_reference(comparison.left)} differs from {_reference(comparison.right)}"
    first, *others = map(_reference, comparison.references)
    tied = f"{first} is the same as {either(others, 'and')}" if others else first
    if not comparison.relation:
        return tied
    return f"{tied}{', and' if others else ''} {_values(comparison, 'is')}"


def _plural(comparison: Comparison, verb: str) -> str:
    """The members of a comparison's group and what is said of them."""
    if isinstance(comparison, Differ):
        group, other = comparison.left, comparison.right
        if not group.is_group:
            group, other = other, group
        return f"{_members(group)} {'differs' if verb == 'is' else 'differ'} from {_reference(other)}"
    group = next(r for r in comparison.references if r.is_group)
    others = [_reference(r) for r in comparison.references if r is not group]
    said = [f"{verb} the same as {either(others, 'and')}"] if others else []
    said += [_values(comparison, verb)] if comparison.relation else []
    return f"{_members(group)} {' and '.join(said)}"


def _values(comparison: Compare, verb: str) -> str:
    names = [model(v) for v in comparison.values]
    negated = comparison.relation in ("!=", "not in")
    return f"{verb} {'neither ' if negated and len(names) > 1 else 'not ' if negated else ''}" + (
        either(names, "nor") if negated else either(names)
    )


def _reference(reference: Reference) -> str:
    """`the model of node 2`, `each gate from an auxiliary node to the target`."""
    if isinstance(reference, Model):
        return f"the model of {'each ' if reference.is_group else ''}{_node(reference.node)}"
    article = "each" if reference.is_group else "the"
    if reference == Gate("aux", "aux"):
        return "each gate between auxiliary nodes"
    return f"{article} gate from {_source(reference.source)} to {_article(reference.target)}"


def _members(group: Reference) -> str:
    """`the gates from auxiliary nodes to the target`."""
    if isinstance(group, Model):
        return f"the models of {_nodes(group.node)}"
    if group == Gate("*", "*"):
        return "all gates"
    if group == Gate("aux", "aux"):
        return "the gates between auxiliary nodes"
    source = "anywhere" if group.source == "*" else "labels" if group.source == LABEL else _nodes(group.source)
    return f"the gates from {source} to {_nodes(group.target)}"


def _source(source: Where) -> str:
    return "the label" if source == LABEL else "anywhere" if source == "*" else _article(source)


def _article(node: Where) -> str:
    return {"aux": "an auxiliary node", "*": "any node"}.get(str(node)) or _node(node)


def _node(node: Where) -> str:
    return {"aux": "auxiliary node", "*": "node", "1": "the target"}.get(str(node), f"node {node}")


def _nodes(node: Where) -> str:
    return {"aux": "auxiliary nodes", "*": "any node"}.get(str(node)) or _node(node)
