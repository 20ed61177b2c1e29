"""Choosing a mode by measurement: what is asked for is kept, and what is chosen can train every graph."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
import torch

from engine.errors import TrainingError
from engine.space.graph import Graph
from engine.space.protocol import resolve
from engine.training import calibrate
from engine.training.calibrate import choose
from engine.training.data import training_part
from engine.training.fleet import LAYOUTS
from engine.training.pack import trainable

DML = Graph(("mlp4", "cnn2", "mlp4"), ("through",) * 9)
KD = Graph(("mlp4", "cnn2"), ("through", "linear", "cutoff", "cutoff"))
ALONE = Graph(("mlp4",), ("through",))
GRAPHS = [DML, KD, ALONE, DML, KD]


@pytest.fixture(autouse=True)
def _threads():
    """`choose` sets the process's threads: they are put back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def chosen(graphs=GRAPHS, fixed=None, **fields):
    protocol = resolve({"data": "digits", "train": 64, "validation": 32, "batch": 16, "epochs": 2, **fields})
    return choose(graphs, protocol, training_part("digits", Path()), 3, fixed or {})


@pytest.mark.parametrize("pack", [1, 2, 5, 64])
def test_what_is_asked_for_is_kept(pack):
    mode, shape = chosen(fixed={"pack": pack, "threads": 1, "compile": False})
    assert (mode.pack, mode.threads, mode.compile) == (pack, 1, False)
    assert torch.get_num_threads() == 1
    assert shape.graphs == min(pack, len(GRAPHS))
    assert mode.reason == "as asked"


@pytest.mark.parametrize("fixed", [{"threads": 1}, {"threads": 1, "pack": 2}])
def test_the_shape_holds_every_graph_and_layouts_name_only_its_models(fixed):
    mode, shape = chosen(fixed=fixed)
    assert all(shape.fits(Counter(), trainable(graph)) for graph in GRAPHS)
    assert shape.nodes == 3
    assert shape.teachers == (("cnn2", 2),)
    assert mode.layouts.keys() == {"mlp4", "cnn2"}
    assert set(mode.layouts.values()) <= set(LAYOUTS)
    assert mode.layouts["mlp4"] == "stacked"
    assert 1 <= mode.pack <= len(GRAPHS)
    assert mode.device == "cpu"


def test_a_measured_size_says_why():
    mode, _ = chosen(fixed={"threads": 1})
    assert mode.reason.startswith(f"{mode.pack} graphs a pack: ")
    assert "graph-steps/s" in mode.reason
    assert not mode.compile  # a second of training does not pay for a compiler


def test_threads_are_those_this_process_may_use():
    mode, _ = chosen([ALONE], {"pack": 1})
    assert mode.threads == len(os.sched_getaffinity(0))


def test_a_system_that_tells_no_affinity_gets_its_count_of_cores(monkeypatch):
    """macOS and Windows have no `sched_getaffinity`."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert chosen([ALONE], {"pack": 1})[0].threads == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert chosen([ALONE], {"pack": 1})[0].threads == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": 1},
        {"epochs": 1, "batch": 64},
        {"validation": 3},
        {"train": 1400, "validation": 100, "epochs": 1},
        {"last_batch": "drop", "batch": 33, "epochs": 1},
        {"crop": 1, "flip": True},
    ],
    ids=str,
)
def test_short_protocols_can_be_measured(fields):
    mode, shape = chosen(fixed={"threads": 1}, **fields)
    assert 1 <= mode.pack <= len(GRAPHS)
    assert shape.graphs == mode.pack


def test_no_graph_to_train_is_a_pack_of_one_place():
    mode, shape = chosen([], {"threads": 1})
    assert (mode.pack, shape.graphs, shape.slots) == (1, 1, {})


def test_a_size_that_would_not_fit_is_not_tried(monkeypatch):
    """Room for one graph alone and half of another: measuring ends before it starts to swap."""
    monkeypatch.setattr(calibrate, "_room", lambda device: 1)
    mode, _ = chosen(fixed={"threads": 1})
    assert mode.pack == 1
    assert "4 would need about" in mode.reason


def test_a_larger_pack_must_be_worth_it(monkeypatch):
    """With steps that take as long as their graphs are many, one graph a pack is best."""
    monkeypatch.setattr(calibrate.Bench, "seconds", lambda self, shape, mode, steps=4: (float(shape.graphs), 0.0))
    mode, _ = chosen([ALONE] * 5, {"threads": 1})
    assert mode.pack == 1
    assert "; 4 gives +0 %" in mode.reason


def test_the_largest_pack_is_taken_where_steps_cost_the_same(monkeypatch):
    monkeypatch.setattr(calibrate.Bench, "seconds", lambda self, shape, mode, steps=4: (0.001, 0.0))
    all_of_them = len(os.sched_getaffinity(0))  # one process has the machine to itself
    assert chosen([ALONE] * 70, {"threads": all_of_them})[0].pack == 70


def test_a_compiler_that_fails_is_a_reason_not_to_unless_asked_for(monkeypatch):
    def seconds(self, shape, mode, steps=4):
        if mode.compile:
            raise RuntimeError("no compiler here\nand a page of its talk")
        return 1e-3, 0.0

    monkeypatch.setattr(calibrate.Bench, "seconds", seconds)
    monkeypatch.setattr(calibrate, "COMPILE_FROM", 0.0)
    monkeypatch.setattr(calibrate.shutil, "which", lambda name: name)
    assert chosen([ALONE] * 4, {"threads": 1})[0].compile is False
    with pytest.raises(TrainingError) as caught:
        chosen([ALONE] * 4, {"threads": 1, "compile": True})
    assert str(caught.value) == "--compile: no compiler here; leave --compile out"


@pytest.mark.parametrize(("first", "pays"), [(0.001, True), (1e6, False)])
def test_compiling_is_chosen_when_it_pays_over_the_whole_search(monkeypatch, first, pays):
    def seconds(self, shape, mode, steps=4):
        return (0.5e-3, first) if mode.compile else (1e-3, 0.0)

    monkeypatch.setattr(calibrate.Bench, "seconds", seconds)
    monkeypatch.setattr(calibrate, "COMPILE_FROM", 0.0)
    monkeypatch.setattr(calibrate.shutil, "which", lambda name: name)
    mode, _ = chosen([ALONE] * 200, {"threads": 1})
    assert mode.compile is pays
    assert mode.reason.endswith(f"{'' if pays else 'not '}compiled: 2.0 times faster a step after {first:.0f} s")
