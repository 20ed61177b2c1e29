"""Choosing a mode by measurement: what is asked for is kept, and what is chosen can train every graph."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
import torch

from engine.errors import TrainingError
from engine.packing.packs import trainable
from engine.space.graph import Graph
from engine.space.protocol import resolve
from engine.training import device
from engine.training.calibration import bench, cache, calibrate
from engine.training.calibration.bench import Bench
from engine.training.calibration.calibrate import choose
from engine.training.calibration.mode import Mode
from engine.training.data.splits import training_part
from engine.training.fleet import LAYOUTS
from engine.training.models.cost import count_parameters

DML = Graph(("mlp4", "cnn2", "mlp4"), ("through",) * 9)
KD = Graph(("mlp4", "cnn2"), ("through", "linear", "cutoff", "cutoff"))
ALONE = Graph(("mlp4",), ("through",))
GRAPHS = [DML, KD, ALONE, DML, KD]


@pytest.fixture(autouse=True)
def _threads(monkeypatch, tmp_path):
    """`choose` sets the process's threads: they are put back. What it measures is kept for one test, and timed briefly."""
    monkeypatch.setattr(bench, "ENOUGH", 0.05)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
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


def test_another_kind_of_device_is_measured_in_the_mode_that_was_chosen(monkeypatch):
    mode, _ = chosen(fixed={"threads": 1, "compile": False})
    assert mode.sizes == {cache.kind(torch.device("cpu")): mode.pack}
    assert not chosen(fixed={"threads": 1, "pack": 2, "compile": False})[0].sizes, "what was asked for holds everywhere"
    other = msgspec.structs.replace(mode, layouts={"mlp4": "stacked", "cnn2": "looped"})
    times = {1: 1.0, 4: 1.5, 16: 5.9}  # 16 are a hundredth faster a graph than 4: not enough
    seen = []

    def race(bench, contenders, rounds=0):
        seen.extend(mode.layouts for _, mode in contenders)
        return [times[shape.graphs] for shape, _ in contenders], []

    monkeypatch.setattr(calibrate.Bench, "race", race)
    monkeypatch.setattr(cache, "processor", lambda: "another kind")
    protocol = resolve({"data": "digits", "train": 64, "validation": 32, "batch": 16, "epochs": 2})
    question = GRAPHS, protocol, training_part("digits", Path()), 3, other
    assert calibrate.size_here(*question) == 4
    assert all(layouts == other.layouts for layouts in seen)
    seen.clear()
    assert calibrate.size_here(*question) == 4
    assert not seen, "measured earlier"


@pytest.mark.parametrize("pack", [1, 3])
def test_packs_share_networks_where_graphs_start_alike(pack):
    """DML and KD are there twice: the second ones need no network of their own."""
    fixed = {"pack": pack, "threads": 1, "compile": False}
    own, shared = (chosen([DML, DML, KD, KD, ALONE], fixed, initialisation=how)[1] for how in ("own", "shared"))
    assert not own.shared
    assert shared.shared
    assert own.slots == {1: {"cnn2": 1, "mlp4": 2}, 3: {"cnn2": 1, "mlp4": 4}}[pack]
    assert shared.slots == {1: {"cnn2": 1, "mlp4": 2}, 3: {"cnn2": 1, "mlp4": 3}}[pack]


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


def racing(monkeypatch, seconds, first=0.0):
    """Steps of `seconds(shape, mode)`; returns the list of races that were run."""
    races = []

    def race(self, contenders, rounds=4):
        races.append([(shape.graphs, mode.compile) for shape, mode in contenders])
        return [seconds(shape, mode) for shape, mode in contenders], [first] * len(contenders)

    monkeypatch.setattr(Bench, "race", race)
    return races


def test_a_larger_pack_must_be_worth_it(monkeypatch):
    """With steps that take as long as their graphs are many, one graph a pack is best."""
    races = racing(monkeypatch, lambda shape, mode: float(shape.graphs))
    mode, _ = chosen([ALONE] * 5, {"threads": 1})
    assert mode.pack == 1
    assert "; 4 gives +0 %" in mode.reason
    assert races == [[(1, False)], [(1, False), (4, False)]]


def test_the_largest_pack_is_taken_where_steps_cost_the_same(monkeypatch):
    racing(monkeypatch, lambda shape, mode: 0.001)
    all_of_them = len(os.sched_getaffinity(0))  # one process has the machine to itself
    assert chosen([ALONE] * 70, {"threads": all_of_them})[0].pack == 70


def test_what_was_measured_is_measured_once(monkeypatch):
    races = racing(monkeypatch, lambda shape, mode: 0.001)
    first, _ = chosen([ALONE] * 20, {"threads": 1})
    seen = len(races)
    assert seen > 1
    second, _ = chosen([ALONE] * 20, {"threads": 1})
    assert len(races) == seen
    assert second.pack == first.pack
    assert second.reason == f"{first.reason}, measured earlier"
    chosen([ALONE] * 200, {"threads": 1})  # larger packs are new, the others are known
    assert [size for race in races[seen:] for size, _ in race] == [64, 128]
    before = len(races)
    chosen([ALONE] * 20, {"threads": 1}, batch=8)
    assert len(races) > before


def test_what_was_measured_on_a_busy_machine_is_not_kept(monkeypatch):
    racing(monkeypatch, lambda shape, mode: 0.001)
    ticks = iter(range(0, 10_000, 2))  # the clock runs two seconds at each look, the process computes nothing
    monkeypatch.setattr(calibrate, "time", SimpleNamespace(perf_counter=lambda: next(ticks), process_time=lambda: 0.0))
    assert chosen([ALONE] * 4, {"threads": 1})[0].pack >= 1
    assert list(cache.folder().glob("*")) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"steps": {"1": "quick"}}', b"\xff\x00"])
def test_a_damaged_cache_is_as_good_as_none(monkeypatch, damage):
    racing(monkeypatch, lambda shape, mode: 0.001)
    first, _ = chosen([ALONE] * 4, {"threads": 1})
    (file,) = cache.folder().glob("packs-*.json")
    file.write_bytes(damage)
    assert chosen([ALONE] * 4, {"threads": 1})[0] == first


def test_a_home_that_cannot_be_written_to_is_no_error(monkeypatch, tmp_path):
    racing(monkeypatch, lambda shape, mode: 0.001)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert chosen([ALONE] * 4, {"threads": 1})[0].pack >= 1


def test_the_quickest_of_steps_taken_in_turn_counts(monkeypatch):
    """A machine that is busy for a while slows both contenders, and only some of their steps."""
    turns = []
    times = {"a": iter([9, 1.0, 5.0, 5.0]), "b": iter([9, 5.0, 2.0, 5.0])}  # the first ones are warm-up

    def stepper(self, shape, mode):
        def step():
            turns.append(shape)
            return next(times[shape])

        return step

    monkeypatch.setattr(Bench, "stepper", stepper)
    bench = object.__new__(Bench)
    quickest, _ = bench.race([("a", None), ("b", None)], rounds=3)
    assert quickest == [1.0, 2.0]
    assert turns == ["a", "b"] * 4


def test_a_pack_that_will_not_fit_is_refused_before_it_starts(monkeypatch):
    monkeypatch.setattr(calibrate, "_free", lambda device: 1 << 20)
    graphs = [ALONE] * 400
    with pytest.raises(TrainingError, match=r"a pack of 400 graphs needs about .* GB, but .* are free; use --pack \d+ or less"):
        chosen(graphs, {"threads": all_cores(), "pack": 400})
    assert chosen(graphs, {"threads": all_cores(), "pack": 2})[0].pack == 2


def all_cores() -> int:
    return len(os.sched_getaffinity(0))


def test_a_slow_bfloat16_is_told(monkeypatch):
    monkeypatch.setattr(calibrate, "_slow_bfloat16", lambda device: 14.0)
    bench = object.__new__(Bench)
    bench.protocol = resolve({"data": "digits", "precision": "bfloat16"})
    bench.setting = SimpleNamespace(accelerator=SimpleNamespace(device=torch.device("cpu")))
    known = calibrate.Calibration(bench, Mode(pack=1), 1, cache.Measured())
    assert known.remark() == "; bfloat16 products take 14.0 times as long as float32 ones here"
    known.known.slow_bfloat16 = 0.5
    assert known.remark() == ""


def test_bfloat16_is_timed_for_real():
    assert calibrate._slow_bfloat16(torch.device("cpu")) > 0


def test_a_compiler_that_fails_is_a_reason_not_to_unless_asked_for(monkeypatch):
    def seconds(shape, mode):
        if mode.compile:
            raise RuntimeError("no compiler here\nand a page of its talk")
        return 1e-3

    racing(monkeypatch, seconds)
    monkeypatch.setattr(calibrate, "COMPILE_FROM", 0.0)
    monkeypatch.setattr(calibrate.shutil, "which", lambda name: name)
    assert chosen([ALONE] * 4, {"threads": 1})[0].compile is False
    with pytest.raises(TrainingError) as caught:
        chosen([ALONE] * 4, {"threads": 1, "compile": True})
    assert str(caught.value) == "--compile: no compiler here; leave --compile out"


@pytest.mark.parametrize(("first", "pays"), [(0.001, True), (1e6, False)])
def test_compiling_is_chosen_when_it_pays_over_the_whole_search(monkeypatch, first, pays):
    racing(monkeypatch, lambda shape, mode: 0.5e-3 if mode.compile else 1e-3, first)
    monkeypatch.setattr(calibrate, "COMPILE_FROM", 0.0)
    monkeypatch.setattr(calibrate.shutil, "which", lambda name: name)
    mode, _ = chosen([ALONE] * 200, {"threads": 1})
    assert mode.compile is pays
    assert mode.reason.endswith(f"{'' if pays else 'not '}compiled: 2.0 times faster a step after {first:.0f} s")


@pytest.mark.parametrize("models", [("mlp4", "mlp7"), ("cnn2", "cnn3")])
def test_memory_grows_with_the_graphs(models):
    """The model is linear in the pack's size: a pack of eight weighs what four weigh twice."""
    protocol = resolve({"data": "digits", "train": 64, "validation": 32, "batch": 16, "epochs": 2})
    graphs = [Graph((models[0], models[1], models[1]), ("through",) * 9)]
    mode = Mode(pack=1, threads=1)
    bench = Bench.of(graphs, protocol, training_part("digits", Path()), 3, mode, device.accelerator(protocol))
    four, eight = (bench.memory(bench.shape(n), mode) for n in (4, 8))
    assert eight == pytest.approx(2 * four, rel=0.05)
    weights = sum(count_parameters(m, (1, 8, 8), 10) for m in graphs[0].models) * 4
    assert eight > 8 * 3 * weights
