"""Setting a search up: packs are measured in a process of their own where there is a GPU."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from engine.errors import TrainingError
from engine.packing.packs import shape_for
from engine.search import prepare
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.protocol import resolve
from engine.strategies.fixed import random
from engine.training.calibration.mode import Mode
from engine.training.data.splits import training_part
from engine.training.device import same_bits_anywhere

same_bits_anywhere()
GRAPH = Graph.parse("1:mlp12 | y>1 through")


def question():
    protocol = resolve({"data": "digits", "train": 48, "validation": 40, "epochs": 3, "batch": 16})
    return [GRAPH], protocol, training_part("digits", Path()), 1, {"pack": 1, "threads": 1, "compile": False}, 1


@pytest.mark.slow
def test_what_is_measured_apart_is_what_is_measured_here(monkeypatch):
    here = prepare.measured(*question())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # in this process only: the other has the machine's devices
    assert prepare.measured(*question()) == here
    assert not torch.cuda.is_initialized()


class TwoKinds:
    """A cluster where the first worker finds a device that takes packs of 4, and another node has one of another kind."""

    def __init__(self, other):
        self.sizes = {"first": 4, "other": other}

    def kinds(self, kind, *arguments):
        return {"first": "node 1", "other": "node 2"}

    def call(self, function, *arguments, node=None):
        if function is prepare.size_here:
            assert node == "node 2", "what is known is not measured again"
            return self.sizes["other"]
        graphs, nodes = arguments[0], arguments[3]
        return Mode(pack=4, sizes={"first": 4}, reason="because"), shape_for(graphs, 4, nodes)


@pytest.mark.parametrize(("other", "pack"), [(16, 16), (2, 4)])
def test_packs_of_a_cluster_suit_the_kind_of_device_that_takes_most(other, pack):
    space = load("digits/X")
    graphs = [draw.graph.effective().graph for draw in random(space, 40, 1).preview()]
    mode, shape = prepare._spread(TwoKinds(other), graphs, space, None, {"threads": 1}, None)
    assert (mode.pack, shape) == (pack, shape_for(graphs, pack, space.nodes))
    assert mode.sizes == {"first": 4, "other": other}
    assert mode.reason == f"because; 4 on first, {other} on other"


def die(*question):
    os._exit(9)


@pytest.mark.slow
def test_a_process_that_dies_measuring_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(prepare, "choose", die)
    with pytest.raises(TrainingError, match=r"the process that measures packs died; .*--pack K"):
        prepare.measured(*question())
