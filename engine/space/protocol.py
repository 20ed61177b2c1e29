"""How every graph of a space is trained: data as a frozen record, read from the space file's `protocol` object.

A trial's result depends on the protocol, the graph and the seed, on nothing else (DESIGN.md, wall 1).
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

import msgspec

from engine.errors import SpaceError, nearest
from engine.space.catalogue import DATASETS, dataset_hint, is_dataset
from engine.space.files.validation_messages import in_words, shown


class Protocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paper section 4.1 where it speaks; the fields' own words say where else a default comes from."""

    data: str = "cifar100"
    """Data set: a name of the catalogue, `npz:NAME` or `folder:NAME` below the data folder, or an installed one's name."""
    train: int = 40_000
    """Training images, drawn at random from the data set's training part."""
    validation: int = 10_000
    """Validation images, drawn from the same part, disjoint from the training images. A search selects on these."""
    split_seed: int = 0
    """Seed of the train / validation split."""
    epochs: int = 100
    """Passes over the training images."""
    batch: int = 64
    """Images a mini-batch."""
    last_batch: Literal["keep", "drop"] = "keep"
    """What happens to an epoch's incomplete last batch."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.1
    """Learning rate at the start (after the warm-up)."""
    momentum: float = 0.9
    """SGD momentum; AdamW's beta1."""
    nesterov: bool = True
    weight_decay: float = 5e-4
    """From the public code; the paper does not say."""
    schedule: Literal["cosine", "multistep", "constant"] = "cosine"
    """Learning rate by epoch e of E: cosine = lr * (1 + cos(pi e / E)) / 2."""
    milestones: tuple[int, ...] = ()
    """Numbers of whole epochs after which `multistep` multiplies the rate by `decay`: with 59, the 60th is the first at the
    lower rate."""
    decay: float = 0.1
    warmup: int = 0
    """Epochs of linear warm-up before the schedule's own rate."""
    crop: int = 0
    """Reflect-padding of the random crop in pixels; 0 for none (public code: 4)."""
    flip: bool = False
    """Random horizontal flip."""
    cutout: int = 0
    """Side of the square erased at random (DeVries & Taylor 2017); 0 for none."""
    normalisation: Literal["none", "channel"] = "none"
    """`channel`: subtract the training images' mean and divide by their deviation, channel by channel."""
    label_smoothing: float = 0.0
    """Share of the label's mass spread over all classes in the cross-entropy."""
    temperature: float = 1.0
    """T of the divergences: KL of softmax(z / T), times T squared."""
    join: Literal["sum", "mean"] = "sum"
    """How a node's losses from other nodes join: summed (transfer graph), or averaged over its open node edges
    (Zhang et al.)."""
    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    initialisation: Literal["own", "shared"] = "own"
    """What a node's initial weights depend on: `own` = the graph too, `shared` = only search seed, repeat, node and
    model."""
    processes: int = 1
    """Processes that share each mini-batch (data-parallel, `--processes`). Batch normalisation then normalises over each
    process's part; without it, gradients are the same."""
    teachers: dict[str, str] = {}
    """Weights brought for pre-trained nodes: checksums by `MODEL` or `MODEL@NODE`, written by `--teachers DIR`. Empty: trained
    here, on the training images."""
    repeats: int = 1
    """Whole passes over the space an exhaustive search makes; changes no trial."""
    chance: float | None = None
    """Graphs whose target accuracy (%) is at or below this are left out of analysis; None: twice the chance rate, with
    fewer than 5 classes a quarter of the way from it to 100."""

    @property
    def classes(self) -> int | None:
        """Classes of the data set; None for one that an entry point brings."""
        facts = DATASETS.get(self.data)
        return None if facts is None else facts.classes

    @property
    def shares(self) -> bool:
        """Do nodes of different graphs start with the same weights, so that some of them are one network?"""
        return self.initialisation == "shared"

    def chance_rule(self, classes: int) -> float:
        """Accuracy (%) at or below which a graph counts as untaught: twice chance (paper section 4.2: 2 % of 100), of fewer
        than 5 classes a quarter of the way from chance to 100: twice chance would leave out every graph of 2."""
        return min(200.0 / classes, 25.0 + 75.0 / classes) if self.chance is None else self.chance

    @property
    def last(self) -> int:
        """Images in an epoch's last batch if it is smaller than the others and kept; else 0."""
        return self.train % self.batch if self.last_batch == "keep" else 0

    def steps_an_epoch(self) -> int:
        """Mini-batches in one epoch."""
        return self.train // self.batch if self.last_batch == "drop" else -(-self.train // self.batch)

    def differing(self, other: Protocol) -> list[str]:
        """Fields in which two protocols would train a graph differently (`repeats` and `chance` do not)."""
        fields = (f for f in self.__struct_fields__ if f not in ("repeats", "chance"))
        return [f for f in fields if getattr(self, f) != getattr(other, f)]


_LEAST: dict[str, float] = {
    "train": 1, "validation": 1, "split_seed": 0, "epochs": 1, "batch": 1, "warmup": 0, "crop": 0, "cutout": 0,
    "repeats": 1, "processes": 1, "lr": 0, "weight_decay": 0, "momentum": 0, "decay": 0, "label_smoothing": 0,
    "temperature": 1e-3,
}
_MOST: dict[str, float] = {"momentum": 1, "label_smoothing": 1, "repeats": 10_000, "processes": 1_024}


def resolve(fields: dict[str, Any], where: str = "protocol") -> Protocol:
    """Validate plain values into a Protocol. Raises SpaceError with the place, the rule and the value."""
    for name in fields:
        if name not in Protocol.__struct_fields__:
            raise SpaceError(f"{where}: unknown key {name!r}", nearest(name, Protocol.__struct_fields__))
    try:
        protocol = msgspec.convert(fields, Protocol)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`").partition("[")[0]
        raise SpaceError(f"{where}.{key}: {in_words(reason, Protocol, key)}, got {shown(fields[key])}") from None
    for name in protocol.__struct_fields__:
        if isinstance(value := getattr(protocol, name), float) and not isfinite(value):
            raise SpaceError(f"{where}.{name}: must be a finite number, got {value}")
    for name, least in _LEAST.items():
        if not getattr(protocol, name) >= least:
            raise SpaceError(f"{where}.{name}: must be at least {least:g}, got {getattr(protocol, name)!r}")
    for name, most in _MOST.items():
        if getattr(protocol, name) > most:
            raise SpaceError(f"{where}.{name}: must be at most {most:g}, got {getattr(protocol, name)!r}")
    if protocol.nesterov and protocol.optimizer == "sgd" and protocol.momentum == 0:
        raise SpaceError(f"{where}.nesterov: needs a momentum above 0, got momentum = 0", "set nesterov to false")
    if protocol.batch > protocol.train:
        raise SpaceError(f"{where}.batch: must be at most the {protocol.train} training images, got {protocol.batch}")
    if (least := protocol.last or protocol.batch) < protocol.processes:
        raise SpaceError(f"{where}.processes: {protocol.processes} processes cannot share a batch of {least} images",
                         "ask for fewer" + (', or set protocol.last_batch to "drop"' if protocol.last else ""))
    if not is_dataset(protocol.data):
        raise SpaceError(f"{where}.data: unknown data set {protocol.data!r}", dataset_hint(protocol.data))
    return protocol


def checked_protocol(fields: dict[str, Any], where: str) -> Protocol:
    """The protocol of plain values, which must also fit its data set. Raises SpaceError."""
    protocol = resolve(fields, where)
    facts = DATASETS.get(protocol.data)
    if facts is not None and protocol.train + protocol.validation > facts.training:
        raise SpaceError(
            f"{where}.train: train + validation must be at most the {facts.training:,} training images of "
            f"{protocol.data}, got {protocol.train:,} + {protocol.validation:,}"
        )
    return protocol
