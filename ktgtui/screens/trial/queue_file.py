"""Graphs a person wants trained: a text file a space, one graph a line, as `engine.search --graphs FILE` reads it."""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import StoreError
from engine.space.graph import Graph


def path(folder: Path, slug: str) -> Path:
    """The list of a space's graphs in a workbench's folder."""
    return folder / "queues" / f"{slug}.txt"


def read(file: Path) -> tuple[Graph, ...]:
    """The graphs of a list, canonical; lines that are none are left to the search, which names them."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError:
        return ()
    texts = (line.partition("#")[0].strip() for line in lines)
    return tuple(Graph.parse(text).canonical() for text in texts if text)


def add(file: Path, graph: Graph, note: str) -> bool:
    """Append a graph with where it came from; False if it is there already. Raises StoreError, SpaceError."""
    if graph.canonical() in read(file):
        return False
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(f"{graph.canonical()}  # {note}\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise StoreError(f"{file}: cannot be written: {error.strerror or error}") from None
    return True
