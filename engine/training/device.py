"""The device of this process, through Accelerate."""

from __future__ import annotations

import ctypes
import io
import logging
import os
import sys
from contextlib import redirect_stderr, suppress

from accelerate import Accelerator

from engine.space.protocol import Protocol


def same_bits_anywhere() -> None:
    """Make MKL's products independent of where in memory, so where in a pack, their factors lie.

    To be called before the first product of the process; on processors without AVX2 it does nothing. A step of 64 graphs
    took 6.9 ms with it, 7.3 without (one thread, the best of 8).
    """
    os.environ.setdefault("MKL_CBWR", "AVX2,STRICT")


_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Of glibc's mallopt."""


def keep_memory() -> None:
    """Have glibc keep what a step frees for the next one, instead of giving it back to the system page by page.

    Page faults were 40 % of an eager step of 64 digits graphs (0.31 ms a graph-step, 0.18 with this; one thread) and a tenth of
    a convolutional one. What a process takes at most stays the same. Elsewhere than on glibc it does nothing.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            libc.mallopt(_MMAP_THRESHOLD, 32 << 20)  # the most it takes
            libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def import_compiler_quietly() -> None:
    """Import what `torch.compile` needs of torch's C++ extensions, which tells a machine without a GPU that it has none.

    torch prints the line (2.6) or logs it (2.14) at this import wherever the CUDA toolkit lies without a GPU, once a process.
    """
    notice = logging.getLogger("torch.utils.cpp_extension")
    before, notice.disabled = notice.disabled, True
    try:
        with redirect_stderr(io.StringIO()):
            import torch.utils.cpp_extension  # noqa: F401
    finally:
        notice.disabled = before


def accelerator(protocol: Protocol) -> Accelerator:
    """One Accelerator a process; schedules step by epoch, not by the optimiser."""
    same_bits_anywhere()
    keep_memory()
    mixed = "bf16" if protocol.precision == "bfloat16" else "no"
    return Accelerator(mixed_precision=mixed, step_scheduler_with_optimizer=False)
