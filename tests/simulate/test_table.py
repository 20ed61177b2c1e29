"""Tables: what is built from a run, kept in a file and read back."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from engine.errors import StoreError
from engine.simulate.build_table import _without_folder, build
from engine.simulate.table import DEFAULT, ENDING, INVALID, NOTHING, UNTAUGHT, Table, load, save, shipped
from engine.space.files.load import load as find
from engine.space.graph import Graph
from engine.store.reader import RunReader
from engine.store.run import Run
from tests.simulate.made import run, small, table


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    made = table(small(tmp_path))
    assert (made.right == NOTHING).any()
    assert save(made, tmp_path / "t") == (tmp_path / "t").stat().st_size
    again = load(tmp_path / "t")
    assert again.info == made.info
    for name in ("rows", "form", "right"):
        assert np.array_equal(getattr(again, name), getattr(made, name))


def test_extreme_counts_survive(tmp_path: Path) -> None:
    made = table(small(tmp_path))
    draw = np.random.default_rng(1)
    made.right[:] = draw.choice([0, 1, 32767, 32768, 65534, NOTHING], made.right.shape)
    save(made, tmp_path / "t")
    assert np.array_equal(load(tmp_path / "t").right, made.right)


def test_every_graph_of_the_space_has_its_form(tmp_path: Path) -> None:
    space = small(tmp_path)
    made = table(space)
    graphs = list(space.enumerate())
    assert len(made.rows) == len(graphs) == 72
    by_form: dict[int, set] = {}
    for graph in graphs:
        place = made.place(graph)
        assert made.graph(place) == graph
        form, effective = int(made.form[place]), graph.effective().graph
        expected = INVALID if effective is None else UNTAUGHT if not effective.is_taught else None
        assert (form if form < 0 else None) == expected
        if form >= 0:
            by_form.setdefault(form, set()).add(effective)
    assert all(len(same) == 1 for same in by_form.values())
    assert len(by_form) == made.info.forms < 60


def test_a_graph_of_another_space_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not hold"):
        table(small(tmp_path)).place(Graph.parse("1:mlp16 2:mlp96 3:mlp96 | y>1 through"))


def test_a_run_folder_becomes_the_table_of_its_results(tmp_path: Path) -> None:
    made = table(small(tmp_path))
    run(tmp_path / "run", made)
    found = build(tmp_path / "run")
    assert np.array_equal(found.right, made.right)
    assert np.array_equal(found.form, made.form)
    assert found.info.seconds == pytest.approx(0.01)
    assert build(tmp_path / "run", repeats=2).right.shape[1] == 2


def test_the_command_is_kept_without_the_folder() -> None:
    told = "python -m engine.search digits/B --exhaustive"
    assert _without_folder(f"{told} --run '/home/me/my runs/B' --seed 0") == f"{told} --seed 0"
    assert _without_folder(told) == told
    assert all("/" not in load(name).info.command.replace(name, "") for name in shipped())


def test_only_whole_passes_are_taken_and_what_is_missing_is_said(tmp_path: Path) -> None:
    made = table(small(tmp_path))
    run(tmp_path / "run", made)
    with Run.open(tmp_path / "run") as held:
        rows = held.storage.rows("trainings")
        last = next(row for row, text in rows.items() if b'.2"' in bytes(text))
        held.storage.commit({"trainings": {last: None}})
    with RunReader(tmp_path / "run") as reader:
        reader.refresh()
        assert len(reader.trainings) == made.info.forms * 3 - 1
    assert build(tmp_path / "run").info.repeats == 2
    with pytest.raises(StoreError, match=rf"2 whole passes .* needs 3 \(repeat 2 lacks 1 of {made.info.forms} trainings\)"):
        build(tmp_path / "run", repeats=3)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    save(table(small(tmp_path)), tmp_path / "t")
    whole = (tmp_path / "t").read_bytes()
    (tmp_path / "damaged").write_bytes(whole[:-3] + b"abc")
    (tmp_path / "other").write_bytes(b"PK")
    for name, told in (("damaged", "its checksum differs"), ("other", "not a table"), ("none", "cannot be read")):
        with pytest.raises(StoreError, match=told):
            load(tmp_path / name)


def test_errors_elsewhere_leave_out_the_repeat_that_was_seen(tmp_path: Path) -> None:
    made = table(small(tmp_path))
    made.right[:] = np.minimum(made.right, 200)
    seen = made.errors
    assert made.elsewhere(3, 1) == pytest.approx((seen[3, 0] + seen[3, 2]) / 2)
    one = table(small(tmp_path), repeats=1)
    assert one.elsewhere(3, 0) == one.errors[3, 0]


@pytest.mark.parametrize("name", shipped())
def test_shipped_tables_are_whole_and_small(name: str) -> None:
    made = load(name)
    space = find(name)
    assert made.space.differs(space) == []
    assert len(made.rows) == space.keys
    assert made.info.forms == space.counts().effective - len(untaught(made))
    assert {*range(made.info.forms)} == {*made.form[made.form >= 0].tolist()}
    assert not (made.right == NOTHING).any()
    assert int(made.right.max()) <= space.protocol.validation
    folder = resources.files("engine.simulate")
    assert sum(len(f.read_bytes()) for f in folder.iterdir() if f.name.endswith(ENDING)) < 1_000_000


def untaught(made: Table) -> set[Graph]:
    """Effective forms that no label reaches."""
    forms = (made.graph(int(place)).effective().graph for place in np.flatnonzero(made.form == UNTAUGHT))
    return {form for form in forms if form is not None}


def test_a_table_is_shipped() -> None:
    assert DEFAULT in shipped()
