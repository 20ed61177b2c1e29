"""A run folder as its writer sees it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import SpaceError, StoreError
from engine.store.check import check
from engine.store.files.status import PackStatus, Status
from engine.store.folder import space_of
from engine.store.reader import RunReader
from engine.store.records import Curve
from engine.store.repair import mend
from engine.store.run import Run, find_runs, read_info
from tests.store.records import curve, run_info, training, trial


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "x"


def test_what_is_added_is_there_after_opening_again(folder: Path) -> None:
    with Run.create(folder, run_info(total=4)) as run:
        run.add([trial(2), trial(0)], [training(2), training(0)], [curve(2), curve(0)])
        run.add([trial(1, training=None)])
    with Run.open(folder) as run:
        assert run.info == run_info(total=4)
        assert run.trials() == [trial(0), trial(1, training=None), trial(2)]
        assert run.trainings() == {t.id: t for t in (training(2), training(0))}
        assert run.curves([curve(0).id, curve(1).id, curve(2).id]) == {c.id: c for c in (curve(0), curve(2))}
        assert run.messages == []
        run.add([trial(3)], [training(3)])
        assert [t.number for t in run.trials()] == [0, 1, 2, 3]
        assert list(run.trainings()) == [training(n).id for n in (2, 0, 3)]


def test_tinydb_sees_the_trials(folder: Path) -> None:
    from tinydb import where

    with Run.create(folder, run_info()) as run:
        run.add([trial(n) for n in range(5)], [training(n) for n in range(5)])
        table = run.db.table("trials")
        assert table.get(doc_id=3)["training"] == trial(3).training
        assert [doc.doc_id for doc in table.search(where("repeat") == 4)] == [4]
        run.add([trial(9)])
        assert len(table) == 6
        assert run.db.tables() == {"trials", "trainings"}


def test_a_result_is_recorded_once(folder: Path) -> None:
    with Run.create(folder, run_info()) as run:
        run.add([trial(0)], [training(0)])
        with pytest.raises(StoreError, match="trial 0 is recorded already"):
            run.add([trial(1), trial(0)], [training(1)])
        with pytest.raises(StoreError, match=f"training {training(0).id} is recorded already"):
            run.add([trial(1)], [training(0)])
        with pytest.raises(StoreError, match="trial 5 is recorded already"):
            run.add([trial(5), trial(5)])
        assert run.trials() == [trial(0)]
        run.db.table("trainings").insert(json.loads('{"id": "beside"}') | _plain(training(8)) | {"id": "beside"})
        with pytest.raises(StoreError, match="training beside is recorded already"):
            run.add(trainings=[training(0, id="beside")])
    with Run.open(folder) as run, pytest.raises(StoreError, match="recorded already"):
        run.add(trainings=[training(0)])


def _plain(record: object) -> dict:
    import msgspec

    return msgspec.to_builtins(record)


def test_losses_that_are_no_numbers_are_left_out_and_curves_keep_their_shape(folder: Path) -> None:
    with Run.create(folder, run_info()) as run:
        lost = training(0, losses={"y>1": math.nan, "2>1": 1.5, "3>1": math.inf})
        run.add(trainings=[lost], curves=[Curve(id=lost.id, accuracy=((10.0, math.nan),), loss=((math.inf, 2.0),))])
    with Run.open(folder) as run:
        assert run.trainings()[lost.id].losses == {"2>1": 1.5}
        assert run.curves([lost.id])[lost.id] == Curve(id=lost.id, accuracy=((10.0, None),), loss=((None, 2.0),))


@pytest.mark.parametrize(("record", "why"), [
    (lambda: ([trial(0, key=5)], [], []), "Trial cannot be recorded: Expected `str`, got `int`"),
    (lambda: ([], [training(0, wall=math.nan)], []), "Training cannot be recorded: Expected `float`, got `null`"),
    (lambda: ([], [training(0, accuracy=({1: 2},))], []), "Training cannot be recorded"),
    (lambda: ([], [], [Curve(id="x", accuracy=((object(),),))]), "Curve cannot be recorded"),
])
def test_what_could_not_be_read_back_is_not_acknowledged(folder: Path, record: object, why: str) -> None:
    with Run.create(folder, run_info()) as run:
        run.add([trial(1)], [training(1)], [curve(1)])
        before = [(folder / name).read_bytes() for name in ("trials.log", "curves.log")]
        with pytest.raises(StoreError, match=why):
            run.add(*record())
        assert [(folder / name).read_bytes() for name in ("trials.log", "curves.log")] == before


def test_a_curve_written_twice_counts_once(folder: Path) -> None:
    with Run.create(folder, run_info()) as run:
        run.add(curves=[curve(0)])  # a crash came before its training
        run.add([trial(0)], [training(0)], [curve(0, epochs=5)])
        assert run.curves([curve(0).id]) == {curve(0).id: curve(0, epochs=5)}
    with Run.open(folder) as run:
        assert run.curves([curve(0).id]) == {curve(0).id: curve(0, epochs=5)}


def test_the_folder_must_be_new_or_empty(folder: Path) -> None:
    folder.mkdir(parents=True)
    Run.create(folder, run_info()).close()
    with pytest.raises(StoreError, match="holds a run already"):
        Run.create(folder, run_info())
    other = folder.with_name("other")
    other.mkdir()
    (other / "thesis.tex").write_text("years of work")
    with pytest.raises(StoreError, match=r"not empty \(it holds 'thesis.tex'\)"):
        Run.create(other, run_info())
    assert os.listdir(other) == ["thesis.tex"]


def test_a_start_that_was_cut_off_may_be_made_again(folder: Path) -> None:
    Run.create(folder, run_info()).close()
    (folder / "run.json").rename(folder / "run.json.tmp")
    with Run.create(folder, run_info(seed=8)) as run:
        assert run.info.seed == 8
    assert read_info(folder).seed == 8


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/x: cannot make: Not a directory") as caught:
        Run.create(tmp_path / "file" / "x", run_info())
    assert "\n" not in str(caught.value)


def test_the_second_writer_is_refused_by_the_holders_name(folder: Path) -> None:
    with Run.create(folder, run_info()):
        code = ("import sys, pathlib; from engine.store.run import Run; from engine.errors import StoreError\n"
                "try: Run.open(pathlib.Path(sys.argv[1]))\n"
                "except StoreError as error: print(error)")
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
        assert f"in use by process {os.getpid()} on " in done.stdout
        assert done.stdout.count("\n") == 1
        with pytest.raises(StoreError, match="in use by process"):
            Run.open(folder)
    Run.open(folder).close()


def test_a_killed_holder_does_not_block(folder: Path) -> None:
    code = ("import sys, os, signal, pathlib; from engine.store.run import Run\n"
            "from records import run_info, trial\n"
            "run = Run.create(pathlib.Path(sys.argv[1]), run_info()); run.add([trial(0)])\n"
            "os.kill(os.getpid(), signal.SIGKILL)")
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code, str(folder)], env=here, check=False)
    assert done.returncode == -9
    assert (folder / "lock").exists()
    assert (folder / "holder.json").exists()
    assert RunReader(folder).holder() is None
    with Run.open(folder) as run:
        assert run.trials() == [trial(0)]
        assert RunReader(folder).holder().pid == os.getpid()


@pytest.mark.parametrize(("text", "message"), [
    ("", "damaged"),
    ("{", "damaged"),
    ('{"format": 1, "name": "x"}', "damaged .*missing required field"),
    ('{"format": 99, "shape": "unheard of"}', "format 99 is newer than 1, the newest this version reads"),
    ("[]", "damaged"),
])
def test_a_run_json_that_cannot_be_used(folder: Path, text: str, message: str) -> None:
    Run.create(folder, run_info()).close()
    (folder / "run.json").write_text(text)
    for use in (read_info, Run.open, RunReader):
        with pytest.raises(StoreError, match=message) as caught:
            use(folder)
        assert "\n" not in str(caught.value)


def test_a_damaged_space_in_run_json_is_told_with_the_files_path(folder: Path) -> None:
    Run.create(folder, run_info(space={"name": "A", "nodes": 3})).close()
    with pytest.raises(SpaceError, match="not a resolved space") as caught:
        space_of(folder, read_info(folder))
    assert str(caught.value).startswith(f"{folder}/run.json: space: ")


def test_what_is_no_run_folder(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(StoreError, match="no such run folder"):
        Run.open(folder)
    with pytest.raises(StoreError, match=r"not a run folder \(it holds no run.json\)"):
        Run.open(tmp_path)
    Run.create(folder, run_info()).close()
    (folder / "trials.log").unlink()
    for use in (Run.open, lambda folder: RunReader(folder).refresh()):
        with pytest.raises(StoreError, match=r"trials.log: cannot read: No such file"):
            use(folder)
    (folder / "trials.log").touch()
    for use in (Run.open, lambda folder: RunReader(folder).refresh(), mend):
        with pytest.raises(StoreError, match=r"trials.log: empty, though the run was started; restore it"):
            use(folder)
    assert [f.message for f in check(folder).findings] == ["trials.log: empty, though the run was started"]
    mend(folder, salvage=True)
    Run.open(folder).close()


def test_runs_are_found_by_name(tmp_path: Path) -> None:
    for name in ("b", "a"):
        Run.create(tmp_path / name, run_info()).close()
    (tmp_path / "empty").mkdir()
    assert find_runs(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert find_runs(tmp_path / "a") == [tmp_path / "a"]
    assert find_runs(tmp_path / "nowhere") == []


def test_the_log_is_lines_of_json_and_rotates(folder: Path) -> None:
    from engine.store.files.journal import Journal

    with Run.create(folder, run_info()) as run:
        run.log("pack", number=3, where=Path("x"))
    line, = (folder / "log.jsonl").read_text().splitlines()
    assert {k: v for k, v in json.loads(line).items() if k != "time"} == {"event": "pack", "number": 3, "where": "x"}
    journal = Journal(folder, limit=200)
    for number in range(40):
        journal.write("tick", number=number)
    journal.close()
    names = [f"log.{age}.jsonl" for age in (4, 3, 2, 1)] + ["log.jsonl"]
    assert sorted(path.name for path in folder.glob("log*.jsonl")) == sorted(names)
    numbers = [json.loads(line)["number"] for name in names for line in (folder / name).read_text().splitlines()]
    assert 10 < len(numbers) < 40
    assert numbers == list(range(40 - len(numbers), 40))


def test_the_status_is_read_as_it_was_written(folder: Path) -> None:
    with Run.create(folder, run_info()) as run:
        reader = RunReader(folder)
        assert reader.status() is None
        packs = (PackStatus(number=1, graphs=4, epoch=2, epochs=9),)
        status = Status(phase="training", done=3, total=9, rate=2.5, packs=packs)
        run.write_status(status)
        assert reader.status() == status
        assert status.pid == os.getpid()
        assert not reader.refresh().finished
        run.write_status(Status(phase="finished"))
        assert reader.refresh().finished


def test_compaction_keeps_what_counts(folder: Path) -> None:
    with Run.create(folder, run_info()) as run:
        run.add(curves=[curve(0), curve(9)])
        run.add([trial(n) for n in range(5)], [training(n) for n in range(5)], [curve(n) for n in range(5)])
        run.db.table("trials").remove(doc_ids=[4])
        before = (run.trials(), run.trainings())
        sizes = [(folder / name).stat().st_size for name in ("trials.log", "curves.log")]
        run.compact()
        assert [(folder / name).stat().st_size for name in ("trials.log", "curves.log")] < sizes
        run.add([trial(7)], [training(7)], [curve(7)])
    with Run.open(folder) as run:
        assert run.trials() == [*before[0], trial(7)]
        assert run.trainings() == before[1] | {training(7).id: training(7)}
        assert run.curves([curve(0).id, curve(7).id, curve(9).id]) == {c.id: c for c in (curve(0), curve(7))}
