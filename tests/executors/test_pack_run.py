"""Packs that are kept, paused, cut off and gone on with: the records are those of packs that never were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import torch

from engine.executors import pack_run
from engine.executors.interface import Checkpointed, EpochDone, Heartbeat, Note, PackDone, PackJob, PackLimit, PackPaused
from engine.executors.local import LocalExecutor, is_out_of_memory
from engine.packing.packs import fill, shape_for, smaller
from engine.store.files.checkpoints import Checkpoints, Keeping
from engine.store.records import State, training_id
from engine.training import trainer
from engine.training.calibration.mode import Mode
from engine.training.data.splits import training_part
from engine.training.models.registry import build
from tests.executors.test_local import GRAPHS, TEXTS, protocol, seed_of

__all__ = ["protocol"]
EPOCHS = 3
IDS = [training_id(g.key, 0) for g in GRAPHS]


def made(protocol, folder: Path | None = None, every: float = 0.0) -> LocalExecutor:
    keeping = Keeping(Checkpoints(folder), every) if folder else None
    mode = Mode(pack=4, layouts={"mlp12": "looped"})
    return LocalExecutor(protocol, training_part("digits", Path()), shape_for(GRAPHS, 4, 2), mode, 0, None, keeping)


def plain(end: PackDone | PackPaused):
    """Records by graph, without what depends on the clock and the pack."""
    curves = {c.id: c for c in end.curves}
    return {t.graph: (msgspec.structs.replace(t, wall=0, pack=0), curves.get(t.id)) for t in end.trainings}


def last(events: Sequence[object]) -> PackDone | PackPaused:
    assert isinstance(events[-1], PackDone | PackPaused)
    return events[-1]


def epochs(events: Sequence[object]) -> list[tuple[int, int]]:
    """(graphs, epoch) of each epoch that was trained."""
    return [(e.graphs, e.epoch) for e in events if isinstance(e, EpochDone)]


@pytest.fixture(scope="module")
def undisturbed(protocol):
    return plain(last(list(made(protocol).run([PackJob(0, TEXTS, 0)]))))


def cut_off(executor: LocalExecutor, job: PackJob, epoch: int) -> None:
    """End a pack as a kill would, after that epoch's checkpoint."""
    events = executor.run([job])
    for event in events:
        if isinstance(event, Checkpointed) and event.epoch == epoch:
            break
    events.close()


def test_a_pack_that_is_cut_off_goes_on_from_its_checkpoint(protocol, undisturbed, tmp_path):
    cut_off(made(protocol, tmp_path / "kept"), PackJob(0, TEXTS, 0), 2)
    assert Checkpoints(tmp_path / "kept").epochs() == {id: [2] for id in IDS}, "older ones are gone"
    events = list(made(protocol, tmp_path / "kept").run([PackJob(0, TEXTS, 0)]))
    assert epochs(events) == [(4, 3)]
    assert plain(last(events)) == undisturbed


def test_graphs_pause_and_go_on_in_other_packs(protocol, undisturbed, tmp_path):
    executor = made(protocol, tmp_path / "kept", every=1e9)
    first = [PackJob(0, TEXTS[:2], 0, until=1), PackJob(1, TEXTS[2:], 0, until=1)]
    paused = [e for e in executor.run(first) if isinstance(e, PackPaused)]
    assert [(p.pack, p.epoch, [t.graph for t in p.trainings]) for p in paused] == [(0, 1, [*TEXTS[:2]]), (1, 1, [*TEXTS[2:]])]
    for training in (t for p in paused for t in p.trainings):
        assert (training.state, training.epochs, training.reason) == (State.STOPPED, 1, None)
        curve = undisturbed[training.graph][1]
        assert training.accuracy == curve.accuracy[0]
    again = made(protocol, tmp_path / "kept", every=1e9)  # as after a restart
    [middle] = [e for e in again.run([PackJob(2, TEXTS[1:3], 0, first=1, until=2)]) if isinstance(e, PackPaused)]
    assert all(len(c.accuracy) == 2 for c in middle.curves)
    jobs = [PackJob(3, (TEXTS[3], TEXTS[0]), 0, first=1), PackJob(4, (TEXTS[2], TEXTS[1]), 0, first=2)]
    ends = [e for e in again.run(jobs) if isinstance(e, PackDone)]
    assert plain(ends[0]) | plain(ends[1]) == undisturbed


def test_those_that_are_behind_catch_up(protocol, undisturbed, tmp_path):
    """One graph's checkpoint is damaged, one's is older, one's is gone."""
    kept = Checkpoints(tmp_path / "kept")
    cut_off(made(protocol, kept.folder), PackJob(0, TEXTS, 0), 1)
    older = kept.read(IDS[1], 1)
    cut_off(made(protocol, kept.folder), PackJob(0, TEXTS, 0), 2)
    kept.remove({IDS[1], IDS[2]})
    kept.write({IDS[1]: older}, 1)
    damaged = kept.folder / f"{IDS[0]}.2"
    blob = bytearray(damaged.read_bytes())
    blob[len(blob) // 2] ^= 1
    damaged.write_bytes(blob)
    assert kept.damaged() == [damaged]
    events = list(made(protocol, kept.folder).run([PackJob(0, TEXTS, 0, first=2)]))
    assert epochs(events) == [(2, 1), (3, 2), (4, 3)], "two from the start, then with the older one, then all"
    [note] = [e for e in events if isinstance(e, Note)]
    assert "does not match its checksum" in note.message
    assert TEXTS[0] in note.message
    assert plain(last(events)) == undisturbed


def test_a_checkpoint_of_other_content_is_none(protocol, undisturbed, tmp_path):
    kept = Checkpoints(tmp_path / "kept")
    kept.write({IDS[0]: b"whole, but of another kind"}, 1)
    events = list(made(protocol, kept.folder).run([PackJob(0, TEXTS, 0)]))
    assert any(isinstance(e, Note) and "no checkpoint of a graph" in e.message for e in events)
    assert plain(last(events)) == undisturbed


def test_short_packs_write_nothing_and_one_may_ask_for_it(protocol, tmp_path):
    executor = made(protocol, tmp_path / "kept", every=300)
    events = list(executor.run([PackJob(0, TEXTS, 0)]))
    assert not (tmp_path / "kept").exists()
    executor.checkpoint_now()
    events = list(executor.run([PackJob(1, TEXTS, 0)]))
    assert [(e.pack, e.epoch) for e in events if isinstance(e, Checkpointed)] == [(1, 1)], "once"


def test_seconds_add_up_over_packs(protocol, tmp_path):
    executor = made(protocol, tmp_path / "kept")
    [paused] = [e for e in executor.run([PackJob(0, TEXTS[:1], 0, until=2)]) if isinstance(e, PackPaused)]
    [done] = [e for e in executor.run([PackJob(1, TEXTS[:1], 0, first=2)]) if isinstance(e, PackDone)]
    assert 0 < paused.trainings[0].wall < done.trainings[0].wall


def test_a_dropped_graph_ends_and_the_others_do_not_feel_it(protocol, undisturbed):
    executor, events = made(protocol), []
    for event in executor.run([PackJob(0, TEXTS, 0)]):
        events.append(event)
        if isinstance(event, EpochDone) and event.epoch == 1:
            executor.drop({IDS[1]})
    found = plain(last(events))
    training, curve = found.pop(TEXTS[1])
    assert (training.state, training.epochs, training.reason) == (State.STOPPED, 1, pack_run.DROPPED)
    assert curve.accuracy == undisturbed[TEXTS[1]][1].accuracy[:1]
    assert found == {text: undisturbed[text] for text in found}


def test_a_pack_of_dropped_graphs_ends_at_once(protocol):
    executor, events = made(protocol), []
    executor.drop({IDS[0]})
    for event in executor.run([PackJob(0, TEXTS[:2], 0)]):
        events.append(event)
        if isinstance(event, EpochDone):
            executor.drop({IDS[1]})
    assert epochs(events) == [(1, 1)], "who was dropped before is not even begun"
    assert [(t.state, t.epochs) for t in last(events).trainings] == [(State.STOPPED, 0), (State.STOPPED, 1)]


def test_time_is_told_within_an_epoch(protocol, monkeypatch):
    monkeypatch.setattr(pack_run, "BEAT", 0.0)
    events = list(made(protocol).run([PackJob(0, TEXTS, 0)]))
    assert sum(isinstance(e, Heartbeat) and e.busy == 1 for e in events) == EPOCHS * protocol.steps_an_epoch()


OUT = RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: can't allocate memory: you tried ...")


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that holds the networks of two graphs."""
    real = trainer.PackModule.forward

    def forward(self, *args):
        if self.size[0] > 2:
            raise OUT
        return real(self, *args)

    monkeypatch.setattr(trainer.PackModule, "forward", forward)


def test_memory_that_runs_out_halves_the_packs_from_then_on(protocol, undisturbed, tight):
    executor = made(protocol)
    events = list(executor.run([PackJob(0, TEXTS, 0), PackJob(1, TEXTS[::-1], 0)]))
    assert [e.graphs for e in events if isinstance(e, PackLimit)] == [2], "and is not tried again"
    ends = [e for e in events if isinstance(e, PackDone)]
    assert plain(ends[0]) == plain(ends[1]) == undisturbed
    assert executor.most == 2


def test_a_graph_for_which_there_is_no_memory_even_alone_fails_alone(protocol, undisturbed, monkeypatch):
    def greedy(name, shape, classes):
        network = build(name, shape, classes)
        if torch.initial_seed() == seed_of(GRAPHS[1]):
            raise MemoryError
        return network

    monkeypatch.setattr(trainer, "build", greedy)
    events = list(made(protocol).run([PackJob(0, TEXTS, 0)]))
    found = plain(last(events))
    failed, _ = found.pop(TEXTS[1])
    assert (failed.state, failed.reason) == (State.FAILED, "MemoryError: ")
    assert found == {text: undisturbed[text] for text in found}


@pytest.mark.parametrize(
    ("error", "expected"),
    [(OUT, True), (MemoryError(), True), (torch.OutOfMemoryError("CUDA out of memory."), True),
     (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False), (ValueError("can't allocate memory"), False)],
)  # fmt: skip
def test_what_counts_as_running_out_of_memory(error, expected):
    assert is_out_of_memory(error) is expected


@pytest.mark.parametrize("most", [1, 2, 3])
def test_any_graph_fits_into_a_smaller_shape(most):
    shape = shape_for(GRAPHS, 4, 2)
    cut = smaller(shape, most)
    assert cut.graphs == most
    assert all(cut.slots[m] <= count for m, count in shape.slots.items())
    packs = fill(GRAPHS, cut)
    assert sorted(place for pack in packs for place in pack) == [0, 1, 2, 3]
    assert max(map(len, packs)) <= most
