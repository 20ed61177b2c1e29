"""Retrainings are the trainings a search would make, fresh by seed; the test set opens only on demand."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

import engine.evaluate.retraining as retraining
from engine.analysis.__main__ import main as analysis
from engine.errors import TrainingError
from engine.evaluate.__main__ import main
from engine.evaluate.export import KINDS
from engine.packing.packs import shape_for
from engine.search.__main__ import main as search
from engine.space.graph import Graph
from engine.space.protocol import Protocol
from engine.store.files.evaluations import EVALUATIONS, FRESH, WEIGHTS, EvaluationFile, read_evaluations
from engine.store.folder import read_info, space_of
from engine.training.calibration.mode import Mode
from engine.training.data.splits import held_out_part, split, training_part
from engine.training.networks import accuracy, load
from engine.training.teachers.bank import TeacherBank
from engine.training.trainer import PackTrainer, Setting
from tests.training.conftest import banked

FIELDS = ("epochs=2", "train=64", "validation=32", "precision=float64", "normalisation=channel")
LIVE = "1:mlp16 2:mlp96 | y>1 linear, 2>1 through"
"""Node 2 is pre-trained."""


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of digits/X in float64, two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "x"
    sets = [part for field in FIELDS for part in ("--set", f"protocol.{field}")]
    fixed = ("--workers", "1", "--threads", "1", "--pack", "4")
    assert search(["digits/X", "--random", "6", *sets, "--run", str(folder), *fixed]) == 0
    return folder


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "x"
    folder.mkdir()
    for file in searched.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return folder


Said = Callable[..., dict]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*arguments: str | Path) -> dict:
        capsys.readouterr()
        assert main([*map(str, arguments), "--json"]) == 0
        found: dict = json.loads(capsys.readouterr().out)
        return found

    return call


def test_a_retraining_is_the_training_a_search_would_make_in_that_repeat(run: Path, said: Said, accelerator) -> None:
    said(run, "--graph", LIVE, "--repeats", "2")
    (first, second) = read_evaluations(run)
    graph = Graph.parse(LIVE)
    protocol = load_protocol(run)
    seen = split(training_part("digits", Path("data")), protocol)
    here = replace(seen, train=seen.train.to(torch.device("cpu"), torch.float64),
                   validation=seen.validation.to(torch.device("cpu"), torch.float64))  # fmt: skip
    empty = TeacherBank.of((), here.train, here.validation)
    for record in (first, second):
        setting = Setting(protocol, here, 0, record.repeat, Mode(pack=1), accelerator, empty)
        shape = shape_for([graph], 1, 2)
        trainer = PackTrainer([graph], [graph.key], shape, replace(setting, teachers=banked(shape.teachers, setting, None)))
        *_, last = trainer.run()
        assert record.accuracy == pytest.approx(last.accuracy[0].tolist(), abs=1e-4)
    assert [first.repeat, second.repeat] == [FRESH, FRESH + 1]
    one, other = (load(run / record.weights).states[0] for record in (first, second))
    assert not any(torch.equal(one[name], other[name]) for name in one)


def load_protocol(folder: Path) -> Protocol:
    return space_of(folder, read_info(folder)).protocol


def test_kept_networks_are_what_was_measured(run: Path, said: Said) -> None:
    """Read back and shown raw validation images, each network is right as often as its record says."""
    said(run, "--graph", "best", "--graph", LIVE, "--repeats", "1")
    protocol = load_protocol(run)
    raw = msgspec.structs.replace(protocol, normalisation="none")
    validation = split(training_part("digits", Path("data")), raw).validation.to(torch.device("cpu"), torch.float64)
    for record in read_evaluations(run):
        assert accuracy(load(run / record.weights), validation) == pytest.approx(record.accuracy, abs=1e-4)


def test_more_repeats_cost_only_what_is_new_and_change_nothing(run: Path, said: Said) -> None:
    said(run, "--repeats", "1")
    (before,) = read_evaluations(run)
    found = said(run, "--repeats", "2")
    again = read_evaluations(run)
    assert again[0] == before
    assert len(again) == len(found["graphs"][0]["repeats"]) == 2
    size = (run / EVALUATIONS).stat().st_size
    assert said(run, "--repeats", "2") == found
    assert said(run, "--repeats", "1")["graphs"][0]["retrainings"] == 1
    assert (run / EVALUATIONS).stat().st_size == size


def test_twins_are_trained_once_and_both_recorded(run: Path, said: Said) -> None:
    """A dead auxiliary node changes nothing: one file of weights, two graphs."""
    twin = "1:mlp16 2:mlp96 3:mlp96 | y>1 linear, 2>1 through, y>3 through"
    found = said(run, "--graph", LIVE, "--graph", twin, "--repeats", "1")
    a, b = found["graphs"]
    assert a["weights"] == b["weights"]
    assert a["nodes"][0] == b["nodes"][0]
    (dead,) = (n for n in b["nodes"] if n["validation"] is None)
    assert dead["model"] == "mlp96"


def test_without_test_nothing_reads_the_test_set_and_nothing_shows_it(
    run: Path, said: Said, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("the test set was opened")

    monkeypatch.setattr(retraining, "held_out_part", opened)
    found = said(run, "--repeats", "1")
    assert found["test_set"] == "closed"
    assert all("test" not in node for graph in found["graphs"] for node in graph["nodes"])
    assert main([str(run), "--repeats", "1"]) == 0
    assert "the test set is closed" in capsys.readouterr().out
    assert all(e.test is None for e in read_evaluations(run))
    with pytest.raises(AssertionError, match="was opened"):
        main([str(run), "--repeats", "1", "--test"])


def test_an_opened_test_set_is_measured_recorded_and_told_ever_after(
    run: Path, said: Said, capsys: pytest.CaptureFixture[str]
) -> None:
    target = said(run, "--repeats", "2", "--test")["graphs"][0]["nodes"][0]
    images = held_out_part("digits", Path("data")).to(torch.device("cpu"), torch.float64)
    records = read_evaluations(run)
    measured = [accuracy(load(run / e.weights), images)[0] for e in records]
    assert target["test"]["values"] == pytest.approx(measured, abs=1e-4)
    later = said(run, "--repeats", "2")
    assert "no longer unseen" in later["test_set"]
    assert all("test" not in node for graph in later["graphs"] for node in graph["nodes"])
    assert analysis([str(run)]) == 0
    assert "no longer unseen" in capsys.readouterr().out


def test_lost_networks_are_trained_again_before_the_test_set_is_opened(run: Path, said: Said) -> None:
    said(run, "--repeats", "1")
    (record,) = read_evaluations(run)
    (run / record.weights).unlink()
    said(run, "--repeats", "1", "--test")
    (again,) = read_evaluations(run)
    assert again.accuracy == record.accuracy
    assert again.test is not None


def test_lost_networks_are_trained_again_for_an_export_and_remember_the_test_set(run: Path, said: Said) -> None:
    said(run, "--repeats", "1", "--test")
    (record,) = read_evaluations(run)
    state = load(run / record.weights).states[0]
    (run / record.weights).unlink()
    assert said(run, "--repeats", "1")["graphs"], "figures need no file"
    assert not (run / record.weights).exists()
    (plain,) = said(run, "--repeats", "1", "--export", "state_dict")["exported"]
    assert all(torch.equal(tensor, state[name]) for name, tensor in torch.load(plain, weights_only=True).items())
    (again,) = read_evaluations(run)
    assert (again.accuracy, again.test) == (record.accuracy, record.test)


def test_exports_answer_as_the_network_does(run: Path, said: Said) -> None:
    images = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    script, plain = said(run, "--repeats", "1", "--export", "torchscript", "--export", "state_dict")["exported"]
    network = load(run / read_evaluations(run)[0].weights).node(1)
    with warnings.catch_warnings(action="ignore"):  # torch 2.14 calls TorchScript old
        again = torch.jit.load(script)
    assert torch.allclose(again(images), network(images))
    state = torch.load(plain, weights_only=True)
    assert all(torch.equal(t, network.network.state_dict()[n]) for n, t in state.items())


def test_an_export_that_cannot_be_written_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "exported").touch()
    assert main([str(run), "--repeats", "1", "--export", "state_dict"]) == 2
    assert "exported" in (told := capsys.readouterr().err)
    assert "cannot write: File exists" in told.splitlines()[-1]


def test_onnx_names_what_to_install(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.evaluate.export.util.find_spec", lambda name: None)
    assert main([str(run), "--repeats", "1", "--export", "onnx"]) == 2
    assert "onnx and onnxscript not installed; pip install 'ktgtui[onnx]'" in capsys.readouterr().err
    assert read_evaluations(run) == [], "known before anything is trained"


def test_onnx_packages_that_are_older_than_torch_are_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'onnxscript._framework_apis.torch_2_11'")

    monkeypatch.setattr("engine.evaluate.export.util.find_spec", lambda name: name)
    monkeypatch.setitem(KINDS, "onnx", (".onnx", lacks))
    assert main([str(run), "--repeats", "1", "--export", "onnx"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: --export onnx: a package of another version is needed (No module named 'onnxscript._fra")
    assert told.endswith("pip install -U onnx onnxscript")


def test_the_card_says_what_a_stranger_must_know(run: Path, said: Said) -> None:
    found = said(run, "--repeats", "1")["graphs"][0]
    text = (run / WEIGHTS / f"{found['key']}.md").read_text()
    for told in (found["graph"], '"epochs": 2', f"(0, {FRESH})", "test set was not read", found["weights"][0].split("/")[1]):
        assert told in text
    assert "| test |" not in text


def test_bad_input_is_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, told in (
        (["--repeats", "0"], "--repeats: must be at least 1, got 0"),
        (["--graph", "none"], "names no graph"),
        (["--export", "pickle"], "invalid choice"),
    ):
        try:
            code = main([str(run), *arguments])
        except SystemExit as ended:
            code = ended.code  # type: ignore[assignment]
        assert code == 2
        assert told in capsys.readouterr().err


def test_a_run_that_is_being_searched_is_left_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with EvaluationFile(run):
        assert main([str(run)]) == 2
    assert "in use by process" in capsys.readouterr().err


def test_damaged_weights_are_named(run: Path, said: Said) -> None:
    said(run, "--repeats", "1")
    path = run / read_evaluations(run)[0].weights
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(TrainingError, match=f"{path.name}.*delete it"):
        load(path)
