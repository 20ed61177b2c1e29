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
from engine.space import conflicts, counting, domains, files, formula, protocol
from engine.space.catalogue import DATASETS
from engine.space.constraints import Phrase, Vocabulary, parse
from engine.space.counting import Counts
from engine.space.diagram import Report
from engine.space.domains import Domains
from engine.space.files import SpaceFile
from engine.space.graph import Graph, edges
from engine.space.ground import Ground
from engine.space.protocol import Protocol

if TYPE_CHECKING:
    from engine.space.sampling import Sampler


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One step of a lineage: a space's name and the phrases it added."""

    name: str
    phrases: tuple[Phrase, ...] = ()


class Resolved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A space as plain data that needs no file: what `run.json` keeps."""

    name: str
    note: str = ""
    nodes: int
    models: list[list[str]]
    """A list a node."""
    gates: dict[str, list[str]]
    """A list an edge, by the edge's text (`y>1`)."""
    protocol: dict[str, Any]
    lineage: list[dict[str, Any]]
    """Root first: `name` and the `constraints` added there."""


@dataclass(frozen=True)
class Space:
    """A design space. Made by `load` or `Space.from_resolved`; both have checked that it holds a graph that trains."""

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
            self.__dict__["_counts"] = counting.counts(self.ground, report)
        found: Counts = self.__dict__["_counts"]
        return found

    def enumerate(self, shard: tuple[int, int] | None = None) -> Iterator[Graph]:
        """Distinct canonical graphs in canonical order, lazily; with `shard` (i, n), 1 <= i <= n, one of n parts."""
        from engine.space.enumeration import enumerate_graphs  # numpy: 0.1 s that validating a file need not wait for

        return enumerate_graphs(self.ground, shard)

    @cached_property
    def _sampler(self) -> Sampler:
        from engine.space.sampling import Sampler

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
        """The same graphs, trained otherwise: `fields` replace the protocol's. Raises SpaceError."""
        plain = {**msgspec.to_builtins(self.protocol), **fields}
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

    def resolved(self) -> dict[str, Any]:
        """Plain JSON data that says everything; `from_resolved` reads it back to an equal space."""
        lineage = [{"name": a.name, "constraints": [str(p) for p in a.phrases]} for a in self.lineage]
        return {
            "name": self.name,
            "note": self.note,
            "nodes": self.nodes,
            "models": [list(names) for names in self.models],
            "gates": {str(edge): list(names) for edge, names in zip(edges(self.nodes), self.gates, strict=True)},
            "protocol": msgspec.to_builtins(self.protocol),
            "lineage": lineage,
        }

    @classmethod
    def from_resolved(cls, data: dict[str, Any], where: str = "space") -> Space:
        """Read `resolved()` back. Raises SpaceError; `where` names the place the data came from."""
        try:
            plain = msgspec.convert(data, Resolved)
            models = domains.models(where, plain.nodes, {str(i): n for i, n in enumerate(plain.models, 1)}, None)
            listed = {f"L[{edge.replace('>', ',')}]": names for edge, names in plain.gates.items()}
            vocabulary = Vocabulary(plain.nodes)
            lineage = tuple(
                Ancestor(a["name"], tuple(parse(t, vocabulary, f"{where}: constraint") for t in a["constraints"]))
                for a in plain.lineage
            )
        except (msgspec.ValidationError, KeyError, TypeError) as error:
            raise SpaceError(f"{where}: not a resolved space: {error}") from None
        return checked(
            cls(plain.name, plain.nodes, models, domains.gates(where, plain.nodes, listed, None),
                checked_protocol(plain.protocol, f"{where}: protocol"), lineage, plain.note),
            where,
        )


def load(reference: str | Path) -> Space:
    """The space of a file, or the shipped space of that name (`X`, `digits/X`). Raises SpaceError."""
    space, _ = _load(files.find(reference), ())
    return space


def _load(path: Path, below: tuple[Path, ...]) -> tuple[Space, dict[str, Any]]:
    """A space, and its protocol's keys as its lineage wrote them; `below` are the children that led here."""
    here = path.resolve()
    if here in below:
        chain = " -> ".join(p.name for p in (*below[below.index(here):], here))
        raise SpaceError(f"{path}: extends: the file is its own ancestor ({chain})", "break the circle")
    file, own = files.read(path)
    if file.extends is None:
        return _root(path, file, own), own
    try:
        parent, inherited = _load(files.find(file.extends, path.parent), (*below, here))
    except SpaceError as error:
        raise error if below or str(path.parent / "") in error.message else SpaceError(
            f"{path}: extends {file.extends!r}: {error.message}", error.hint) from None
    merged = {**inherited, **own}
    return _child(path, file, parent, merged), merged


def _root(path: Path, file: SpaceFile, protocol_keys: dict[str, Any]) -> Space:
    for name in ("nodes", "models", "gates"):
        if not getattr(file, name):
            raise SpaceError(f"{path}: {name!r} is missing", "a space without 'extends' needs nodes, models and gates")
    assert file.nodes is not None
    space = Space(
        file.name or _own_name(path),
        file.nodes,
        domains.models(str(path), file.nodes, file.models, None),
        domains.gates(str(path), file.nodes, file.gates, None),
        checked_protocol(protocol_keys, f"{path}: protocol"),
        (),
        file.note,
        path,
    )
    return _with_phrases(space, path, file)


def _child(path: Path, file: SpaceFile, parent: Space, protocol_keys: dict[str, Any]) -> Space:
    if file.nodes not in (None, parent.nodes):
        raise SpaceError(f"{path}: nodes: a child keeps its parent's {parent.nodes} nodes, got {file.nodes}",
                         "leave 'nodes' out, or write a space without 'extends'")
    space = replace(
        parent,
        name=file.name or _own_name(path),
        models=domains.models(str(path), parent.nodes, file.models, parent.models),
        gates=domains.gates(str(path), parent.nodes, file.gates, parent.gates),
        protocol=checked_protocol(protocol_keys, f"{path}: protocol"),
        note=file.note,
        file=path,
    )
    return _with_phrases(space, path, file)


def _with_phrases(space: Space, path: Path, file: SpaceFile) -> Space:
    phrases = tuple(space.parse(t, f"{path}: constraint {k}") for k, t in enumerate(file.constraints, 1))
    return checked(replace(space, lineage=(*space.lineage, Ancestor(space.name, phrases))), str(path))


def _own_name(path: Path) -> str:
    """A shipped space's name, else the file's name without its ending."""
    here = path.resolve()
    return next((name for name, p in files.shipped().items() if p == here), path.stem)


def checked_protocol(fields: dict[str, Any], where: str) -> Protocol:
    """The protocol of plain values, which must also fit its data set. Raises SpaceError."""
    found = protocol.resolve(fields, where)
    facts = DATASETS.get(found.data)
    if facts is not None and found.train + found.validation > facts.training:
        raise SpaceError(
            f"{where}.train: train + validation must be at most the {facts.training:,} training images of "
            f"{found.data}, got {found.train:,} + {found.validation:,}"
        )
    return found


def checked(space: Space, where: str) -> Space:
    """The space, if it holds a graph that trains its target. Raises SpaceError naming the phrases in conflict."""
    solver = conflicts.Solver(space.ground)
    conditions = [p.formula(space.nodes) for p in space.phrases]
    if together := solver.conflict(conditions):
        raise SpaceError(f"{where}: no graph is left: {conflicts.named([space.phrases[k] for k in together])}")
    if together := solver.conflict([formula.valid(space.nodes), *conditions]):
        guilty = conflicts.named([space.phrases[k - 1] for k in together if k])
        raise SpaceError(f"{where}: no valid graph is left, every edge into the target is cutoff: {guilty}")
    return space
