"""Halves of samples whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.analysis.advice.candidates import candidates
from engine.analysis.advice.lift import scores
from engine.analysis.advice.stability import AT_ONCE, _halved, stability
from engine.analysis.sample import sample
from engine.errors import AnalysisError
from tests.analysis.made import PROTOCOL, simulated


def test_a_clear_effect_is_chosen_by_every_half() -> None:
    found = stability(sample(simulated(500, 0, lambda g: 4.0 * g.models.count("mlp12")), PROTOCOL, name="A"))
    assert found.choices == (("m[aux] = mlp96", 1.0),)
    assert found.seen == pytest.approx(found.unseen, abs=0.05)


def test_without_effect_the_choice_wanders_and_flatters_itself() -> None:
    found = stability(sample(simulated(200, 1), PROTOCOL, name="A"))
    assert sum(share for _, share in found.choices) == pytest.approx(1.0)
    assert found.choices[0][1] < 0.9
    assert found.seen > found.unseen + 0.05


def test_a_half_is_judged_as_if_it_were_the_sample() -> None:
    table = sample(simulated(300, 2), PROTOCOL, name="A")
    score, masks = scores(table.errors), np.stack([c.mask for c in candidates(table)], axis=1).astype(float)
    value, _, other = _halved(score, masks, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    for row in range(AT_ONCE):
        half = np.zeros(300, bool)
        half[rng.permutation(300)[:150]] = True
        for column in (0, 5):
            kept = masks[:, column] > 0
            assert value[row, column] == pytest.approx(score[half & kept].mean() - score[half].mean())
            assert other[row, column] == pytest.approx(score[~half & kept].mean() - score[~half].mean())


def test_too_few_graphs_are_refused() -> None:
    with pytest.raises(AnalysisError, match="too few to halve"):
        stability(sample(simulated(30, 0), PROTOCOL, name="A"))
