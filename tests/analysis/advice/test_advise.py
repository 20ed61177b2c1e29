"""Advice where the truth is known: brute force, false alarms, and effects that must be found."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from engine.analysis.advice.advise import advise, quantile_interval, reason
from engine.analysis.advice.candidates import candidates
from engine.analysis.advice.lift import lifts, looks, scores
from engine.analysis.conditions import FIVE
from engine.analysis.constraint_mask import holding
from engine.analysis.edf import Edf
from engine.analysis.sample import Sample, sample
from engine.errors import AnalysisError
from engine.space.files.load import load
from engine.space.graph import Graph
from tests.analysis.made import PROTOCOL, simulated


def table(n: int, seed: int = 0, **how: object) -> Sample:
    return sample(simulated(n, seed, **how), PROTOCOL, name="A")  # type: ignore[arg-type]


def models_matter(drawn: Graph) -> float:
    return 2.0 * drawn.models[1:].count("mlp12")


def test_candidates_keep_what_their_phrases_keep(tmp_path: Path) -> None:
    file = tmp_path / "A.json"
    file.write_text(json.dumps({
        "name": "A", "nodes": 3, "models": {"1": "mlp12", "aux": ["mlp12", "mlp96"]},
        "gates": ["through", "cutoff", "linear"], "protocol": {"data": "digits", "train": 512, "validation": 988},
    }))
    space, rows = load(file), table(300)
    found = candidates(rows)
    # (a) 2 + 1 mixed; (b), (d) 3 + 3 pairs + 3 mixed; (c) 3 + 3 pairs; (e) 2
    assert [sum(c.condition is condition for c in found) for condition in FIVE] == [3, 9, 6, 9, 2]
    for candidate in found:
        assert (holding(rows, space, [space.parse(candidate.phrase)]) == candidate.mask).all(), candidate.phrase


def test_a_lift_is_its_definition() -> None:
    rows = table(400, 1, error_of=models_matter)
    tenth, median = np.quantile(rows.errors, [0.1, 0.5], method="inverted_cdf")
    advised = advise(rows)
    for advice in advised.ranked:
        kept = rows.errors[advice.candidate.mask]
        expected = ((kept <= tenth).mean() - 0.1) / 0.9 / 2 + ((kept <= median).mean() - 0.5) / 0.5 / 2
        assert advice.lift.value == pytest.approx(expected)


def test_errors_of_lifts_are_those_of_a_bootstrap_or_larger() -> None:
    """Larger for a constraint whose rows are all bad: none of few says less than none of many."""
    rows = table(500, 2, error_of=models_matter)
    score, masks = scores(rows.errors), np.stack([c.mask for c in candidates(rows)], axis=1).astype(float)
    found = lifts(score, masks, coverage=0.95, fraction=0.0, looked=1)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(600):
        rows_again = rng.integers(0, 500, 500)
        y, m = score[rows_again], masks[rows_again]
        drawn.append(y @ m / m.sum(axis=0) - y.mean())
    times = found.error / np.std(drawn, axis=0)
    assert times.min() > 0.9
    assert times.max() < 1.6
    assert np.median(times) == pytest.approx(1.0, abs=0.1)


def test_no_effect_is_rarely_advised_and_the_winner_is_held_to_its_truth() -> None:
    """Without effect every lift is 0, the winner's too: seen, it is flattered; its interval must know it."""
    rows = table(150)
    masks = np.stack([c.mask for c in candidates(rows) if 10 <= c.n <= 140], axis=1).astype(float)
    rng = np.random.default_rng(1)
    wrong, winners = 0, []
    for seed in range(200):
        found = lifts(scores(rng.normal(size=150)), masks, coverage=0.95, fraction=0.0, looked=1, seed=seed)
        wrong += bool((found.low > 0).any() or (found.high < 0).any())
        winners.append(found.value.max())
    assert wrong <= 10 + 9  # 5 % of 200, and three standard errors
    assert np.mean(winners) > 0.05


@pytest.mark.parametrize("kind", ["1 in 20 good", "half good", "22 values", "one outlier"])
def test_no_effect_is_rarely_advised_where_errors_tie(kind: str) -> None:
    """With 1 graph in 20 good, a constraint that keeps 30 rows often keeps none of them: that is no evidence."""
    rows = table(560, 8)
    masks = np.stack([c.mask for c in candidates(rows) if 10 <= c.n <= 550], axis=1).astype(float)
    rng = np.random.default_rng(2)
    wrong = 0
    for seed in range(100):
        errors = {"1 in 20 good": (rng.random(560) > 0.05).astype(float), "half good": rng.integers(0, 2, 560).astype(float),
                  "22 values": np.minimum(rng.binomial(60, 0.2, 560), 21).astype(float),
                  "one outlier": (rng.permutation(560) > 0).astype(float)}[kind]
        found = lifts(scores(errors), masks, coverage=0.95, fraction=0.0, looked=1, seed=seed)
        wrong += bool((found.low > 0).any() or (found.high < 0).any())
    assert wrong <= 5 + 7  # 5 % of 100, and three standard errors


def test_a_real_effect_comes_first_and_says_why() -> None:
    advised = advise(table(600, 3, error_of=models_matter))
    first = advised.ranked[0]
    assert (first.phrase, first.is_sure) == ("m[aux] = mlp96", True)
    assert first.child.label == "m[aux] = mlp96"
    assert reason(first, advised).startswith(f"of {first.child.n} graphs ")
    assert "surely worse" in reason(advised.ranked[-1], advised)
    assert all(a.lift.low >= b.lift.low for a, b in zip(advised.ranked, advised.ranked[1:], strict=False))


def test_regret_counts_what_is_thrown_away() -> None:
    rows = table(300, 4, error_of=models_matter)
    order = np.argsort(rows.errors)
    for advice in advise(rows).ranked:
        lost = ~advice.candidate.mask
        assert advice.regret.top1.value == lost[order[:3]].mean()
        assert advice.regret.top5.value == pytest.approx(lost[order[:15]].mean())
        interval = stats.binomtest(int(lost[order[:15]].sum()), 15).proportion_ci(0.95, "exact")
        assert (advice.regret.top5.low, advice.regret.top5.high) == pytest.approx((interval.low, interval.high))
        assert advice.regret.best_lost == lost[order[0]]
        assert advice.regret.best == rows.errors.min()


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_quantile_intervals_hold_the_quantile_as_often_as_promised(share: float) -> None:
    rng = np.random.default_rng(2)
    truth = stats.norm.ppf(share)
    found = [quantile_interval(Edf("a", np.sort(rng.normal(size=60))), share) for _ in range(800)]
    assert np.mean([i.low <= truth <= i.high for i in found]) > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 800)
    assert np.mean([i.high - i.low for i in found]) < 1.2


def test_an_order_that_turns_round_is_named() -> None:
    def crossed(drawn: Graph) -> float:
        both = drawn.models[1:] == ("mlp96", "mlp96")
        return -2.0 * both if drawn.gate(0, 1) != "cutoff" else 3.0 * both

    advised = advise(table(1500, 5, error_of=crossed))
    advice = next(a for a in advised.ranked if a.phrase == "m[aux] = mlp96")
    assert advice.interaction is not None
    assert (advice.interaction.condition, advice.interaction.level) == ("L[y,1]", "cutoff")
    assert "the order turns round where L[y,1] is cutoff" in reason(advice, advised)


def test_an_effect_that_holds_everywhere_names_no_interaction() -> None:
    advised = advise(table(1500, 6, error_of=models_matter))
    assert sum(a.interaction is not None for a in advised.ranked if a.is_sure) == 0


def test_an_exhausted_space_is_sure_of_itself() -> None:
    rows = sample(simulated(400, 7), PROTOCOL, name="X", population=400)
    first = advise(rows).ranked[0]
    assert first.lift.low == first.lift.value == first.lift.high
    assert first.median.low == first.median.high
    assert first.beyond == 0


def test_looks_double() -> None:
    assert [looks(n) for n in (3, 50, 99, 100, 600, 2500)] == [1, 1, 1, 2, 4, 6]


def test_too_few_graphs_are_refused() -> None:
    with pytest.raises(AnalysisError, match="A: 15 graphs are too few for advice"):
        advise(table(15))
