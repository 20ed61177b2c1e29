"""Models that do their process harm, installed as a package would install them."""

from __future__ import annotations

from pathlib import Path

MODULE = '''
import os
import signal

import torch
from torch import nn


class Guilty(nn.Module):
    """A linear network that does harm from its fifth step on."""

    def __init__(self, harm):
        super().__init__()
        self.linear = nn.Linear(64, 10)
        self.harm, self.steps = harm, 0

    def forward(self, x):
        out = self.linear(x.flatten(1))
        self.steps += self.training
        return self.harm(out) if self.steps > 4 else out


def fail(out):
    raise ValueError("a mistake of its own\\nin two lines")


def spoil(out):
    return out * float("nan")


def gorge(out):
    return out + torch.empty(2**50)[0]


def die(out):
    os.kill(os.getpid(), signal.SIGKILL)


def stop(out):
    os.kill(os.getpid(), signal.SIGSTOP)


def raising(shape, classes):
    return Guilty(fail)


def spoiling(shape, classes):
    return Guilty(spoil)


def hungry(shape, classes):
    return Guilty(gorge)


def deadly(shape, classes):
    return Guilty(die)


def stopping(shape, classes):
    return Guilty(stop)
'''

MODELS = ("raising", "spoiling", "hungry", "deadly", "stopping")


def install(site: Path) -> None:
    """Entry points of all of them, in a folder for `sys.path`."""
    info = site / "guilty-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guilty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[engine.models]\n" + "".join(f"{m} = guilty:{m}\n" for m in MODELS))
    (site / "guilty.py").write_text(MODULE)
