"""The device of this process, through Accelerate."""

from __future__ import annotations

from accelerate import Accelerator

from engine.space.protocol import Protocol


def accelerator(protocol: Protocol) -> Accelerator:
    """One Accelerator a process; schedules step by epoch, not by the optimiser."""
    mixed = "bf16" if protocol.precision == "bfloat16" else "no"
    return Accelerator(mixed_precision=mixed, step_scheduler_with_optimizer=False)
