"""A run folder as its readers see it: never half a record, never more work than what is new."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.log.record_format import pack
from engine.store.reader import RunReader
from engine.store.run import Run
from tests.store.records import curve, run_info, training, trial


@pytest.fixture
def run(tmp_path: Path) -> Run:
    with Run.create(tmp_path / "x", run_info(total=100)) as run:
        yield run


def test_each_refresh_gives_what_is_new(run: Run) -> None:
    reader = RunReader(run.folder)
    assert not reader.refresh().is_news
    run.add([trial(5), trial(1)], [training(5)], [curve(5)])
    update = reader.refresh()
    assert update.trials == (trial(1), trial(5))
    assert update.trainings == (training(5),)
    assert (update.restarted, update.finished, update.messages) == (False, False, ())
    run.add([trial(3)])
    run.add([trial(0)])
    assert reader.refresh().trials == (trial(0), trial(3))
    assert not reader.refresh().is_news
    assert reader.trials == run.trials() == [trial(n) for n in (0, 1, 3, 5)]
    assert reader.trainings == run.trainings()
    assert reader.curve(curve(5).id) == curve(5)
    assert reader.curve(curve(6).id) is None
    run.add([trial(6)], [training(6)], [curve(6)])
    assert reader.curve(curve(6).id) == curve(6)


def test_all_trials_recorded_is_finished(run: Run) -> None:
    reader = RunReader(run.folder)
    run.add([trial(n) for n in range(99)])
    assert not reader.refresh().finished
    run.add([trial(99)])
    assert reader.refresh().finished


def test_a_changed_trial_is_news_and_a_removed_one_says_so(run: Run) -> None:
    reader = RunReader(run.folder)
    run.add([trial(n) for n in range(4)], [training(1)])
    reader.refresh()
    run.db.table("trials").update({"repeat": 30}, doc_ids=[2])
    update = reader.refresh()
    assert update.trials == (trial(2, repeat=30),)
    assert not update.restarted
    run.db.table("trials").remove(doc_ids=[1])
    update = reader.refresh()
    assert update.restarted
    assert update.trials == ()
    assert [t.number for t in reader.trials] == [0, 2, 3]
    run.db.drop_table("trials")
    assert reader.refresh().restarted
    assert reader.trials == []
    assert list(reader.trainings) == [training(1).id]


def test_compaction_is_no_news(run: Run) -> None:
    reader = RunReader(run.folder)
    run.add([trial(n) for n in range(9)], [training(n) for n in range(9)], [curve(n) for n in range(9)])
    reader.refresh()
    assert reader.curve(curve(3).id) == curve(3)
    run.compact()
    assert not reader.refresh().is_news
    assert reader.curve(curve(3).id) == curve(3)
    run.add([trial(9)], [training(9)], [curve(9)])
    assert reader.refresh().trials == (trial(9),)
    assert reader.curve(curve(9).id) == curve(9)
    run.compact()
    run.add([trial(10)])
    assert reader.refresh().trials == (trial(10),)
    assert reader.trials == run.trials()


def test_half_a_record_is_not_seen(run: Run) -> None:
    run.add([trial(0)])
    reader = RunReader(run.folder)
    reader.refresh()
    file = run.folder / "trials.log"
    whole = file.stat().st_size
    run.add([trial(1)])
    text = file.read_bytes()
    for size in range(whole, len(text)):
        os.truncate(file, whole)
        with file.open("ab") as stream:
            stream.write(text[whole:size])
        update = reader.refresh()
        assert update.trials == ()
        assert bool(update.messages) == (size > whole)
    file.write_bytes(text)
    assert reader.refresh().trials == (trial(1),)


def test_a_record_taken_back_is_forgotten(run: Run) -> None:
    run.add([trial(0)])
    reader = RunReader(run.folder)
    file = run.folder / "trials.log"
    before = file.stat().st_size
    with file.open("ab") as stream:
        stream.write(pack(2, b'{"trials":{"7":' + _json(trial(7, key="not acknowledged")) + b"}}"))
    assert len(reader.refresh().trials) == 2
    os.truncate(file, before)
    run.add([trial(8)])
    run.add([trial(9)])
    update = reader.refresh()
    assert update.restarted
    assert update.trials == (trial(8), trial(9))
    assert reader.trials == [trial(0), trial(8), trial(9)]


def _json(record: object) -> bytes:
    import msgspec

    return msgspec.json.encode(record)


def test_nothing_is_written_and_nothing_locked(run: Run) -> None:
    run.add([trial(0)], [training(0)], [curve(0)])
    run.close()
    copy = run.folder.with_name("copy")
    shutil.copytree(run.folder, copy)
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    for path in copy.iterdir():
        path.chmod(stat.S_IRUSR)
    copy.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with RunReader(copy) as reader:
        assert reader.refresh().trials == (trial(0),)
        assert reader.curve(curve(0).id) == curve(0)
        Run.open(run.folder).close()
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_run_folder_that_goes_away_is_one_line(run: Run) -> None:
    reader = RunReader(run.folder)
    run.add([trial(0)])
    reader.refresh()
    shutil.rmtree(run.folder)
    with pytest.raises(StoreError, match=r"trials.log: cannot read: No such file") as caught:
        reader.refresh()
    assert "\n" not in str(caught.value)
    assert reader.trials == [trial(0)]
    with pytest.raises(StoreError, match="no such run folder"):
        RunReader(run.folder)


def test_damage_is_refused_with_its_place_each_time(run: Run) -> None:
    for number in range(3):
        run.add([trial(number)])
    file = run.folder / "trials.log"
    text = bytearray(file.read_bytes())
    place = text.index(b"\n", text.index(b"\n") + 1) + 1
    text[place + 60] ^= 4
    file.write_bytes(text)
    reader = RunReader(run.folder)
    for _ in range(2):
        with pytest.raises(StoreError, match=rf"trials.log: record 2 at byte {place} is damaged \(its checksum"):
            reader.refresh()
    text[place + 60] ^= 4
    file.write_bytes(text)
    assert len(reader.refresh().trials) == 3


def test_a_document_that_is_no_trial_is_refused_with_its_place(run: Run) -> None:
    run.db.table("notes").insert({"text": "mine"})
    run.add([trial(0)])
    reader = RunReader(run.folder)
    assert reader.refresh().trials == (trial(0),)
    run.db.table("trials").insert({"text": "mine"})
    with pytest.raises(StoreError, match=r"record 3 at byte \d+ does not hold trials \(Object missing required field"):
        reader.refresh()
