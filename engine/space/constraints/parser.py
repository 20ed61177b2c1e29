"""Reading a phrase: recursive descent over its tokens, one function a rule of the grammar.

    phrase      = both { "or" both }
    both        = single { "and" single }
    single      = "not" single | "(" phrase ")" | "taught" | pretrained | quantified | count | comparison
    pretrained  = "pretrained" ("=" | "!=") ("none" | "some" | "node" NUMBER)
    quantified  = ("any" | "none") "of" comparison
    count       = "count" "(" comparison ")" ("=" | "!=" | "<" | "<=" | ">" | ">=") NUMBER
    comparison  = reference { "=" reference } [ ("=" | "!=") NAME | ["not"] "in" "{" NAME { "," NAME } "}" ]
                | reference "!=" reference
    reference   = "m" "[" where "]" | "L" "[" where "," where "]" | m2 | Ly2 | L21
    where       = NUMBER | "y" | "aux" | "*"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from engine.space.constraints.references import References
from engine.space.constraints.syntax import (
    Compare,
    Comparison,
    Conjunction,
    Count,
    Differ,
    Disjunction,
    Expression,
    Negation,
    Pretrained,
    Quantified,
    Reference,
    Taught,
    is_grouped,
    spelled,
)
from engine.space.constraints.token_stream import Vocabulary

DEEPEST = 40
"""Levels of parentheses and `not`."""


class Parser(References):
    """The grammar from `phrase` down to `comparison`."""

    def __init__(self, text: str, vocabulary: Vocabulary, where: str) -> None:
        super().__init__(text, vocabulary, where)
        self.depth = 0

    def parse(self) -> Expression:
        """The whole phrase. Raises PhraseError at the first token that does not fit."""
        expression = self.phrase()
        if self.now.kind != "end":
            self.refuse("'and', 'or' or the end", known=("and", "or"))
        return expression

    def phrase(self) -> Expression:
        return self.joined("or", self.both, Disjunction)

    def both(self) -> Expression:
        return self.joined("and", self.single, Conjunction)

    def joined(self, word: str, rule: Callable[[], Expression], kind: Callable[[Any], Expression]) -> Expression:
        parts = [rule()]
        while self.take(word):
            parts.append(rule())
        return parts[0] if len(parts) == 1 else kind(tuple(parts))

    def single(self) -> Expression:
        if self.sees("not") or self.sees("("):
            return self.nested()
        if self.take("taught"):
            return Taught()
        if self.take("pretrained"):
            return self.pretrained()
        if self.sees("any", "of") or self.sees("none", "of"):
            return self.quantified()
        if self.take("count"):
            return self.count()
        return self.comparison()

    def nested(self) -> Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(self.now, f"parentheses and 'not' nest at most {DEEPEST} deep", "write it as several phrases")
        if self.take("not"):
            inner: Expression = Negation(self.single())
        else:
            self.need("(")
            inner = self.phrase()
            self.need(")")
        self.depth -= 1
        return inner

    def pretrained(self) -> Expression:
        relation: Literal["=", "!="] = "!=" if self.take("!=") else "="
        if relation == "=":
            self.need("=", "pretrained = none, some or node 2")
        if self.take("none"):
            return Pretrained("none", relation)
        if self.take("some"):
            return Pretrained("some", relation)
        if not self.take("node"):
            self.refuse("'none', 'some' or 'node 2'", known=("none", "some", "node"))
        token = self.now
        if (node := self.number("an auxiliary node's number")) == 1:
            self.fail(token, "node 1 is the target, which is never pre-trained", "name an auxiliary node")
        self.check_node(token, node)
        return Pretrained(node, relation)

    def quantified(self) -> Expression:
        kind: Literal["any", "none"] = "any" if self.now.text == "any" else "none"
        self.place += 2
        return Quantified(kind, self.grouped(f"'{kind} of'"))

    def count(self) -> Expression:
        self.need("(")
        comparison = self.grouped("'count'")
        self.need(")")
        for relation in ("=", "!=", "<=", "<", ">=", ">"):
            if self.take(relation):
                return Count(comparison, relation, self.number("a number"))
        self.refuse("'=', '!=', '<', '<=', '>' or '>='")

    def grouped(self, word: str) -> Comparison:
        """A comparison with a group in it, as `word` needs one."""
        token = self.now
        if not self.at_reference(0):
            self.refuse(f"a comparison after {word}", hint="such as L[aux,1] = through")
        comparison = self.comparison()
        if not is_grouped(comparison):
            self.fail(token, f"{word} needs a group, but {comparison} has none", "such as L[aux,1], m[aux] or L[*,*]")
        return comparison

    def comparison(self) -> Comparison:
        first = self.now
        tied = [self.reference()]
        while self.sees("=") and self.at_reference(1):
            self.step()
            tied.append(self.tied(tied))
        if self.sees("!=") and self.at_reference(1):
            return self.differ(tied)
        if self.sees("=") or self.sees("!="):
            relation: Literal["=", "!="] = "=" if self.step().text == "=" else "!="
            value = self.value(tied[0])
            if self.sees("=", ">"):
                self.fail(self.now, "'=>' is not part of the language", "write not (one) or (other)")
            if self.sees("=") or self.sees("!="):
                self.fail(self.now, "a value ends a chain", f"write the variables first: {tied[0]} = ... = {value}")
            return Compare(tuple(tied), relation, (value,))
        if self.take("in"):
            return Compare(tuple(tied), "in", self.values(tied[0]))
        if self.take("not", "in"):
            return Compare(tuple(tied), "not in", self.values(tied[0]))
        if len(tied) == 1:
            said = self.text[first.column : self.now.column].strip()
            self.refuse(f"'=', '!=', 'in' or 'not in' after {said}", known=("in", "not in"))
        return Compare(tuple(tied))

    def differ(self, tied: list[Reference]) -> Comparison:
        if len(tied) > 1:
            self.fail(self.now, "'!=' compares two variables, not a chain",
                      f"write {Compare(tuple(tied))} and {tied[-1]} != ...")
        self.step()
        return Differ(tied[0], self.tied(tied))

    def tied(self, tied: list[Reference]) -> Reference:
        """One more reference of a chain: of the same kind, and at most one group in all."""
        token = self.now
        reference = self.reference()
        if type(reference) is not type(tied[0]):
            self.fail(token, f"{tied[0]} and {reference} cannot be compared: one is a model, the other a gate")
        groups = [r for r in tied if r.is_group]
        if reference.is_group and groups:
            self.fail(token, f"two groups in one tie, {groups[0]} and {reference}: which members belong together?",
                      f"spell it out: {spelled(groups[0], reference, self.vocabulary.nodes or 3)}")
        return reference


def reference(text: str, vocabulary: Vocabulary, where: str) -> Reference:
    """Read one variable or group by itself, such as `L[aux,1]`. Raises PhraseError."""
    reader = References(text, vocabulary, where)
    found = reader.reference()
    if reader.now.kind != "end":
        reader.refuse("nothing more")
    return found
