"""Phrases over codes against `Space.satisfies`, graph by graph."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.conditions import CONDITIONS, by_phrase, find, split
from engine.analysis.constraint_mask import holding
from engine.analysis.sample import sample
from engine.space.constraints import PhraseError
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.space import Space
from tests.analysis.made import PROTOCOL, simulated

PHRASES = (
    "m[aux] = mlp96", "L[2,1] = through and L[2,3] = cutoff", "L[2,1] = L[3,1]", "count(L[*,*] = cutoff) <= 3",
    "any of L[aux,1] = through", "none of L[y,aux] = cutoff", "not L[y,1] = cutoff or m[2] != m[3]", "taught",
    "pretrained = some", "pretrained = node 2", "m[2] = mlp12 and L[y,2] = linear",
)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    file: Path = tmp_path_factory.mktemp("spaces") / "A.json"
    file.write_text(json.dumps({
        "name": "A", "nodes": 3, "models": {"1": "mlp12", "aux": ["mlp12", "mlp96"]},
        "gates": ["through", "cutoff", "linear"], "protocol": {"data": "digits", "train": 512, "validation": 988},
    }))
    return load(file)


@pytest.mark.parametrize("text", PHRASES)
def test_rows_kept_are_those_the_space_keeps(text: str, space: Space) -> None:
    table = sample(simulated(250, 3), PROTOCOL, name="A")
    phrase = space.parse(text)
    kept = holding(table, space, [phrase])
    assert kept.tolist() == [space.satisfies(Graph.parse(t.graph), [phrase]) for t in table.trials]
    assert 0 < kept.sum() <= 250


@pytest.mark.parametrize("condition", [c for c in CONDITIONS if c != "target-model"])
def test_a_values_phrase_keeps_exactly_its_rows(condition: str, space: Space) -> None:
    table = sample(simulated(400, 4), PROTOCOL, name="A")
    parted = split(table, find(condition))
    for i, value in enumerate(parted.values):
        assert value.phrase is not None
        assert (holding(table, space, [space.parse(value.phrase)]) == parted.mask(i)).all()


def test_a_split_by_phrase_parts_the_sample(space: Space) -> None:
    parted = by_phrase(sample(simulated(200, 5), PROTOCOL, name="A"), "Ly2 = through", space)
    assert [v.label for v in parted.values] == ["L[y,2] = through", "not: L[y,2] = through"]
    assert [v.phrase for v in parted.values] == ["L[y,2] = through", None]
    assert parted.sizes().sum() == 200


def test_a_phrase_that_cannot_be_read_points_at_its_place(space: Space) -> None:
    with pytest.raises(PhraseError, match="mpl96"):
        by_phrase(sample(simulated(5, 5), PROTOCOL, name="A"), "m[aux] = mpl96", space)


def test_a_what_if_of_ten_thousand_trials_keeps_up_with_a_keyboard(space: Space) -> None:
    base = simulated(1000, 7)
    table = sample([t for _ in range(10) for t in base], PROTOCOL, name="A")
    phrases = [space.parse(text) for text in PHRASES]
    slowest = max(min(_seconds(table, space, [p]) for _ in range(3)) for p in phrases)
    assert slowest < 0.05


def _seconds(table: object, space: Space, phrases: list) -> float:
    start = time.process_time()
    mask = holding(table, space, phrases)  # type: ignore[arg-type]
    assert isinstance(mask, np.ndarray)
    return time.process_time() - start
