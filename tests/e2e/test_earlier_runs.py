"""Run folders made by version 0.1.0 in November 2026: whatever has moved since, they open, are whole, are analysed and go on.

`earlier_runs` holds a finished search of 20 graphs, one of 12 that was stopped after 6, one by successive halving stopped with
graphs paused between rungs, and a finished one whose best graph and DML were trained again. The commands stand in each log.jsonl.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from engine.analysis.__main__ import main as analyse
from engine.evaluate import __main__ as evaluate
from engine.search import __main__ as search
from engine.store.check import check
from engine.store.files.checkpoints import Checkpoints
from engine.store.files.evaluations import read_evaluations
from engine.store.reader import RunReader
from engine.store.records import State, Training, Trial
from engine.training.state.checkpoint import GraphState

EARLIER = Path(__file__).with_name("earlier_runs")
FIXED = ("--workers", "1", "--threads", "1", "--pack", "4", "--no-compile")

Records = tuple[list[Trial], dict[str, Training]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with copies of them all."""
    shutil.copytree(EARLIER, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records(folder: Path) -> Records:
    with RunReader(folder) as reader:
        reader.refresh()
        return list(reader.trials), dict(reader.trainings)


@pytest.mark.parametrize(("name", "trials", "total"), [
    ("finished", 20, 20), ("resumable", 6, 12), ("paused-asha", 6, 12), ("evaluated", 20, 20)])
def test_it_opens_and_is_whole(here: Path, name: str, trials: int, total: int) -> None:
    found = check(here / name)
    assert (found.is_whole, found.trials, found.total) == (True, trials, total), found.findings
    states = {t.state for t in records(here / name)[0]}
    assert states == ({State.STOPPED} if name == "paused-asha" else {State.DONE})


@pytest.mark.parametrize("name", ["finished", "evaluated", "resumable"])
def test_it_is_analysed(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyse([name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edf"]["n"] == len(records(here / name)[0])


def test_its_checkpoints_are_gone_on_with() -> None:
    """Not trained again: each is read, with its epoch's curves and the networks of its graph."""
    kept = Checkpoints(EARLIER / "paused-asha/checkpoints")
    held = {id: GraphState.decode(kept.read(id, epoch)) for id, (epoch,) in kept.epochs().items()}
    assert len(held) == 7
    for state in held.values():
        assert (state.epoch, len(state.history.losses), len(state.history.edges)) == (1, 1, 1)
        assert any(name.startswith("1/weight/") for name in state.tensors)


@pytest.mark.parametrize(("name", "strategy"), [("resumable", "--random"), ("paused-asha", "--asha")])
def test_it_goes_on(here: Path, name: str, strategy: str, capsys: pytest.CaptureFixture[str]) -> None:
    trials, trainings = records(here / name)
    assert search.main(["small.json", strategy, "12", *FIXED, "--run", name, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["complete"], found["trials"]) == (True, 12)
    now = records(here / name)
    if strategy == "--random":
        assert now[0][: len(trials)] == trials
        assert {i: now[1][i] for i in trainings} == trainings
    assert check(here / name).is_whole


def test_a_finished_one_is_finished(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.read_bytes() for p in (here / "finished").rglob("*")}
    assert search.main(["small.json", "--exhaustive", *FIXED, "--run", "finished"]) == 0
    assert capsys.readouterr().err == "finished is finished: nothing is left to do\n"
    assert {p: p.read_bytes() for p in (here / "finished").rglob("*")} == before


def test_what_was_trained_again_is_not_trained_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_evaluations(here / "evaluated")
    assert len(before) == 4
    assert evaluate.main(["evaluated", "--repeats", "2", "--test", "--graph", "best", "--graph", "dml", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["graphs"]) == 2
    assert read_evaluations(here / "evaluated") == before
