"""Shards become the run they are parts of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import StoreError
from engine.space.files import resolved
from engine.space.files.load import load
from engine.store.__main__ import main
from engine.store.check import check
from engine.store.merge import merge
from engine.store.reader import RunReader
from engine.store.records import RunInfo
from engine.store.run import Run
from tests.store.records import curve, run_info, training, trial

SPACE = resolved.dump(load("digits/X"))
MODE = {"pack": 4, "compile": False, "threads": 1, "device": "cpu", "layouts": {"mlp16": "stacked"}}


def info(part: int = 1, of: int = 2, **fields: object) -> RunInfo:
    strategy = {"name": "random", "n": 8, "shard": {"part": part, "of": of, "draws": 8}}
    return run_info(**{"space": SPACE, "strategy": strategy, "mode": MODE, "total": 4, "host": f"node{part}", **fields})


def write(folder: Path, numbers: list[int], made: RunInfo, **changed: object) -> Path:
    with Run.create(folder, made) as run:
        run.add([trial(n) for n in numbers], [training(n, **changed) for n in numbers], [curve(n) for n in numbers])
    return folder


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "a", [0, 2, 4, 6], info(1)), write(tmp_path / "b", [1, 3, 5, 7], info(2))]


def test_shards_become_the_whole(tmp_path: Path, shards: list[Path]) -> None:
    made = merge(tmp_path / "whole", shards)
    assert (made.trials, made.trainings, made.total, made.shared, made.notes) == (8, 8, 8, 0, ())
    assert check(made.folder).is_whole
    with RunReader(made.folder) as reader:
        assert reader.refresh().finished
        assert reader.trials == [trial(n) for n in range(8)]
        assert reader.trainings == {training(n).id: training(n) for n in range(8)}
        assert [reader.curve(training(n).id) for n in range(8)] == [curve(n) for n in range(8)]
        assert reader.info.strategy == {"name": "random", "n": 8}
        assert [(p.name, p.shard, p.host) for p in reader.info.parts] == [("a", "1/2", "node1"), ("b", "2/2", "node2")]


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=1, max_size=12))
def test_overlaps_that_agree_are_kept_once(tmp_path_factory: pytest.TempPathFactory, who: list[set[int]]) -> None:
    root = tmp_path_factory.mktemp("merge")
    parts = [write(root / str(p), [n for n, have in enumerate(who) if p in have], info(p + 1, 3)) for p in range(3)]
    made = merge(root / "whole", parts)
    assert made.shared == sum(len(have) - 1 for have in who)
    with RunReader(made.folder) as reader:
        reader.refresh()
        assert reader.trials == [trial(n) for n in range(len(who))]


def test_overlaps_that_disagree_are_refused(tmp_path: Path, shards: list[Path]) -> None:
    other = write(tmp_path / "c", [6], info(2), accuracy=(12.5, 50.5))
    with pytest.raises(StoreError, match=r"training .*\.6: .*a and .*c disagree about it \(done, accuracy 90\.\d+.*12\.5"):
        merge(tmp_path / "whole", [shards[0], other])
    assert not (tmp_path / "whole").exists()


def test_who_trained_it_and_how_long_it_took_are_no_disagreement(tmp_path: Path, shards: list[Path]) -> None:
    other = write(tmp_path / "c", [6], info(2), wall=9.0, worker="elsewhere", pack=77)
    assert merge(tmp_path / "whole", [shards[0], other]).shared == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"seed": 8}, "seed: 7 / 8"),
        ({"repeats": 2}, "repeats: 1 / 2"),
        ({"strategy": {"name": "random", "n": 9}}, "strategy.n: 8 / 9"),
        ({"space": resolved.dump(load("digits/X").with_protocol({"epochs": 3}))}, "protocol.epochs: 30 / 3"),
        ({"space": resolved.dump(load("digits/C"))}, "space.constraints"),
    ],
)
def test_a_part_of_another_search_is_refused(tmp_path: Path, shards: list[Path], fields: dict, told: str) -> None:
    other = write(tmp_path / "c", [9], info(2, **fields))
    with pytest.raises(StoreError, match="not a part of the same search") as caught:
        merge(tmp_path / "whole", [shards[0], other], mixed=True)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"mode": MODE | {"device": "cuda"}}, "mode.device: cpu / cuda"),
        ({"versions": {"torch": "9"}}, "versions.torch: None / 9"),
    ],
)
def test_differing_bits_need_a_word(tmp_path: Path, shards: list[Path], fields: dict, told: str) -> None:
    other = write(tmp_path / "c", [9], info(2, **fields))
    with pytest.raises(StoreError, match="--mixed") as caught:
        merge(tmp_path / "whole", [shards[0], other])
    assert told in str(caught.value)
    made = merge(tmp_path / "whole", [shards[0], other], mixed=True)
    assert any(told in note for note in made.notes)


def test_the_pack_is_no_difference_unless_compiled(tmp_path: Path, shards: list[Path]) -> None:
    other = write(tmp_path / "c", [9], info(2, mode=MODE | {"pack": 64, "reason": "measured"}))
    assert merge(tmp_path / "whole", [shards[0], other]).trials == 5


def test_what_is_missing_is_said(tmp_path: Path, shards: list[Path]) -> None:
    other = write(tmp_path / "c", [9], info(4, of=5))
    third = write(tmp_path / "d", [10], info(2, of=5))
    assert merge(tmp_path / "whole", [other, third]).notes == (
        f"{other}: 1 of its 4 trials are recorded", f"{third}: 1 of its 4 trials are recorded",
        "no part is shard 1/5, 3/5, 5/5",
    )  # fmt: skip


def test_command(tmp_path: Path, shards: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(shard) for shard in shards]
    assert main(["merge", str(tmp_path / "whole"), *names]) == 0
    assert "8 of 8 trials, 8 trainings of 2 parts" in capsys.readouterr().out
    assert main(["merge", str(tmp_path / "again"), *names, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 8
    assert main(["merge", str(tmp_path / "whole"), *names]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main(["merge", str(tmp_path / "new"), names[0], names[0]]) == 2
    assert "two different run folders" in capsys.readouterr().err
    assert main(["merge", str(tmp_path / "new"), names[0], str(tmp_path / "nowhere")]) == 2
    assert "no such run folder" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
