"""Seeds derived from what a random draw may depend on, and nothing else (DESIGN.md, wall 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(*parts: str | int) -> int:
    """A 63-bit seed from its parts: BLAKE2b, so that neighbouring seeds share nothing."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


def generator(*parts: str | int) -> torch.Generator:
    """A CPU generator for `parts`. Draws are made on the CPU and moved, so that they do not depend on the device."""
    return torch.Generator().manual_seed(derive(*parts))


@contextmanager
def seeded(*parts: str | int) -> Iterator[None]:
    """Torch's own initialisers draw from the global generator: set it for the block, restore it afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(*parts))
        yield
