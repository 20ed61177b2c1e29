"""Setting a search up: packs are measured in a process of their own where there is a GPU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from engine import start
from engine.errors import TrainingError
from engine.space.graph import Graph
from engine.space.protocol import resolve
from engine.training.data import training_part
from engine.training.device import same_bits_anywhere

same_bits_anywhere()
GRAPH = Graph.parse("1:mlp12 | y>1 through")


def question():
    protocol = resolve({"data": "digits", "train": 48, "validation": 40, "epochs": 3, "batch": 16})
    return [GRAPH], protocol, training_part("digits", Path()), 1, {"pack": 1, "threads": 1, "compile": False}, 1


@pytest.mark.slow
def test_what_is_measured_apart_is_what_is_measured_here(monkeypatch):
    here = start.measured(*question())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # in this process only: the other has the machine's devices
    assert start.measured(*question()) == here
    assert not torch.cuda.is_initialized()


def die(*question):
    os._exit(9)


@pytest.mark.slow
def test_a_process_that_dies_measuring_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(start, "choose", die)
    with pytest.raises(TrainingError, match=r"the process that measures packs died; .*--pack K"):
        start.measured(*question())
