"""A tabular benchmark: every graph of a space with its learning curves, so that searches are replayed and not trained.

One file: the space, the rows of its canonical graphs, which rows train identically, and the number of validation images
the target had right after each epoch of each repeat. Read without torch in a fraction of a second.
"""

from __future__ import annotations

import lzma
import zlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from engine.errors import StoreError
from engine.space.counting.graph_arrays import Rows, identities
from engine.space.files import resolved
from engine.space.graph import Graph
from engine.space.space import Space

DEFAULT = "digits/B"
"""The shipped table that is replayed unless another is named."""

ENDING = ".table"

MAGIC = b"ktgtui table 1\n"

INVALID, UNTAUGHT = -1, -2
"""Form numbers of graphs that need no training."""

NOTHING = 65_535
"""Count of right answers where there is none: a training that diverged."""


class TableInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a table says of itself."""

    space: dict
    """The resolved space."""
    models: list[str]
    """Names by their codes in the rows."""
    gates: list[str]
    seed: int
    """The search seed of the run it was made from."""
    graphs: int
    forms: int
    """Graphs that train differently."""
    repeats: int
    epochs: int
    seconds: float
    """Mean seconds of one graph's epoch, where the table was made."""
    command: str = ""
    """What made the run."""
    commit: str | None = None
    versions: dict[str, str] = {}


@dataclass(frozen=True, eq=False)
class Table:
    """The result of every search of a space, known beforehand. n graphs, f forms, R repeats, E epochs."""

    info: TableInfo
    rows: Rows
    """Models and gates of each graph by their codes, shape [n, nodes + edges]."""
    form: npt.NDArray[np.int16]
    """Which curve is whose, shape [n]: equal for graphs that train identically; INVALID, UNTAUGHT."""
    right: npt.NDArray[np.uint16]
    """Validation images that the target had right, shape [f, R, E]; NOTHING after it diverged."""

    @cached_property
    def space(self) -> Space:
        return resolved.load(self.info.space, "the table's space")

    @property
    def repeats(self) -> int:
        return self.right.shape[1]

    @property
    def epochs(self) -> int:
        return self.right.shape[2]

    @cached_property
    def places(self) -> dict[bytes, int]:
        """Row, as bytes, to its place."""
        return {name: place for place, name in enumerate(identities(self.rows))}

    def place(self, graph: Graph) -> int:
        """Where a canonical graph is. Raises StoreError for one that is not in the table."""
        try:
            codes = [*map(self.info.models.index, graph.models), *map(self.info.gates.index, graph.gates)]
            return self.places[identities(np.array([codes], np.uint8))[0]]
        except (ValueError, KeyError):
            raise StoreError(f"the table of {self.space.name} does not hold {graph}", "replay a search of this space") from None

    def graph(self, place: int) -> Graph:
        row = self.rows[place].tolist()
        nodes = self.space.nodes
        return Graph(tuple(self.info.models[c] for c in row[:nodes]), tuple(self.info.gates[c] for c in row[nodes:]))

    @cached_property
    def errors(self) -> npt.NDArray[np.float64]:
        """Validation error (%) at the last epoch, shape [f, R]; infinite for a training that diverged."""
        last = self.right[:, :, -1]
        return np.where(last == NOTHING, np.inf, 100 - 100 * last / self.space.protocol.validation)

    @cached_property
    def _sums(self) -> npt.NDArray[np.float64]:
        return self.errors.sum(axis=1)

    def accuracy(self, form: int, repeat: int, epoch: int) -> float | None:
        """Validation accuracy (%) of a form's target after `epoch` epochs (1-based); None if it has diverged."""
        right = int(self.right[form, repeat, epoch - 1])
        return None if right == NOTHING else 100.0 * right / self.space.protocol.validation

    def elsewhere(self, forms: npt.NDArray[np.intp] | int, repeat: int) -> Any:
        """Mean error (%) over the repeats a search in `repeat` did not see: what its find is worth with fresh seeds.

        With a table of one repeat there are no others, and the error is the seen one.
        """
        if self.repeats == 1:
            return self.errors[forms, 0]
        return (self._sums[forms] - self.errors[forms, repeat]) / (self.repeats - 1)


def save(table: Table, path: Path) -> int:
    """Write a table; returns its bytes. Raises StoreError if the disk refuses."""
    held = table.right.astype(np.int32)
    steps = np.diff(held, axis=2, prepend=0) % (NOTHING + 1)
    signed = np.where(steps > NOTHING // 2, steps - NOTHING - 1, steps)
    folded = np.where(signed >= 0, 2 * signed, -2 * signed - 1).astype(np.uint32)
    # Epochs first: neighbours in the file are then alike, a fifth smaller than in the order of forms (measured).
    planes = np.ascontiguousarray(np.moveaxis(folded, 2, 0), "<u4").view(np.uint8).reshape(-1, 4)
    body = table.rows.tobytes() + table.form.astype("<i2").tobytes() + planes.T[:3].tobytes()
    blob = lzma.compress(msgspec.json.encode(table.info) + b"\n" + body, preset=9 | lzma.PRESET_EXTREME)
    try:
        path.write_bytes(MAGIC + zlib.crc32(blob).to_bytes(4, "little") + blob)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror or error}", "name another file with --out") from None
    return len(MAGIC) + 4 + len(blob)


def shipped() -> tuple[str, ...]:
    """Spaces whose tables are in the package."""
    names = (file.name for file in resources.files("engine.simulate").iterdir())
    return tuple(sorted(n.removesuffix(ENDING).replace("-", "/") for n in names if n.endswith(ENDING)))


def load(reference: str | Path = DEFAULT) -> Table:
    """Read a file, or a shipped table by its space's name. Raises StoreError: not there, not a table, damaged."""
    path = Path(reference)
    if not path.exists() and str(reference) in shipped():
        path = Path(str(resources.files("engine.simulate") / f"{str(reference).replace('/', '-')}{ENDING}"))
    try:
        blob = path.read_bytes()
    except OSError as error:
        known = f"name a file, or a shipped table: {', '.join(shipped())}"
        raise StoreError(f"{reference}: cannot be read: {error.strerror or error}", known) from None
    if not blob.startswith(MAGIC):
        raise StoreError(f"{reference}: not a table", "make one with python -m engine.simulate --build RUN --out FILE")
    check, packed = blob[len(MAGIC) : len(MAGIC) + 4], blob[len(MAGIC) + 4 :]
    if zlib.crc32(packed).to_bytes(4, "little") != check:
        raise StoreError(f"{reference}: damaged (its checksum differs)", "restore it from a copy")
    head, _, body = lzma.decompress(packed).partition(b"\n")
    return _read(msgspec.json.decode(head, type=TableInfo), body)


def _read(info: TableInfo, body: bytes) -> Table:
    nodes = info.space["nodes"]
    width, n = nodes + nodes**2, info.graphs
    rows = np.frombuffer(body, np.uint8, n * width).reshape(n, width)
    form = np.frombuffer(body, "<i2", n, n * width)
    size = info.epochs * info.forms * info.repeats
    planes = np.frombuffer(body, np.uint8, 3 * size, n * (width + 2)).reshape(3, size).astype(np.int32)
    folded = planes[0] | planes[1] << 8 | planes[2] << 16
    signed = np.where(folded % 2 == 0, folded // 2, -(folded + 1) // 2)
    steps = np.moveaxis(signed.reshape(info.epochs, info.forms, info.repeats), 0, 2)
    right = (np.cumsum(steps, axis=2, dtype=np.int32) % (NOTHING + 1)).astype(np.uint16)
    return Table(info, rows, form.astype(np.int16), right)
