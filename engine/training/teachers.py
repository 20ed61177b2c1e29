"""Pre-trained nodes: networks trained alone on labels, then frozen (paper section 3: how KD appears inside a graph).

Frozen means eval mode and no gradient. The public code leaves a frozen network's BatchNorm in train mode, where its
statistics keep drifting with the batches it is shown; ours does not. Weights depend on (search seed, repeat, model,
node), see the training split only, and are kept in a folder that searches share, as safetensors under a checksum.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from engine.errors import StoreError, TrainingError
from engine.space.protocol import Protocol
from engine.training.batches import Batch
from engine.training.data import Images
from engine.training.fleet import Fleet
from engine.training.models.registry import build

_WITHOUT_EFFECT = frozenset({"repeats", "chance", "join", "temperature", "initialisation"})
"""Protocol fields that do not touch a network trained alone on labels."""

CHUNK = 1024
"""Images a forward pass when logits are computed beforehand."""


@dataclass
class TeacherBank:
    """The frozen networks of one repeat, in the order of `PackShape.teachers`."""

    fleets: tuple[Fleet, ...]
    """One fleet a teacher: few networks, forward only."""
    train_logits: Tensor
    """`[teacher, training image, class]` of the images as they are; without augmentation a batch is a look-up."""
    validation_logits: Tensor
    """`[teacher, validation image, class]`."""

    @classmethod
    @torch.no_grad()
    def of(cls, fleets: Sequence[Fleet], train: Images, validation: Images) -> TeacherBank:
        for fleet in fleets:
            fleet.eval()
            fleet.requires_grad_(False)
            fleet.to(train.images.device)
        return cls(tuple(fleets), _logits(fleets, train), _logits(fleets, validation))

    def on_batch(self, batch: Batch, used: tuple[int, ...], augmented: bool) -> Tensor:
        """`[teacher, batch, class]`; teachers that no graph of the pack listens to answer zeros."""
        if not augmented:
            return self.train_logits[:, batch.places]
        logits = torch.zeros_like(self.train_logits[:, : len(batch.places)])
        with torch.no_grad():
            for place in used:
                logits[place] = self.fleets[place](batch.images)[0]
        return logits

    def on_validation(self, part: slice) -> Tensor:
        return self.validation_logits[:, part]


def _logits(fleets: Sequence[Fleet], images: Images) -> Tensor:
    out = images.images.new_empty(len(fleets), len(images.labels), images.classes)
    for place, fleet in enumerate(fleets):
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
        try:
            blob = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            expected = path.with_suffix(".sum").read_text("ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            expected = ""
        again = "delete it and start again: it will be trained anew"
        if hashlib.blake2b(blob).hexdigest() != expected:
            raise StoreError(f"teacher weights {path} do not match their checksum", again)
        try:
            state = load_tensors(blob)
        except SafetensorError as error:
            raise StoreError(f"teacher weights {path} cannot be read ({error})", again) from None
        check_shapes(state, like, str(path))
        return state

    def save(self, path: Path, state: dict[str, Tensor]) -> None:
        """Write atomically: several searches may train the same teacher, and all of them write the same bytes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        blob = save_tensors({n: t.detach().cpu().contiguous() for n, t in state.items()})
        _replace(path.with_suffix(".sum"), hashlib.blake2b(blob).hexdigest().encode("ascii"))
        _replace(path, blob)


def check_shapes(state: dict[str, Tensor], like: dict[str, Tensor], where: str) -> None:
    """Raise TrainingError naming the first tensor that is missing, unknown or of another shape."""
    for name in like.keys() | state.keys():
        have = tuple(state[name].shape) if name in state else "nothing"
        want = tuple(like[name].shape) if name in like else "nothing"
        if have != want:
            raise TrainingError(f"teacher weights {where}: {name} has shape {have}, the model needs {want}")


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
