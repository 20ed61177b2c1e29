"""Weights that a person brings for pre-trained nodes: named in the protocol by their checksum.

A file `MODEL.safetensors` in the folder of `--teachers` stands for every pre-trained node of that model, a file
`MODEL@NODE.safetensors` for that node. Which weights they are decides results as much as the learning rate does, so the
protocol holds their checksums: `run.json` keeps them, a resume and an evaluation ask for the very same files, and runs
with other teachers are runs of another protocol. No torch: this is looked up before it is loaded.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from engine.errors import StoreError
from engine.space.space import Space
from engine.store.log.durable import disk

BLOCK = 1 << 20


def path_of(folder: Path, key: str) -> Path:
    """The file of `MODEL` or `MODEL@NODE`; a colon is no part of a file's name on every system."""
    return folder / f"{key.replace(':', '-')}.safetensors"


def key_of(brought: dict[str, str], model: str, node: int) -> str | None:
    """The key under which weights for this node were brought; None if its network is trained here."""
    return next((key for key in (f"{model}@{node}", model) if key in brought), None)


def digest(path: Path) -> str:
    """BLAKE2b of a file's contents, 128 bits. Raises StoreError."""
    made = hashlib.blake2b(digest_size=16)
    with disk("read", path), path.open("rb") as file:
        while block := file.read(BLOCK):
            made.update(block)
    return made.hexdigest()


def with_teachers(space: Space, folder: Path | None) -> Space:
    """The space, its protocol naming the weights brought in `folder` for the models it may use.

    Raises StoreError if the folder is not there. A checksum that the protocol has already is kept: the file is compared
    with it when it is loaded.
    """
    if folder is None:
        return space
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"--teachers {folder}: is not a folder", "name the folder that holds the weights")
    models = sorted({name for names in space.models[1:] for name in names})
    keys = [key for model in models for key in (model, *(f"{model}@{node}" for node in range(2, space.nodes + 1)))]
    found = {key: digest(path_of(folder, key)) for key in keys if path_of(folder, key).is_file()}
    if not found:
        return space
    return space.with_protocol({"teachers": {**found, **space.protocol.teachers}})
