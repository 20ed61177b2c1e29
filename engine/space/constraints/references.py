"""Reading the words of a comparison: references to variables and groups, and names of models and gates."""

from __future__ import annotations

from engine.errors import nearest
from engine.space import catalogue
from engine.space.constraints.syntax import RESERVED, SHORT, Gate, Model, Reference, Where
from engine.space.constraints.token_stream import Cursor
from engine.space.constraints.tokens import Token
from engine.space.graph import LABEL, MAX_NODES

_STARTS = ("any of", "none of", "count", "pretrained", "taught", "not")


class References(Cursor):
    """The part of the grammar below `comparison`."""

    def at_reference(self, ahead: int) -> bool:
        token = self.tokens[min(self.place + ahead, len(self.tokens) - 1)]
        after = self.tokens[min(self.place + ahead + 1, len(self.tokens) - 1)]
        return token.kind == "name" and bool(SHORT.fullmatch(token.text) or (token.text in "mL" and after.text == "["))

    def reference(self) -> Reference:
        token = self.now
        if not self.at_reference(0):
            self.refuse("a condition such as m[2] = ..., L[y,2] = ... or taught", _STARTS, self.value_first(token))
        self.step()
        reference = self.bracketed(token) if token.text in "mL" else self.short(token)
        nodes = self.vocabulary.nodes
        if nodes is not None and not reference.members(nodes):
            self.fail(token, f"{reference} has no member in a space of {nodes} nodes")
        return reference

    def value_first(self, token: Token) -> str | None:
        """What to write for a condition that begins with a value, a number or `node`."""
        if token.kind == "number":
            return "a count comes before its number: count(L[*,*] = cutoff) <= 4"
        if self.sees("node"):
            return "write pretrained = node 2"
        before = self.tokens[self.place - 1].text if self.place else ""
        for is_known, variable in ((catalogue.is_gate, "L[y,2]"), (catalogue.is_model, "m[2]")):
            if token.kind == "name" and is_known(token.text):
                if before == "or" and self.place > 1 and is_known(other := self.tokens[self.place - 2].text):
                    return f"to allow either write in {{{other}, {token.text}}}"
                return f"the variable comes first: {variable} = {token.text}"
        return None

    def short(self, token: Token) -> Reference:
        if token.text[0] == "m":
            node = self.as_node(token, token.text[1:])
            return Model(node)
        source = LABEL if token.text[1] == "y" else self.as_node(token, token.text[1])
        return self.edge(token, source, self.as_node(token, token.text[2]))

    def bracketed(self, token: Token) -> Reference:
        self.need("[")
        if token.text == "m":
            if self.sees("y"):
                self.fail(self.now, "y is the label: it has no model", "name a node, 'aux' or '*'")
            node = self.node_or_group("a node's number, 'aux' or '*'")
            self.need("]")
            return Model(node)
        source = LABEL if self.take("y") else self.node_or_group("a source: 'y', a node's number, 'aux' or '*'")
        self.need(",")
        if self.sees("y"):
            self.fail(self.now, "y is the label: nothing flows into it", "the source comes first: L[y,2]")
        target = self.node_or_group("a node's number, 'aux' or '*'")
        self.need("]")
        return self.edge(token, source, target)

    def node_or_group(self, expected: str) -> Where:
        if self.take("aux"):
            return "aux"
        if self.take("*"):
            return "*"
        token = self.now
        if token.kind != "number":
            self.refuse(expected, known=("aux", "y"))
        self.step()
        return self.as_node(token, token.text)

    def edge(self, token: Token, source: Where, target: Where) -> Gate:
        if source == target and isinstance(source, int):
            self.fail(token, f"L[{source},{target}] is not an edge: a node does not teach itself")
        return Gate(source, target)

    def as_node(self, token: Token, digits: str) -> int:
        node = int(digits) if len(digits) <= 3 else 1000
        return self.check_node(token, node)

    def check_node(self, token: Token, node: int) -> int:
        most = self.vocabulary.nodes or MAX_NODES
        if not 1 <= node <= most:
            self.fail(token, f"there is no node {node if node < 1000 else '1000 or above'}", f"nodes are 1 to {most}")
        return node

    def number(self, expected: str) -> int:
        if self.now.kind != "number" or len(self.now.text) > 4:
            self.refuse(expected)
        return int(self.step().text)

    def value(self, reference: Reference) -> str:
        """A model's or gate's name, as the reference takes."""
        kind = "model" if isinstance(reference, Model) else "gate"
        token = self.now
        own, other = self.vocabulary.models, self.vocabulary.gates
        if token.kind not in ("name", "string") or (token.kind == "name" and token.text in RESERVED):
            names = own if kind == "model" else other
            examples = f"such as {', '.join(names[:3])}" if names else None
            self.refuse(f"a {kind}", hint="one = is enough" if self.sees("=") else examples)
        name = token.text.strip('"')
        known, foreign = catalogue.is_model, catalogue.is_gate
        if kind == "gate":
            own, other, known, foreign = other, own, foreign, known
        if name in own or known(name):
            self.step()
            return name
        if name in other or foreign(name):
            self.fail(token, f"{reference} takes a {kind}, and {name!r} is a {'gate' if kind == 'model' else 'model'}")
        self.fail(token, f"unknown {kind} {token}", self.suggestion(name, kind, own))

    def suggestion(self, name: str, kind: str, own: tuple[str, ...]) -> str:
        """The nearest of the space's own names, else of all that are known."""
        every = catalogue.model_examples() if kind == "model" else catalogue.known_gates()
        near = nearest(name, own)
        return near if near.startswith("did") else nearest(name, every)

    def values(self, reference: Reference) -> tuple[str, ...]:
        self.need("{")
        found = [self.value(reference)]
        while self.take(","):
            found.append(self.value(reference))
        if not self.sees("}"):
            self.refuse("',' or '}'")
        self.step()
        return tuple(dict.fromkeys(found))
