"""Pre-trained nodes: networks trained alone on labels, then frozen (paper section 3: how KD appears inside a graph).

Frozen means eval mode and no gradient. The public code leaves a frozen network's BatchNorm in train mode, where its
statistics keep drifting with the batches it is shown; ours does not. Weights depend on (search seed, repeat, model,
node), see the training split only, and are kept in a folder that searches share, as safetensors under a checksum.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from engine.errors import StoreError
from engine.packing.packs import pretrained
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.store.lock.kernel_lock import KernelLock
from engine.store.log.durable import disk
from engine.store.teacher_files import digest, key_of, path_of
from engine.training.data.batches import Batch
from engine.training.data.splits import Images
from engine.training.fleet import Fleet
from engine.training.models.registry import build

_WITHOUT_EFFECT = frozenset({"repeats", "chance", "join", "temperature", "initialisation", "teachers", "processes"})
"""Protocol fields that do not touch a network trained alone on labels."""

ANEW = "delete it and start again: it will be trained anew"

CHUNK = 1024
"""Images a forward pass when logits are computed beforehand."""


@dataclass
class TeacherBank:
    """The frozen networks of one repeat, in the order of `PackShape.teachers`."""

    fleets: tuple[Fleet | None, ...]
    """One fleet a teacher: few networks, forward only. None: its training failed, and nobody may listen to it."""
    train_logits: Tensor
    """`[teacher, training image, class]` of the images as they are; without augmentation a batch is a look-up."""
    validation_logits: Tensor
    """`[teacher, validation image, class]`."""
    failures: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Why the (model, node) of each None failed."""

    @classmethod
    @torch.no_grad()
    def of(
        cls, fleets: Sequence[Fleet | None], train: Images, validation: Images,
        failures: Mapping[tuple[str, int], str] | None = None,
    ) -> TeacherBank:  # fmt: skip
        for fleet in filter(None, fleets):
            fleet.eval()
            fleet.requires_grad_(False)
            fleet.to(train.images.device)
        return cls(tuple(fleets), _logits(fleets, train), _logits(fleets, validation), failures or {})

    def failure(self, graph: Graph) -> str | None:
        """Why a graph cannot be trained: a pre-trained node of it that failed. None if it can."""
        if not self.failures:
            return None
        for node in pretrained(graph):
            model = graph.models[node - 1]
            if (reason := self.failures.get((model, node))) is not None:
                return f"pre-trained node {node} ({model}): {reason}"
        return None

    def on_batch(self, batch: Batch, used: tuple[int, ...], augmented: bool) -> Tensor:
        """`[teacher, batch, class]`; teachers that no graph of the pack listens to answer zeros."""
        if not augmented:
            return self.train_logits[:, batch.places]
        logits = torch.zeros_like(self.train_logits[:, : len(batch.places)])
        with torch.no_grad():
            for place in used:
                fleet = self.fleets[place]
                assert fleet is not None, "a graph listens to a teacher that failed"
                logits[place] = fleet(batch.images)[0]
        return logits

    def on_validation(self, part: slice) -> Tensor:
        return self.validation_logits[:, part]


def _logits(fleets: Sequence[Fleet | None], images: Images) -> Tensor:
    out = images.images.new_zeros(len(fleets), len(images.labels), images.classes)
    for place, fleet in enumerate(fleets):
        if fleet is None:
            continue
        for start in range(0, len(images.labels), CHUNK):
            part = slice(start, start + CHUNK)
            out[place, part] = fleet(images.images[part])[0]
    return out


@dataclass(frozen=True, slots=True)
class TeacherCache:
    """Weights by what they depend on. One safetensors file a network, its name and its checksum's from the contents' key."""

    folder: Path

    def path(self, protocol: Protocol, seed: int, repeat: int, model: str, node: int, device: str) -> Path:
        fields = {f: getattr(protocol, f) for f in protocol.__struct_fields__ if f not in _WITHOUT_EFFECT}
        parts = [fields, seed, repeat, model, node, device, str(torch.__version__)]
        what = msgspec.json.encode(parts, order="deterministic")
        digest = hashlib.blake2b(what, digest_size=10).hexdigest()
        return self.folder / f"{model.replace(':', '-')}-{digest}.safetensors"

    def load(self, path: Path, like: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """The weights, or None if they are not there. Raises StoreError if they are damaged or of another shape."""
        if not path.exists():
            return None
        return _tensors(path, self.read(path), like, ANEW)

    def read(self, path: Path) -> bytes:
        """A file's bytes. Raises StoreError if they do not match their checksum."""
        with disk("read", path):
            blob = path.read_bytes()
        try:
            expected = path.with_suffix(".sum").read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            expected = ""
        if hashlib.blake2b(blob).hexdigest() != expected:
            raise StoreError(f"teacher weights {path} do not match their checksum", ANEW)
        return blob

    def brought(self, protocol: Protocol, model: str, node: int, like: dict[str, Tensor]) -> dict[str, Tensor] | None:
        """Weights that the protocol names for this node. Raises StoreError if they are not there or not the ones it names."""
        if (key := key_of(protocol.teachers, model, node)) is None:
            return None
        path = path_of(self.folder, key)
        if not path.is_file():
            raise StoreError(f"teacher weights {path} are not there, but the protocol names them for {key}",
                             "name the folder that holds them with --teachers DIR")
        if digest(path) != protocol.teachers[key]:
            raise StoreError(f"teacher weights {path} are not the ones the protocol names for {key}: another checksum",
                             "restore the file, or start a search of its own with --run")
        return _tensors(path, path.read_bytes(), like, "bring weights of this very model")

    def lock(self, path: Path) -> KernelLock | None:
        """For whoever trains the network kept at `path`, so that workers do not train it twice; None: another has it.

        Raises NoKernelLocksError where none can be had.
        """
        with disk("make", self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            return KernelLock.take(path.with_name(f".{path.stem}.lock"))

    def save(self, path: Path, state: dict[str, Tensor]) -> None:
        """Write atomically: several searches may train the same teacher, and all of them write the same bytes."""
        self.keep(path, save_tensors({n: t.detach().cpu().contiguous() for n, t in state.items()}))

    def keep(self, path: Path, blob: bytes) -> None:
        """Write a file and its checksum. Raises StoreError if the disk refuses."""
        with disk("write", path):
            self.folder.mkdir(parents=True, exist_ok=True)
            _replace(path.with_suffix(".sum"), hashlib.blake2b(blob).hexdigest().encode("ascii"))
            _replace(path, blob)


def _tensors(path: Path, blob: bytes, like: dict[str, Tensor], hint: str) -> dict[str, Tensor]:
    try:
        state = load_tensors(blob)
    except SafetensorError as error:
        raise StoreError(f"teacher weights {path} cannot be read ({error})", hint) from None
    check_shapes(state, like, str(path), hint)
    return state


def check_shapes(state: dict[str, Tensor], like: dict[str, Tensor], where: str, hint: str | None = None) -> None:
    """Raise StoreError naming the first tensor, in the model's order, that is missing, unknown or of another shape."""
    for name in dict.fromkeys((*like, *state)):
        have = tuple(state[name].shape) if name in state else "nothing"
        want = tuple(like[name].shape) if name in like else "nothing"
        if have != want:
            raise StoreError(f"teacher weights {where}: {name} has shape {have}, the model needs {want}", hint)


def skeleton(model: str, images: Images) -> dict[str, Tensor]:
    """The model's state dictionary without memory, to check shapes against."""
    with torch.device("meta"):
        return build(model, images.shape, images.classes).state_dict()


def _replace(path: Path, blob: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with beside.open("wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
