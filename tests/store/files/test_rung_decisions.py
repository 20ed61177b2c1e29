"""What a run folder keeps of a search that judges: judgements, and trainings that wait to go on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.errors import StoreError
from engine.store.check import check
from engine.store.files.rung_decisions import Judgement
from engine.store.reader import RunReader
from engine.store.records import State
from engine.store.run import Run
from tests.store.records import curve, id_of, run_info, training, trial

FIRST = Judgement(epoch=1, cohort=0, entries=((0, 12.5), (1, None)), kept=(0,), stopped={1: "no number"})
SECOND = Judgement(epoch=2, cohort=0, entries=((0, 20.0),), kept=(0,))


def resting(number: int, epochs: int = 1):
    return msgspec.structs.replace(training(number), state=State.STOPPED, epochs=epochs)


def test_judgements_are_read_back_in_order_by_writer_and_reader(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Run.create(folder, run_info()) as run, RunReader(folder) as reader:
        reader.refresh()
        assert (run.judgements(), reader.judgements) == ([], [])
        run.add(judgements=[FIRST])
        reader.refresh()
        assert reader.judgements == [FIRST]
        run.add([trial(0)], [training(0)], judgements=[SECOND])
        reader.refresh()
        assert run.judgements() == reader.judgements == [FIRST, SECOND]
        run.compact()
        reader.refresh()
        assert reader.judgements == [FIRST, SECOND]
    with Run.open(folder) as run:
        assert run.judgements() == [FIRST, SECOND]


def test_a_paused_training_is_replaced_by_what_becomes_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Run.create(folder, run_info()) as run:
        run.add(paused=[resting(0), resting(1)], curves=[curve(0, 1), curve(1, 1)])
        run.add(paused=[resting(1, 2)], curves=[curve(1, 2)])
        assert run.paused() == {id_of(0): resting(0), id_of(1): resting(1, 2)}
        assert run.trainings() == {}
    with Run.open(folder) as run:
        run.compact()
        assert run.curves([id_of(0), id_of(1)]) == {id_of(0): curve(0, 1), id_of(1): curve(1, 2)}
        run.add([trial(0)], [training(0)], [curve(0)])
        assert set(run.paused()) == {id_of(1)}
        run.add(paused=[resting(2), resting(3)])
        assert set(run.paused()) == {id_of(1), id_of(2), id_of(3)}
    assert check(folder).is_whole


def test_nothing_is_kept_of_a_refused_addition(tmp_path: Path) -> None:
    with Run.create(tmp_path / "run", run_info()) as run:
        run.add([trial(0)], [training(0)])
        with pytest.raises(StoreError, match="trial 0 is recorded already"):
            run.add([trial(0)], paused=[resting(1)], judgements=[FIRST])
        assert (run.paused(), run.judgements()) == ({}, [])
        bad = msgspec.structs.replace(FIRST, epoch="one")
        with pytest.raises(StoreError, match="Judgement cannot be recorded"):
            run.add(judgements=[bad])


def test_a_damaged_judgement_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Run.create(folder, run_info()) as run:
        run.db.table("judgements").insert({"epoch": "one"})
    assert any("`judgements` cannot be read" in finding.message for finding in check(folder).findings)
