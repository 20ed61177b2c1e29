"""What the status tells of packs in training."""

from __future__ import annotations

import math

from engine.executors.interface import EpochDone, PackJob
from engine.search.running_packs import Underway
from engine.space.files.load import load
from engine.store.records import training_id


def test_a_pack_is_told_with_its_graphs_and_its_best_by_epoch_until_it_ends() -> None:
    graphs = [g.effective().graph for g in load("digits/C").sample(3, 0) if g.is_taught]
    forms = [g for g in graphs if g is not None]
    underway = Underway()
    underway.begin(PackJob(7, tuple(map(str, forms)), repeat=1))
    assert underway.packs() == ()
    for epoch, best in ((1, math.nan), (2, 50.125), (3, 62.0)):
        underway.note(EpochDone(7, len(forms), epoch, 6, best, "w"))
    pack, = underway.packs()
    assert pack.trainings == tuple(training_id(g.key, 1) for g in forms)
    assert pack.best == (None, 50.12, 62.0)
    assert (pack.number, pack.epoch, pack.epochs, pack.worker) == (7, 3, 6, "w")
    assert underway.part == len(forms) / 2
    underway.end(7)
    assert underway.packs() == ()
    assert underway.part == 0
    assert len(underway) == 0
