"""`python -m engine.compare` on runs whose figures are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy import stats

from engine.compare.__main__ import main
from tests.compare.folders import DML, evaluations, keep, searched

FIRST, SECOND = [93.0, 94.0, 95.0], [96.0, 95.0, 96.5]
PLAIN = [92.0, 92.5, 94.5]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two searches; the second found a better graph at three times the cost."""
    one, two = tmp_path / "one", tmp_path / "two"
    best = searched(one, [91.0, 97.0])
    keep(one, evaluations(best, FIRST), evaluations(DML, PLAIN))
    best = searched(two, [91.0, 95.0, 96.0, 98.0, 90.0, 92.0], strategy="exhaustive")
    keep(two, evaluations(best, SECOND), evaluations(DML, PLAIN))
    return [one, two]


def compared(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict:
    capsys.readouterr()
    assert main([*map(str, arguments), "--repeats", "3", "--json"]) == 0
    found: dict = json.loads(capsys.readouterr().out)
    return found


def test_gain_is_paired_and_its_interval_students(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    first = compared(capsys, *runs)["searches"][0]
    gaps = [1.0, 1.5, 0.5]
    low, high = stats.t.interval(0.95, 2, loc=1.0, scale=stats.sem(gaps))
    gain = first["gain"]["validation"]
    assert gain["values"] == gaps
    assert (gain["low"], gain["high"]) == pytest.approx((low, high), abs=1e-4)
    assert first["optimism"] == pytest.approx(97.0 - 94.0)


def test_searches_are_held_against_each_other_pair_by_pair(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = compared(capsys, *runs)["between"]["validation"]
    assert (row["ours"], row["theirs"]) == ("digits/X, exhaustive", "digits/X, random")
    assert row["values"] == [3.0, 1.0, 1.5]


@pytest.mark.parametrize("fields", [{"seed": 1}, {"epochs": 3}])
def test_other_seeds_or_protocols_are_not_paired(runs: list[Path], capsys: pytest.CaptureFixture[str], fields: dict) -> None:
    other = runs[0].parent / "other"
    best = searched(other, [95.0, 96.0], strategy="other", **fields)
    keep(other, *(evaluations(g, [95.0, 95.0, 95.0], seed=fields.get("seed", 0)) for g in (best, DML)))
    found = compared(capsys, runs[0], other)
    assert found["between"]["validation"] == []
    assert found["searches"][1]["gain"]["validation"]["values"] == [0.0, 0.0, 0.0]


def test_cost_counts_every_training_once(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = compared(capsys, *runs)["searches"]
    assert (first["graph_epochs"], first["training_seconds"]) == (8.0, 4.0)
    assert (second["graph_epochs"], second["training_seconds"]) == (24.0, 12.0)
    assert second["best_so_far"] == [[4.0, 9.0], [8.0, 5.0], [12.0, 4.0], [16.0, 2.0]]


def test_no_figure_of_the_test_set_without_test(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Even where it was opened before: 77.31 is only in the records."""
    best = searched(tmp_path / "opened", [95.0, 96.0])
    keep(tmp_path / "opened", *(evaluations(g, FIRST, test=[77.31] * 3) for g in (best, DML)))
    assert main([str(tmp_path / "opened"), "--repeats", "3", "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "no longer unseen" in told
    written = "".join(p.read_text("utf-8") for p in (tmp_path / "out").iterdir() if p.suffix in (".csv", ".tex", ".md", ".json"))
    assert "77.31" not in told + written
    assert main([str(tmp_path / "opened"), "--repeats", "3", "--test"]) == 0
    assert "77.31" in capsys.readouterr().out


def test_files(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*map(str, runs), "--repeats", "3", "--out", str(tmp_path / "out")]) == 0
    rows = (tmp_path / "out" / "table-2-validation.csv").read_text("utf-8").splitlines()
    assert rows[1].startswith('"digits/X, random",93.00 ± 1.32,94.00 ± 1.00,"+1.00 [')
    assert r"94.00 $\pm$ 1.00" in (tmp_path / "out" / "table-2-validation.tex").read_text("utf-8")
    assert (tmp_path / "out" / "error-against-cost.svg").read_text("utf-8").startswith("<?xml")
    out = capsys.readouterr().out
    assert "94.00 ± 1.00" in out
    assert "optimism" in out


def test_bad_input_is_one_line(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    one = str(runs[0])
    for arguments, told in (
        ([one, one], "named twice"), ([one, "--repeats", "0"], "must be at least 1, got 0"),
        ([str(tmp_path / "none")], "no such run folder"), ([one, "--out", str(tmp_path / "full")], "no report wrote"),
    ):  # fmt: skip
        assert main(arguments) == 2
        assert told in capsys.readouterr().err


def test_batches_shared_by_processes_are_not_retrained_in_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    searched(tmp_path / "run", [95.0, 96.0], processes=2)
    assert main([str(tmp_path / "run")]) == 2
    assert "trained with protocol.processes = 2, but an evaluation trains in one process" in capsys.readouterr().err
