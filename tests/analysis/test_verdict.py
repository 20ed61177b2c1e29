"""Verdicts on pairs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.analysis.conditions import find, split
from engine.analysis.edf import Edf
from engine.analysis.sample import sample
from engine.analysis.verdict import Verdict, against_rest, plateau, verdict
from tests.analysis.made import PROTOCOL, simulated


def spaced(distribution: object, n: int, label: str, **fields: float) -> Edf:
    """n graphs at the distribution's own quantiles: a sample without luck."""
    return Edf(label, distribution.ppf((np.arange(n) + 0.5) / n), **fields)  # type: ignore[attr-defined, arg-type]


def mixture(n: int, label: str) -> Edf:
    good = spaced(stats.norm(10, 0.5), n // 2, label).errors
    return Edf(label, np.concatenate([good, spaced(stats.norm(25, 1), n - n // 2, label).errors]))


def test_a_curve_above_everywhere_dominates() -> None:
    found = verdict(spaced(stats.norm(10, 1), 300, "mlp96"), spaced(stats.norm(12, 1), 300, "the others"))
    assert (found.kind, found.leader) == ("dominates", "mlp96")
    assert found.sentence.startswith("mlp96 (n = 300) dominates the others (n = 300) between 8.")
    assert found.area > 0
    assert all(q.high < 0 for q in found.quantiles)


def test_the_leader_may_be_the_second() -> None:
    assert verdict(spaced(stats.norm(12, 1), 300, "a"), spaced(stats.norm(10, 1), 300, "b")).leader == "b"


def test_curves_of_one_area_that_cross_are_told_apart() -> None:
    found = verdict(spaced(stats.norm(12, 3), 400, "wide"), spaced(stats.norm(12, 1), 400, "narrow"))
    assert found.kind == "crosses"
    assert len(found.crossings) == 1
    assert found.crossings[0] == pytest.approx(12.0, abs=0.1)
    assert found.sentence.endswith("wide leads below, narrow above")
    assert abs(found.area) < 0.05


def test_a_good_part_in_a_bad_space_is_a_mixture() -> None:
    found = verdict(mixture(300, "cutoff"), spaced(stats.norm(14, 2), 300, "the others"))
    assert (found.kind, found.leader) == ("mixture", "cutoff")
    (label, part), = found.plateaus
    assert label == "cutoff"
    assert part.below == pytest.approx(0.5, abs=0.05)
    assert 10 < part.low < part.high < 26


def test_a_mixture_that_is_behind_at_its_foot_is_no_find() -> None:
    assert verdict(mixture(300, "late"), spaced(stats.norm(7, 1), 300, "the others")).kind == "dominates"


def test_equal_curves_are_alike_with_many_graphs_and_not_settled_with_few() -> None:
    many = verdict(spaced(stats.norm(10, 1), 40_000, "a"), spaced(stats.norm(10, 1), 40_000, "b"))
    assert many.kind == "alike"
    few = verdict(spaced(stats.norm(10, 1), 1500, "a"), spaced(stats.norm(10, 1), 1500, "b"))
    assert few.kind == "not settled"
    assert few.more is not None
    n = 1500 + few.more
    assert verdict(spaced(stats.norm(10, 1), n, "a"), spaced(stats.norm(10, 1), n, "b")).kind == "alike"


def test_the_number_wanted_settles_it() -> None:
    def at(n: int) -> Verdict:
        return verdict(spaced(stats.norm(10.0, 1), n, "a"), spaced(stats.norm(10.4, 1), n, "b"))

    first = at(150)
    assert first.kind == "not settled"
    assert first.more is not None
    factor = 1 + first.more / 300
    assert at(int(150 * factor * 0.8)).difference.lower.max() <= 0
    assert at(int(150 * factor * 1.1)).difference.lower.max() > 0


@pytest.mark.parametrize("distribution", [stats.norm(10, 2), stats.expon(10, 3), stats.lognorm(1, 8),
                                          stats.uniform(5, 9)])
def test_one_hump_has_no_plateau(distribution: object) -> None:
    rng = np.random.default_rng(0)
    found = [plateau(Edf("a", np.sort(distribution.rvs(60, random_state=rng)))) for _ in range(300)]  # type: ignore[attr-defined]
    assert sum(p is not None for p in found) <= 2


def test_equal_spaces_yield_no_verdict_more_often_than_promised() -> None:
    rng = np.random.default_rng(4)
    kinds = [verdict(Edf("a", np.sort(rng.normal(10, 2, 60))), Edf("b", np.sort(rng.normal(10, 2, 200)))).kind
             for _ in range(300)]
    assert kinds.count("dominates") + kinds.count("crosses") < 29
    assert kinds.count("mixture") <= 3


def test_every_value_of_a_condition_is_held_against_the_rest() -> None:
    table = sample(simulated(600, 0, lambda g: 3.0 * g.models.count("mlp12")), PROTOCOL, name="A")
    verdicts = against_rest(split(table, find("a")))
    assert None not in verdicts
    assert (verdicts[0].kind, verdicts[0].leader) == ("dominates", "the rest")
    assert (verdicts[2].kind, verdicts[2].leader) == ("dominates", "mlp96 + mlp96")
    assert verdicts[0].difference.coverage == pytest.approx(1 - 0.05 / 3)


def test_exhausted_spaces_need_no_more_trials() -> None:
    curves = (spaced(stats.norm(10, 1), 60, "a", fraction=1.0), spaced(stats.norm(10, 1), 60, "b", fraction=1.0))
    assert verdict(*curves).kind == "alike"


@pytest.mark.parametrize(("images", "said"), [(0, "; medians equal (an image of 476: 0.21 points)"), (3, "")])
def test_the_resolution_is_named_where_medians_are_less_than_three_images_apart(images: int, said: str) -> None:
    a = np.arange(40, 80, dtype=float) * 100 / 476
    sentence = verdict(Edf("a", a, images=476), Edf("b", a + images * 100 / 476, images=476)).sentence
    assert sentence.endswith(said)
    assert ("image" in sentence) is bool(said)


def test_two_images_are_told_in_points_and_means_have_a_finer_resolution() -> None:
    a = np.arange(40, 80, dtype=float) * 100 / 476
    ends = verdict(Edf("a", a, images=476), Edf("b", a + 200 / 476, images=476)).sentence
    assert ends.endswith("; medians 0.42 points apart (an image of 476: 0.21 points)")
    means = verdict(Edf("a", a, images=476, averaged=5), Edf("b", a + 200 / 476, images=476, averaged=5)).sentence
    assert means.endswith("(an image of 476: 0.21 points, in a mean of 5 repeats 0.042)")
    assert "image" not in verdict(Edf("a", a), Edf("b", a)).sentence, "nothing is known of the images"
