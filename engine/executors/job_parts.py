"""Packs, and parts of packs, on their way to workers: cut to what a worker's kind of device takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.executors.interface import PackJob
from engine.packing.packs import PackShape, fill, smaller
from engine.space.graph import Graph


@dataclass(slots=True)
class Piece:
    """A pack or a part of one, and how often it was tried."""

    job: PackJob
    tries: int = 0
    size: int | None = None
    """The size it was cut to; None for one that was not cut."""


def cut(piece: Piece, shape: PackShape, most: int) -> Iterator[Piece]:
    """A piece in pieces of at most `most` graphs, each of which fits into the shape made that small."""
    graphs = piece.job.graphs
    if len(graphs) <= most:
        yield piece
        return
    for places in fill([Graph.parse(text) for text in graphs], smaller(shape, most)):
        yield Piece(replace(piece.job, graphs=tuple(graphs[i] for i in places)), piece.tries, most)


def waiting(again: deque[Piece], most: int | None) -> Piece | None:
    """Take the first piece that is whole, or was cut for devices like this one: in a larger one it would leave places empty."""
    for place, piece in enumerate(again):
        if piece.size in (None, most):
            del again[place]
            return piece
    return None
