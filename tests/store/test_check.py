"""The commands that look after a run folder: check, mend, compact, export."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from engine.errors import StoreError
from engine.space.graph import Graph
from engine.store.__main__ import main
from engine.store.check import check
from engine.store.files.evaluations import EVALUATIONS, FRESH, Evaluation, EvaluationFile, read_evaluations
from engine.store.log.record_format import pack
from engine.store.records import State
from engine.store.repair import mend
from engine.store.run import Run
from tests.store.records import DRAWN, EFFECTIVE, curve, run_info, training, trial

COUNT = 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Run.create(tmp_path / "x", run_info(total=9)) as run:
        for number in range(COUNT):
            run.add([trial(number)], [training(number)], [curve(number)])
    return tmp_path / "x"


def read(folder: Path) -> tuple[list, dict, dict]:
    with Run.open(folder) as run:
        return run.trials(), run.trainings(), run.curves(run.trainings())


def lines_of(folder: Path, name: str = "trials.log") -> list[bytes]:
    return (folder / name).read_bytes().splitlines(keepends=True)


def change(folder: Path, name: str, edit: Callable[[list[bytes]], list[bytes]]) -> bytes:
    changed = b"".join(edit(lines_of(folder, name)))
    (folder / name).write_bytes(changed)
    return changed


def test_a_sound_run_is_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = check(folder)
    assert (seen.findings, seen.trials, seen.trainings, seen.curves, seen.total) == ((), COUNT, COUNT, COUNT, 9)
    assert main(["check", str(folder)]) == 0
    assert capsys.readouterr().out == "5 of 9 trials, 5 trainings, 5 curves: whole\n"
    assert mend(folder) == []


MENDABLE = {
    "number": lambda lines: [*lines[:2], b"0000000a" + lines[2][8:], *lines[3:]],
    "length": lambda lines: [*lines[:2], lines[2][:9] + b"0000ffff" + lines[2][17:], *lines[3:]],
    "space": lambda lines: [*lines[:2], lines[2][:8] + b"_" + lines[2][9:], *lines[3:]],
    "line feed": lambda lines: [*lines[:2], lines[2][:-1] + b"_", *lines[3:]],
    "last line feed": lambda lines: [*lines[:-1], lines[-1][:-1] + b"\0"],
    "head": lambda lines: [b"?" * len(lines[0][:-1]) + b"\n", *lines[1:]],
}


@pytest.mark.parametrize("name", ["trials.log", "curves.log"])
@pytest.mark.parametrize("damage", MENDABLE)
def test_what_checksums_prove_is_mended_without_loss(folder: Path, name: str, damage: str) -> None:
    before = read(folder)
    change(folder, name, MENDABLE[damage])
    with pytest.raises(StoreError, match="damaged"):
        read(folder)
    seen = check(folder)
    assert (seen.is_whole, seen.is_mendable) == (False, True)
    assert len(seen.findings) == 1
    assert (seen.trials, seen.trainings, seen.curves) == (COUNT, COUNT, COUNT)
    assert mend(folder) == [f"{name}: written again"]
    assert check(folder).findings == ()
    assert read(folder) == before


def test_a_torn_end_is_a_note_and_is_mended(folder: Path) -> None:
    change(folder, "trials.log", lambda lines: [*lines, pack(COUNT + 1, b'{"trials":{}}')[:-4]])
    seen = check(folder)
    assert seen.is_whole
    assert [f.message for f in seen.findings] == [
        f"trials.log: record 6 at byte {sum(map(len, lines_of(folder)[:-1]))} was cut off in its writing "
        "and never acknowledged"]
    assert mend(folder) == ["trials.log: written again"]
    assert check(folder).findings == ()


LOST = {
    "payload": (lambda lines: [*lines[:2], lines[2].replace(b"mlp12", b"mlp13"), *lines[3:]], {1}),
    "checksum": (lambda lines: [*lines[:2], lines[2][:18] + b"00000000" + lines[2][26:], *lines[3:]], {1}),
    "a line feed too many": (lambda lines: [*lines[:2], lines[2][:60] + b"\n" + lines[2][61:], *lines[3:]], {1}),
    "a record cut out": (lambda lines: [*lines[:2], *lines[3:]], {1}),
    "a block of NULs": (lambda lines: [*lines[:2], b"\0" * len(lines[2] + lines[3]), *lines[4:]], {1, 2, 3}),
}


@pytest.mark.parametrize("damage", LOST)
def test_what_is_lost_is_told_and_only_salvage_goes_on(folder: Path, damage: str) -> None:
    edit, gone = LOST[damage]
    trials, trainings, _ = read(folder)
    changed = change(folder, "trials.log", edit)
    seen = check(folder)
    assert (seen.is_whole, seen.is_mendable) == (False, False)
    place = len(b"".join(lines_of(folder)[:2]))
    assert any(f" at byte {place} " in finding.message for finding in seen.findings)
    with pytest.raises(StoreError, match=rf"record \d at byte {place} cannot be restored; restore the file from"):
        mend(folder)
    assert (folder / "trials.log").read_bytes() == changed
    assert mend(folder, salvage=True) == [
        "trials.log: written again with the records that are whole; the damaged file is kept as trials.log.damaged"]
    assert (folder / "trials.log.damaged").read_bytes() == changed
    assert check(folder).is_whole
    kept = read(folder)
    assert kept[0] == [t for t in trials if t.number not in gone]
    assert kept[1] == {t.id: t for t in trainings.values() if t.repeat not in gone}


def test_trials_of_a_lost_training_are_taken_out_so_that_they_are_trained_again(tmp_path: Path) -> None:
    with Run.create(tmp_path / "x", run_info(total=9)) as run:
        run.add([trial(0)], [training(0)])
        run.add([trial(1)], [training(1)])
        run.add([trial(2, training=training(0).id), trial(3, training=training(1).id)])  # they share what was trained before
        run.add([trial(4, training=training(4).id, inherited="parent"), trial(5, training=None, state=State.UNTAUGHT)])
    change(tmp_path / "x", "trials.log", lambda lines: [lines[0], lines[1].replace(b"mlp12", b"mlp13"), *lines[2:]])
    assert mend(tmp_path / "x", salvage=True)[1:] == ["trials.log: 1 trials whose training is lost are taken out"]
    assert check(tmp_path / "x").is_whole
    assert [t.number for t in read(tmp_path / "x")[0]] == [1, 3, 4, 5]
    assert mend(tmp_path / "x", salvage=True) == []


def evaluated(folder: Path) -> list[str]:
    with EvaluationFile(folder) as file:
        for number in range(3):
            file.add([Evaluation(key="a" * 16, graph=str(DRAWN), repeat=FRESH + number, seed=0, state=State.DONE, epochs=2,
                                 accuracy=(90.0,))])  # fmt: skip
    return [str(e.repeat) for e in read_evaluations(folder)]


def test_damage_around_evaluations_is_mended(folder: Path) -> None:
    before = evaluated(folder)
    change(folder, EVALUATIONS, lambda lines: [*lines[:2], b"00000009" + lines[2][8:], *lines[3:]])
    assert check(folder).is_mendable
    assert mend(folder) == ["evaluations.log: written again"]
    assert check(folder).findings == ()
    assert [str(e.repeat) for e in read_evaluations(folder)] == before


def test_a_lost_evaluation_is_salvaged_and_may_have_opened_the_test_set(folder: Path) -> None:
    before = evaluated(folder)
    change(folder, EVALUATIONS, lambda lines: [*lines[:2], lines[2].replace(b"90.0", b"91.0"), *lines[3:]])
    with pytest.raises(StoreError, match=r"evaluations\.log: record 2 at byte \d+ cannot be restored"):
        mend(folder)
    assert mend(folder, salvage=True) == [
        "evaluations.log: written again with the records that are whole; the damaged file is kept as evaluations.log.damaged"]
    assert [str(e.repeat) for e in read_evaluations(folder)] == [before[0], before[2]]
    assert [f.message for f in check(folder).findings] == [
        "evaluations.log: records were lost (see evaluations.log.damaged) that may have told of an opened test set"]
    assert check(folder).is_whole


@pytest.mark.parametrize(("record", "fault"), [
    (trial(7), "trial 7: its training .*[.]7 is not recorded"),
    (trial(7, training=training(1).id, key="0" * 16), f"trial 7: its graph has the key {DRAWN.key}, not 0{{16}}"),
    (trial(7, training="0" * 16 + ".0", inherited="parent"), r"trial 7: its graph trains as .*, not as 0{16}\.0"),
    (trial(7, training=None, graph="1:mlp12"), "trial 7: graph text: expected"),
    (training(7, repeat=8), r"training .*[.]7: its graph in repeat 8 has the id .*[.]8"),
    (training(7, graph="nonsense"), r"training .*[.]7: graph text"),
])
def test_cross_references(folder: Path, record: object, fault: str) -> None:
    with Run.open(folder) as run:
        run.add(*([record], []) if record.__class__.__name__ == "Trial" else ([], [record]))
    problems = [finding.message for finding in check(folder).findings if finding.problem]
    assert len(problems) == 1
    assert re.match(fault, problems[0])
    assert not check(folder).is_mendable


def test_what_others_wrote_into_the_tables(folder: Path) -> None:
    with Run.open(folder) as run:
        run.db.table("trials").insert(dict(run.db.table("trials").get(doc_id=2)))
        run.db.table("trainings").insert({"text": "mine"})
    assert [f.message for f in check(folder).findings] == [
        "trials.log: document 6 of `trainings` cannot be read (Object missing required field `id`)",
        "trial 2 is recorded 2 times"]


def test_trials_that_share_or_need_no_training_or_are_inherited_are_in_order(folder: Path) -> None:
    with Run.open(folder) as run:
        run.add([trial(7, training=training(0).id, repeat=0), trial(8, training=None, state=State.INVALID, nodes=()),
                 trial(9, inherited="parent")])
    assert check(folder).findings == ()


def test_curves_alone_twice_and_missing_are_notes_and_compaction_drops_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Run.open(folder) as run:
        run.add(trainings=[training(10)])
        run.add(curves=[curve(0), curve(77)])
    assert main(["check", str(folder)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "note: curves.log: 1 trainings have no curves",
        "note: curves.log: 1 curves belong to no training (compact drops them)",
        "note: curves.log: 1 curves were written again later (compact drops the earlier)",
        "5 of 9 trials, 6 trainings, 6 curves: whole",
    ]
    assert main(["compact", str(folder), "--json"]) == 0
    sizes = json.loads(capsys.readouterr().out)
    assert sizes["bytes_after"] < sizes["bytes_before"]
    assert [f.message for f in check(folder).findings] == ["curves.log: 1 trainings have no curves"]


def test_the_check_command_tells_and_mends(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(folder, "trials.log", LOST["payload"][0])
    assert main(["check", str(folder)]) == 2
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("problem: trials.log: record 2 at byte ")
    assert out[-1] == "next: restore it from a copy, or go on without what is lost with --salvage"
    assert main(["check", str(folder), "--repair"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {folder}/trials.log: record 2 at byte ")
    assert main(["check", str(folder), "--salvage", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["whole"], seen["trials"], len(seen["done"])) == (True, 4, 1)


def test_a_held_run_is_checked_but_not_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Run.open(folder):
        assert main(["check", str(folder)]) == 0
        for command in (["compact"], ["check", "--repair"]):
            assert main([*command, str(folder)]) == 2
            assert "in use by process" in capsys.readouterr().err


def test_csv_has_a_row_a_trial(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Run.open(folder) as run:
        run.add([trial(8, training=None, state=State.UNTAUGHT, accuracy=(), nodes=())])
    assert main(["export", str(folder)]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(table) == COUNT + 1
    row = table[1]
    canonical = DRAWN.canonical()
    expected = {"number": "1", "state": "done", "error": repr(100 - (90 + 1 / 7)), "accuracy_1": repr(90 + 1 / 7),
                "accuracy_3": "", "seed": "7", "training": training(1).id}
    assert {name: row[name] for name in expected} == expected
    assert [row[f"model_{n}"] for n in (1, 2, 3)] == list(canonical.models)
    assert {name.removeprefix("gate_"): row[name] for name in row if name.startswith("gate_")} == {
        str(edge): gate for edge, gate in canonical.items()}
    assert row["best_accuracy_1"] == "95.0"
    assert row[f"best_accuracy_{EFFECTIVE.nodes[1]}"] == "60.0"
    assert (table[5]["state"], table[5]["accuracy_1"], table[5]["wall"]) == ("untaught", "", "")
    assert main(["export", str(folder), "--json", "--out", str(tmp_path / "t.csv")]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == COUNT + 1
    assert len((tmp_path / "t.csv").read_text().splitlines()) == COUNT + 2


def test_rows_of_smaller_graphs_have_the_same_columns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = Graph.parse("1:mlp12 2:mlp12 | y>1 through")
    with Run.open(folder) as run:
        run.add([trial(8, key=pair.key, graph=str(pair), training=None, state=State.UNTAUGHT, accuracy=())])
    assert main(["export", str(folder)]) == 0
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (table[5]["model_3"], table[5]["gate_2>1"], table[5]["gate_3>1"]) == ("", "cutoff", "")


def test_an_empty_run_is_a_table_without_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Run.create(tmp_path / "x", run_info()).close()
    assert main(["export", str(tmp_path / "x")]) == 0
    assert capsys.readouterr().out == "number\n"


def test_jsonl_has_everything(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(folder), "--jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [json.loads(msgspec.json.encode({"trial": trial(n), "training": training(n), "curve": curve(n)}))
                     for n in range(COUNT)]
    assert Graph.parse(lines[0]["trial"]["graph"]).key == DRAWN.key


def test_parquet_is_the_same_table_or_says_what_it_needs(folder: Path, tmp_path: Path,
                                                         capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "t.parquet"
    assert main(["export", str(folder), "--parquet"]) == 2
    assert capsys.readouterr().err == "error: --parquet: the rows need a file; add --out FILE\n"
    try:
        from pyarrow import parquet
    except ImportError:
        assert main(["export", str(folder), "--parquet", "--out", str(out)]) == 2
        assert capsys.readouterr().err.startswith("error: Parquet needs the package pyarrow; pip install 'ktgtui[parquet]'")
        return
    assert main(["export", str(folder), "--parquet", "--out", str(out)]) == 0
    table = parquet.read_table(out).to_pylist()
    assert [row["accuracy_1"] for row in table] == [trial(n).accuracy[0] for n in range(COUNT)]


@pytest.mark.parametrize("command", ["check", "compact", "export"])
def test_bad_input_is_one_line(tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/nowhere: no such run folder; check the path\n"
    assert main([command, str(tmp_path)]) == 2
    assert "not a run folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_help_has_examples_and_the_store_needs_no_torch() -> None:
    code = ("import sys, engine.store.__main__, engine.store.reader, engine.store.run\n"
            "assert not {'torch', 'numpy', 'scipy', 'textual'} & set(sys.modules), sorted(sys.modules)\n"
            "engine.store.__main__.main(['--help'])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "python -m engine.store export runs/" in done.stdout
