"""A design space: what may be searched, as one frozen value made of a space file and its ancestors.

A space is a set of canonical graphs: a graph is in it if one relabelling of its auxiliary nodes has its models and
gates within the domains and satisfies all phrases of the lineage together (DESIGN.md, "The five conditions").
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.errors import SpaceError
from engine.space.constraints import Phrase, Vocabulary, parse
from engine.space.counting import formula
from engine.space.counting.counts import Counts, counts
from engine.space.counting.decision_diagram import Report
from engine.space.counting.graph_set import Ground
from engine.space.files.domains import Domains
from engine.space.files.named_protocols import expanded
from engine.space.graph import Graph
from engine.space.protocol import Protocol, checked_protocol

if TYPE_CHECKING:
    from engine.space.counting.sampling import Sampler


class Ancestor(msgspec.Struct, frozen=True):
    """One step of a lineage: a space's name and the phrases it added."""

    name: str
    phrases: tuple[Phrase, ...] = ()


@dataclass(frozen=True)
class Space:
    """A design space. Made by `files.load` or `files.resolved`; both have checked that it holds a graph that trains."""

    name: str
    """What it is called, e.g. `digits/X`."""
    nodes: int
    models: Domains
    """Models of each node, as the file lists them."""
    gates: Domains
    """Gates of each edge, in the order of `edges(nodes)`."""
    protocol: Protocol
    lineage: tuple[Ancestor, ...]
    """Root first, this space last."""
    note: str = ""
    file: Path | None = field(default=None, compare=False)

    @property
    def slug(self) -> str:
        """The name as one folder name."""
        return self.name.replace("/", "-")

    @property
    def phrases(self) -> tuple[Phrase, ...]:
        """All phrases of the lineage, root first."""
        return tuple(phrase for ancestor in self.lineage for phrase in ancestor.phrases)

    @property
    def vocabulary(self) -> Vocabulary:
        """What phrases about this space may name."""
        named = (tuple(dict.fromkeys(n for names in d for n in names)) for d in (self.models, self.gates))
        return Vocabulary(self.nodes, *named)

    @cached_property
    def ground(self) -> Ground:
        """The set of graphs it means, for counting."""
        return Ground(
            self.nodes,
            tuple(tuple(sorted(names)) for names in (*self.models, *self.gates)),
            formula.every(p.formula(self.nodes) for p in self.phrases),
        )

    @cached_property
    def keys(self) -> int:
        """Graphs up to relabelling: how many distinct keys there are."""
        return self.ground.orbits()

    def parse(self, text: str, where: str = "constraint") -> Phrase:
        """Read a phrase about this space. Raises PhraseError."""
        return parse(text, self.vocabulary, where)

    def contains(self, graph: Graph) -> bool:
        """Whether one relabelling of the graph lies in the domains and satisfies all phrases together."""
        return self.satisfies(graph, ())

    def satisfies(self, graph: Graph, phrases: Iterable[Phrase]) -> bool:
        """Whether the graph is in the child that adds `phrases`: one relabelling satisfies them and the space's own."""
        if graph.nodes != self.nodes:
            return False
        wanted = formula.every((self.ground.phrases, *(p.formula(self.nodes) for p in phrases)))
        labelled = (graph.relabel(order) for order in graph.relabellings())
        return any(self._within(g) and formula.holds(wanted, (*g.models, *g.gates)) for g in labelled)

    def _within(self, graph: Graph) -> bool:
        values = (*graph.models, *graph.gates)
        return all(value in domain for value, domain in zip(values, self.ground.domains, strict=True))

    def counts(self, report: Report | None = None) -> Counts:
        """How many graphs there are, in the ways one may count them; `report` hears of long work."""
        if "_counts" not in self.__dict__:
            self.__dict__["_counts"] = counts(self.ground, report)
        found: Counts = self.__dict__["_counts"]
        return found

    def enumerate(self, shard: tuple[int, int] | None = None) -> Iterator[Graph]:
        """Distinct canonical graphs in canonical order, lazily; with `shard` (i, n), 1 <= i <= n, one of n parts."""
        from engine.space.counting.enumeration import enumerate_graphs  # numpy: 0.1 s that validating a file need not wait for

        return enumerate_graphs(self.ground, shard)

    @cached_property
    def _sampler(self) -> Sampler:
        from engine.space.counting.sampling import Sampler

        return Sampler(self.ground)

    def sample(self, n: int, seed: int, exclude: Collection[str] = frozenset()) -> list[Graph]:
        """`n` different canonical graphs, uniform over the space's keys; all that are left if there are fewer.

        The same for the same space and seed, and a beginning of any longer sample; graphs whose key is in `exclude`
        are passed over, which leaves the others' order as it was.
        """
        if n < 0:
            raise SpaceError(f"sample: must be at least 0 graphs, got {n}")
        found: list[Graph] = []
        for graph in self._sampler.order(seed):
            if len(found) == n:
                break
            if not exclude or graph.key not in exclude:
                found.append(graph)
        return found

    def with_protocol(self, fields: dict[str, Any]) -> Space:
        """The same graphs, trained otherwise: `fields` replace the protocol's, `base` all of them. Raises SpaceError."""
        plain = {**msgspec.to_builtins(self.protocol), **expanded(fields, "protocol.base")}
        return replace(self, protocol=checked_protocol(plain, "protocol"))

    def differs(self, other: Space) -> list[str]:
        """The fields in which two spaces, or their protocols, would lead to different trials."""
        kinds = {
            "nodes": self.nodes != other.nodes,
            "models": [set(names) for names in self.models] != [set(names) for names in other.models],
            "gates": [set(names) for names in self.gates] != [set(names) for names in other.gates],
            "constraints": {*map(str, self.phrases)} != {*map(str, other.phrases)},
        }
        return [*(name for name, differ in kinds.items() if differ),
                *(f"protocol.{name}" for name in self.protocol.differing(other.protocol))]
