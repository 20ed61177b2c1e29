"""What the automatic person decides, where the truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.analysis.advice.advise import advise
from engine.analysis.sample import Sample, sample
from engine.errors import AnalysisError
from engine.refine.rule import DEAR, decide
from engine.space.space import Space
from tests.analysis.folders import effect, records, space_named


def seen(name: str, n: int, error_of=effect, seed: int = 0) -> tuple[Sample, Space]:
    space = space_named(name)
    trials, _, _ = records(space, space.sample(n, seed), error_of=error_of)
    return sample(trials, space.protocol, name=name), space


def test_the_largest_effect_is_chosen_surely_and_its_reason_told() -> None:
    made, space = seen("digits/A", 400, lambda g: 4.0 * (g.gate(0, 1) == "cutoff") + 2.0 * (g.gate(0, 1) == "linear"))
    found = decide(made, space)
    assert (found.phrase, found.sure) == ("L[y,1] = through", True)
    kept = np.array([t.graph.partition("| ")[2].startswith("y>1 through") for t in made.trials])
    assert (found.n, found.kept) == (len(made), int(kept.sum()))
    assert f"of {found.kept} graphs" in found.reason
    assert found.keys < space.keys


def test_without_any_effect_something_is_chosen_and_said_to_be_unsure() -> None:
    made, space = seen("digits/C", 150, lambda g: 0.0, seed=3)
    found = decide(made, space)
    assert not found.sure
    assert "no sure gain" in found.reason


def test_what_throws_the_best_away_is_passed_over_while_there_is_another() -> None:
    for seed in range(6):
        made, space = seen("digits/B", 120, lambda g: 0.0, seed=seed)
        ranked = advise(made).ranked
        found = decide(made, space)
        if any(a.regret.top5.value <= DEAR for a in ranked):
            assert found.lost <= DEAR
        best = max((a for a in ranked if a.regret.top5.value <= DEAR), key=lambda a: a.lift.low)
        assert found.phrase == best.phrase


def test_the_child_lies_in_the_space_it_narrows() -> None:
    made, space = seen("digits/C", 200)
    found = decide(made, space)
    child = [g for g in space.enumerate() if space.satisfies(g, [space.parse(found.phrase)])]
    assert len(child) == found.keys


def test_equal_graphs_decide_nothing() -> None:
    space = space_named("digits/A")
    trials, _, _ = records(space, space.sample(300, 0), error_of=lambda g: 0.0, noise=0.0)
    with pytest.raises(AnalysisError, match=r"A: all \d+ graphs end at 10\.00 % error, so there is no advice"):
        decide(sample(trials, space.protocol, name="A"), space)


def test_too_few_trials_decide_nothing(tmp_path: Path) -> None:
    made, space = seen("digits/X", 8)
    with pytest.raises(AnalysisError, match="too few"):
        decide(made, space)
