"""`python -m engine.simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.simulate.__main__ import main
from engine.simulate.table import load, save
from tests.simulate.made import run, small, table


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save(table(small(tmp_path)), tmp_path / "t.table")
    return tmp_path / "t.table"


def test_json_is_one_object_with_a_curve_a_strategy(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--table", str(file), "--strategy", "random,asha", "--graphs", "30", "--seeds", "12", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [s["strategy"] for s in found["strategies"]] == ["random", "asha"]
    costs = [[point["graph_epochs"] for point in s["curve"]] for s in found["strategies"]]
    assert costs[0] == costs[1]
    first, second = (s["curve"][-1]["true"] for s in found["strategies"])
    assert first >= 0
    assert second >= 0


def test_text_shows_both(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--table", str(file), "--graphs", "30", "--seeds", "5"]) == 0
    told = capsys.readouterr().out
    assert "small, 72 graphs" in told
    assert "True regret" in told
    assert "asha" in told


def test_same_seeds_same_answer(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(2):
        assert main(["--table", str(file), "--graphs", "30", "--seeds", "5", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        said.append([s["curve"] for s in found["strategies"]])
    assert said[0] == said[1]


def test_a_run_becomes_a_file_that_can_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "run", table(small(tmp_path)))
    assert main(["--build", str(tmp_path / "run"), "--out", str(tmp_path / "made"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["bytes"] == (tmp_path / "made").stat().st_size
    assert load(tmp_path / "made").repeats == found["repeats"] == 3
    assert main(["--table", str(tmp_path / "made"), "--seeds", "2", "--graphs", "9"]) == 0


def test_curves_as_files(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "curves"
    assert main(["--table", str(file), "--graphs", "30", "--seeds", "4", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert json.loads((out / "simulate.json").read_text("utf-8")) == told
    rows = (out / "regret.csv").read_text("utf-8").splitlines()
    last = told["strategies"][1]["curve"][-1]
    assert rows[-1].split(",")[:5] == ["asha", *(str(last[n]) for n in ("graph_epochs", "searches", "seen", "true"))]
    assert {p.name for p in out.iterdir()} >= {"regret.svg", "regret.png", "regret.pdf"}


def test_bad_input_is_one_line(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, told in (
        (["--table", str(file), "--seeds", "0"], "--seeds: must be at least 1, got 0"),
        (["--table", str(file), "--graphs", "-1"], "--graphs: must be at least 1, got -1"),
        (["--table", str(file), "--strategy", "astra"], "unknown strategy 'astra'; did you mean 'asha'?"),
        (["--table", str(file), "--space", "digits/X"], "differs from digits/X in"),
        (["--table", str(tmp_path / "none")], "cannot be read"),
        (["--build", str(tmp_path)], "needs a file for the table"),
        (["--build", str(tmp_path), "--out", str(file)], "exists already"),
        (["--build", str(tmp_path / "none"), "--out", str(tmp_path / "new")], "no such run folder"),
    ):
        assert main(arguments) == 2
        assert told in capsys.readouterr().err
