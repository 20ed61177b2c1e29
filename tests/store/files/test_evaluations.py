"""Evaluations as records: what is added is read back, the last of a graph and repeat counts, an opened test set shows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.errors import StoreError
from engine.store.check import check
from engine.store.files.evaluations import EVALUATIONS, FRESH, Evaluation, EvaluationFile, read_evaluations, remark, unsealed
from engine.store.records import State
from engine.store.run import Run
from tests.store.records import run_info


def made(key: str = "a" * 16, number: int = 1, **fields) -> Evaluation:
    held = {
        "key": key, "graph": "1:mlp16 | y>1 through", "repeat": FRESH + number - 1, "seed": 0, "state": State.DONE,
        "epochs": 2, "accuracy": (90.0,), "created": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip
    return Evaluation(**{**held, **fields})


def test_records_come_back_grouped_by_graph_and_the_last_of_each_counts(tmp_path: Path) -> None:
    first, second, other = made("b" * 16, 1), made("b" * 16, 2), made("a" * 16, 1)
    with EvaluationFile(tmp_path) as file:
        file.add([second, other])
        file.add([first])
        file.add([msgspec.structs.replace(second, test=(88.0,))])
        assert file.find("b" * 16, FRESH + 1).test == (88.0,)
    again = read_evaluations(tmp_path)
    assert [(e.key[0], e.number) for e in again] == [("b", 1), ("b", 2), ("a", 1)]
    assert [e.test for e in again] == [None, (88.0,), None]


def test_a_run_without_evaluations_has_none(tmp_path: Path) -> None:
    assert read_evaluations(tmp_path) == []
    assert remark([]) is None


def test_what_was_cut_off_in_writing_is_no_record_and_what_is_damaged_is_an_error(tmp_path: Path) -> None:
    with EvaluationFile(tmp_path) as file:
        file.add([made(number=1)])
        file.add([made(number=2)])
    path = tmp_path / EVALUATIONS
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert [e.number for e in read_evaluations(tmp_path)] == [1]
    place = whole.index(b'"epochs":2') + 9
    path.write_bytes(whole[:place] + b"3" + whole[place + 1 :])
    with pytest.raises(StoreError, match=EVALUATIONS):
        read_evaluations(tmp_path)


def test_a_search_and_an_evaluation_keep_each_other_out(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", run_info()), pytest.raises(StoreError, match="in use by process"):
        EvaluationFile(tmp_path / "run")
    with EvaluationFile(tmp_path / "run"), pytest.raises(StoreError, match="in use by process"):
        Run.open(tmp_path / "run")


def test_the_remark_tells_the_first_time_the_test_set_was_read() -> None:
    closed, early = made(), made(number=2, test=(1.0,), created="2026-01-01T00:00:00+00:00")
    late = made("b" * 16, test=(1.0,), created="2026-02-01T00:00:00+00:00")
    assert unsealed([closed]) is None
    assert unsealed([closed, late, early]) == early.created
    told = remark([closed, late, early])
    assert told is not None
    assert "2026-01-01, for 2 graphs" in told


def test_a_check_tells_of_lost_networks_and_of_the_test_set(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", run_info()):
        pass
    with EvaluationFile(tmp_path / "run") as file:
        file.add([made(weights="weights/gone.safetensors", test=(1.0,))])
    seen = check(tmp_path / "run")
    told = [f.message for f in seen.findings]
    assert seen.is_whole
    assert any("networks of 1 retrainings" in m for m in told)
    assert any("no longer unseen" in m for m in told)
