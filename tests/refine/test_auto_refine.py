"""`python -m engine.refine`: a whole refinement in one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.refine.__main__ import main
from engine.space.files import choices
from engine.space.files.load import load
from engine.store.folder import space_of
from engine.store.reader import RunReader

FIXED = ("--workers", "1", "--pack", "64", "--random", "50", "--until", "30")


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """63 graphs, an epoch each; few enough epochs that chance must not be left out."""
    file = tmp_path / "start.json"
    file.write_text(json.dumps({
        "extends": "digits/X", "constraints": ["L[1,aux] = cutoff"],
        "protocol": {"epochs": 1, "train": 128, "validation": 100, "chance": 0.0},
    }))  # fmt: skip
    return file


@pytest.fixture
def refined(space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main([str(space), "--auto", *FIXED, "--out", str(tmp_path / "out"), "--json"]) == 0
    found: dict = json.loads(capsys.readouterr().out)
    return found


def test_it_ends_with_every_graph_of_a_small_space(
    refined: dict, space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = refined["steps"]
    sizes = [load(space).keys, *(s["keys"] for s in steps)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] <= 30 < sizes[-2]
    assert refined["result"]["complete"]
    assert refined["result"]["trials"] == sizes[-1]
    _lineage(refined, tmp_path / "out")
    _again(space, tmp_path / "out", refined, capsys)


def _lineage(refined: dict, out: Path) -> None:
    """Spaces on disk extend each other by the phrases; every choice has its reason; every run inherits its parent's trials."""
    parent = None
    told = {c.space: c for c in choices.read(out / "spaces")}
    for step in refined["steps"]:
        child = load(Path(step["file"]))
        assert [str(p) for p in child.lineage[-1].phrases] == [step["phrase"]]
        assert child.lineage[-2].name == step["parent"]
        assert told[child.name].reason == f"best-condition: {step['reason']}"
        assert told[child.name].kept == step["kept"]
        parent = child
    assert parent is not None
    with RunReader(Path(refined["result"]["folder"])) as reader:
        reader.refresh()
        assert space_of(Path("run"), reader.info).phrases == parent.phrases
        inherited = [t for t in reader.trials if t.inherited]
        assert inherited
        assert all(t.inherited == Path(told[parent.name].run or "").name for t in inherited)


def _again(space: Path, out: Path, refined: dict, capsys: pytest.CaptureFixture[str]) -> None:
    """The same command trains nothing and tells the same; another rule of the game is refused."""
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*.log")}
    assert main([str(space), "--auto", *FIXED, "--out", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    again["result"]["wall"] = refined["result"]["wall"]
    assert again == refined
    assert before == {p: p.stat().st_mtime_ns for p in out.rglob("*.log")}
    file = out / "spaces" / "start-1.json"
    file.write_text(file.read_text().replace(refined["steps"][0]["phrase"], "L[2,1] = linear"))
    assert main([str(space), "--auto", *FIXED, "--out", str(out)]) == 2
    assert "start-1.json: holds another space" in capsys.readouterr().err


def test_bad_input_is_one_line(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, told in (
        ([str(space)], "--auto"),
        ([str(space), "--auto", "--rule", "luck"], "invalid choice: 'luck'"),
        ([str(space), "--auto", "--random", "49"], "--random: must be at least 50, got 49"),
        ([str(space), "--auto", "--until", "0"], "--until: must be at least 1, got 0"),
        (["digits/Q", "--auto"], "no space file"),
    ):
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code  # type: ignore[assignment]
        assert code == 2
        assert told in capsys.readouterr().err
