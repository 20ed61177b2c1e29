"""Names a space file may use and what must be known of them without torch (DESIGN.md, wall 5).

`engine.training` implements these names; a test compares the two. Entry points are listed by name, never loaded here.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

import msgspec

from engine.errors import nearest

CUTOFF = "cutoff"
THROUGH = "through"


class GateFacts(msgspec.Struct, frozen=True):
    """What counting needs to know of a gate: whether its edge is open, and what it equals on a label edge."""

    open: bool = True
    on_label: str | None = None


GATES: dict[str, GateFacts] = {
    THROUGH: GateFacts(),
    CUTOFF: GateFacts(open=False),
    "linear": GateFacts(),
    "correct": GateFacts(on_label=THROUGH),
    "negative-linear": GateFacts(),
}
"""Built-in gates (paper section 3; Minami et al. 2020, eq. 6-9; `negative-linear` is a later public variant)."""


class DatasetFacts(msgspec.Struct, frozen=True):
    """What is known of a data set without loading it."""

    classes: int
    """The chance rule needs it."""
    shape: tuple[int, int, int]
    """Channels, height, width."""
    training: int
    """Images from which train and validation may be drawn (digits: 297 of its 1,797 are held back as a test set)."""


DATASETS: dict[str, DatasetFacts] = {
    "digits": DatasetFacts(10, (1, 8, 8), 1_500),
    "cifar10": DatasetFacts(10, (3, 32, 32), 50_000),
    "cifar100": DatasetFacts(100, (3, 32, 32), 50_000),
    "fashion-mnist": DatasetFacts(10, (1, 28, 28), 60_000),
    "mnist": DatasetFacts(10, (1, 28, 28), 60_000),
    "svhn": DatasetFacts(10, (3, 32, 32), 73_257),
}

class OwnDataset(msgspec.Struct, frozen=True):
    """A data set that lies in the data folder itself: `npz:NAME`, `folder:NAME` or `folder:NAME@SIDE`."""

    kind: str
    name: str
    """Its place below the data folder, and never outside: a space file may come from a stranger."""
    side: int | None = None


_OWN = re.compile(r"(?:(npz)|(folder)):([A-Za-z0-9_][\w.+-]*(?:/[A-Za-z0-9_][\w.+-]*)*)(?(2)(?:@([1-9]\d{0,3}))?)", re.ASCII)

MODEL_PATTERNS: dict[str, str] = {
    r"resnet(20|32|44|56|110)": "He et al. 2016, CIFAR ResNet: 16-32-64 channels, parameter-free shortcut",
    r"wrn(\d+)-(\d+)": "Zagoruyko & Komodakis 2016, wide ResNet: depth 6n+4, width factor k",
    r"mlp(\d+(?:-\d+)*)": "perceptron with the hidden widths given, ReLU between",
    r"cnn(\d+)": "two 3x3 convolutions with batch normalisation, the channels given and twice that",
    r"resnet8": "the smallest CIFAR ResNet (one block a stage)",
}
"""Built-in model families: a regular expression a family, matched against the whole name."""


def is_open(gate: str) -> bool:
    """False for a gate that removes its edge (cutoff). Gates from entry points are taken as open."""
    facts = GATES.get(gate)
    return facts is None or facts.open


def on_label(gate: str) -> str:
    """The gate this one equals on a label edge (a label is always right, so `correct` is `through` there)."""
    facts = GATES.get(gate)
    return gate if facts is None or facts.on_label is None else facts.on_label


@cache
def entry_points(group: str) -> tuple[str, ...]:
    """Names installed under `engine.<group>` by other packages, not loaded."""
    from importlib import metadata  # the e-mail parser and more, 20 ms; most spaces name nothing that needs a look

    return tuple(sorted(e.name for e in metadata.entry_points(group=f"engine.{group}")))


@cache
def torchvision_models() -> frozenset[str]:
    """torchvision's classification models by name, from a packaged list (a space file says `torchvision:NAME`)."""
    text = resources.files("engine.space").joinpath("torchvision.txt").read_text("utf-8")
    return frozenset(text.split())


def known_gates() -> tuple[str, ...]:
    return (*GATES, *entry_points("gates"))


def own_dataset(name: str) -> OwnDataset | None:
    """What `npz:NAME` or `folder:NAME@SIDE` means; None for other names, and for one that would leave the data folder."""
    if (found := _OWN.fullmatch(name)) is None:
        return None
    npz, folder, place, side = found.groups()
    return OwnDataset(npz or folder, place, int(side) if side else None)


def known_datasets() -> tuple[str, ...]:
    return (*DATASETS, "npz:NAME", "folder:NAME", *entry_points("datasets"))


def dataset_hint(name: str) -> str:
    """What to write instead of an unknown data set's name."""
    if name.startswith(("npz:", "folder:")):
        return "write npz:NAME, folder:NAME or folder:NAME@SIDE: NAME lies below the data folder, SIDE is in pixels, at least 1"
    return nearest(name, known_datasets())


def is_gate(name: str) -> bool:
    return name in GATES or name in entry_points("gates")


def is_dataset(name: str) -> bool:
    return name in DATASETS or own_dataset(name) is not None or name in entry_points("datasets")


def is_model(name: str) -> bool:
    """True for a built-in family member, `torchvision:NAME`, or an entry point's name."""
    if name.startswith("torchvision:"):
        return name.removeprefix("torchvision:") in torchvision_models()
    if wide := re.fullmatch(r"wrn(\d+)-(\d+)", name):
        return int(wide[1]) >= 10 and (int(wide[1]) - 4) % 6 == 0 and 1 <= int(wide[2]) <= 32
    if any(re.fullmatch(pattern, name) for pattern in MODEL_PATTERNS):
        return all(0 < int(n) <= 65536 for n in re.findall(r"\d+", name))
    return name in entry_points("models")


def model_examples() -> tuple[str, ...]:
    """Names to suggest when a model is not known."""
    families = ("resnet8", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "wrn16-2", "wrn28-2",
                "wrn28-10", "wrn40-2", "mlp12", "mlp96", "cnn8")
    return (*families, *entry_points("models"), *(f"torchvision:{m}" for m in sorted(torchvision_models())))
