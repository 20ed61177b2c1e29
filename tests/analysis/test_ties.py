"""Equal errors: nothing the analysis says depends on the order of trials, nor on which of equal graphs comes first."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from itertools import permutations
from statistics import fmean
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis import to_json
from engine.analysis.advice.advise import advise
from engine.analysis.advice.lift import scores
from engine.analysis.advice.regret import regret
from engine.analysis.advice.stability import stability
from engine.analysis.bands import KINDS, band, passes
from engine.analysis.conditions import CONDITIONS, Split, Value, crossed, split
from engine.analysis.diagnostics.certificate import certify
from engine.analysis.edf import by_pass, of_sample, of_trials
from engine.analysis.importance import importance, winners
from engine.analysis.neighbours import Known, neighbours
from engine.analysis.ranking import rank
from engine.analysis.repeats.noise import noise
from engine.analysis.repeats.paired import paired
from engine.analysis.sample import Sample, sample
from engine.analysis.ties import Place, cut, mid_ranks, part_of_best, places
from engine.analysis.verdict import against_rest
from engine.errors import AnalysisError
from engine.space.graph import Graph
from engine.store.files.evaluations import FRESH, Evaluation
from engine.store.records import RunInfo, State, Trial
from tests.analysis.folders import space_named
from tests.analysis.made import GATES, PROTOCOL, graph, simulated

SPACE = space_named("digits/A")
VALIDATION = PROTOCOL.validation
INFO = RunInfo(name="A", space={}, strategy={"name": "random"}, seed=3, mode={})


def of_images(trials: Sequence[Trial], wrong: Sequence[int]) -> list[Trial]:
    """The trials with so many images wrong."""
    accuracies = [100.0 * (VALIDATION - k) / VALIDATION for k in wrong]
    return [msgspec.structs.replace(t, accuracy=(a, *t.accuracy[1:])) for t, a in zip(trials, accuracies, strict=True)]


def run_of(errors: Sequence[int], repeats: int = 1, seed: int = 0) -> list[Trial]:
    """Different graphs, `errors[i]` images wrong of the i-th in the first pass and one more in each later one."""
    unique = list({t.key: t for t in simulated(3 * len(errors) + 20, seed)}.values())[: len(errors)]
    assert len(unique) == len(errors)
    first = of_images(unique, errors)
    more = (of_images(first, [k + r * (i % 2) for i, k in enumerate(errors)]) for r in range(1, repeats))
    every = [*first, *(msgspec.structs.replace(t, repeat=r) for r, held in enumerate(more, 1) for t in held)]
    return [msgspec.structs.replace(t, number=n, training=f"{t.key}.{t.repeat}") for n, t in enumerate(every)]


def evaluated(trials: Sequence[Trial]) -> list[Evaluation]:
    """Three graphs trained again twice."""
    return [
        Evaluation(key=t.key, graph=t.graph, repeat=FRESH + r, seed=0, state=State.DONE, epochs=1,
                   accuracy=((t.accuracy[0] or 0) - 1.5 + r, *t.accuracy[1:]))
        for t in trials[:3] for r in range(2)
    ]  # fmt: skip


def said(call: Callable[[], Any]) -> Any:
    """What a function says, or why it says nothing."""
    try:
        return call()
    except AnalysisError as error:
        return str(error)


def everything(trials: Sequence[Trial], evaluations: Sequence[Evaluation] = ()) -> dict[str, Any]:
    """Every number, interval, verdict, advice and importance of a run, as plain data."""
    table = sample(trials, PROTOCOL, name="A", population=SPACE.keys)
    found: dict[str, Any] = {
        "edf": to_json.edf(of_sample(table)), "of trials": to_json.edf(of_trials(trials, PROTOCOL, "A")),
        "passes": [to_json.edf(e) for e in by_pass(table)], "range of passes": numbers(passes(by_pass(table))),
        "bands": [numbers(band(of_sample(table), kind=kind)) for kind in KINDS],
        "noise": said(lambda: asdict(noise(table))),
        "best": to_json.best(rank(trials, SPACE, INFO, evaluations).best),
        "graphs": [asdict(replace(r, graph=None))  # type: ignore[arg-type]
                   for r in rank(trials, SPACE, INFO, evaluations).graphs()],
        "means": said(lambda: to_json.edf(of_sample(table.over_repeats()))),
        "certificate": asdict(certify([Graph.parse(t.graph) for t in sorted(trials, key=lambda t: t.key)[1:]], trials, {}, 1)),
    }
    first, second = sorted({t.key for t in trials})[:2]
    found["paired"] = said(lambda: asdict(paired(trials, first, second)))
    known = Known(trials)
    found["neighbours"] = [(str(n.edge), n.gate, n.error, n.state) for n in neighbours(graph(), [GATES] * 9, known)]
    for rows in (table, said(table.over_repeats)):
        found |= {f"{rows.averaged} {what}": value for what, value in of_rows(rows).items()}
    return found


def of_rows(table: Sample) -> dict[str, Any]:
    """Everything that is asked of a sample."""
    splits = [split(table, c) for c in CONDITIONS.values()]
    steps: dict[str, Callable[[], Any]] = {
        "advice": lambda: to_json.advised(advised := advise(table), [_Step()] * len(advised.ranked)),  # type: ignore[list-item]
        "importance": lambda: to_json.importance(importance(table)),
        "stability": lambda: to_json.stability(stability(table)),
    }
    return {
        **{what: said(call) for what, call in steps.items()},
        "conditions": [to_json.split(s, against_rest(s)) for s in splits],
        "crossed": [to_json.edf(e) for _, part in crossed(splits[0], splits[2]) for e in part.edfs()],
        "winners": to_json.winners(winners(table, splits, [s.title for s in splits])),
    }


class _Step:
    """Stands for a next step, whose subject is the space."""

    __dataclass_fields__: ClassVar[dict[str, Any]] = {}


def numbers(found: Any) -> dict[str, Any]:
    return {name: np.asarray(value).tolist() for name, value in vars(found).items()}


def same(a: Any, b: Any, where: str = "") -> None:
    """Equal, numbers to 1e-12."""
    if isinstance(a, float) and isinstance(b, float):
        assert a == pytest.approx(b, abs=1e-12, rel=1e-12, nan_ok=True), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            same(a[key], b[key], f"{where} / {key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where} / {i}")
    else:
        assert a == b, where


KINDS_OF_RUN = {
    "untied": lambda rng, n: rng.permutation(4 * n)[:n],
    "22 values": lambda rng, n: np.minimum(rng.binomial(60, 0.3, n), 22),
    "two values": lambda rng, n: rng.integers(20, 22, n),
    "a crowd at the best": lambda rng, n: np.maximum(rng.integers(-20, 30, n), 0),
    "one outlier": lambda rng, n: np.append([0], np.full(n - 1, 30)),
    "equal": lambda rng, n: np.full(n, 30),
}


@pytest.mark.parametrize("kind", KINDS_OF_RUN)
@pytest.mark.parametrize("repeats", [1, 2])
def test_the_order_of_trials_changes_nothing(kind: str, repeats: int) -> None:
    rng = np.random.default_rng(len(kind))
    trials = run_of(KINDS_OF_RUN[kind](rng, 130).tolist(), repeats)
    first = everything(trials, evaluated(trials))
    for _ in range(3):
        order = rng.permutation(len(trials))
        shuffled = [msgspec.structs.replace(trials[i], number=n) for n, i in enumerate(order)]
        same(first, everything(shuffled, evaluated(trials)))


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(0, 6), min_size=12, max_size=40), st.integers(1, 2), st.randoms(use_true_random=False))
def test_the_order_of_any_trials_changes_nothing(errors: list[int], repeats: int, random: Any) -> None:
    trials = run_of(errors, repeats)
    order = random.sample(range(len(trials)), len(trials))
    shuffled = [msgspec.structs.replace(trials[i], number=n) for n, i in enumerate(order)]
    same(everything(trials), everything(shuffled))


def orders(errors: Sequence[int]) -> Iterable[list[int]]:
    """Every order of rows, best first, in which equal errors may stand: ties broken in every way."""
    groups = [[i for i, e in enumerate(errors) if e == value] for value in sorted(set(errors))]

    def after(rest: list[list[int]]) -> Iterable[list[int]]:
        if not rest:
            yield []
            return
        for head in permutations(rest[0]):
            for tail in after(rest[1:]):
                yield [*head, *tail]

    return after(groups)


small = st.lists(st.integers(0, 3), min_size=1, max_size=7)


@settings(deadline=None)
@given(small, st.sampled_from([0.01, 0.05, 0.1, 0.3, 0.5, 1.0]))
def test_the_part_of_a_graph_in_the_best_is_its_mean_over_all_orders(errors: list[int], share: float) -> None:
    n = max(1, math.ceil(share * len(errors) - 1e-9))
    expected = np.zeros(len(errors))
    count = 0
    for order in orders(errors):
        expected[order[:n]] += 1
        count += 1
    values = np.array(errors, float)
    assert part_of_best(values, share) == pytest.approx(expected / count)
    found = cut(values, share)
    assert (found.n, found.error) == (n, sorted(errors)[n - 1])
    assert (found.tied, found.is_shared) == (errors.count(int(found.error)), errors.count(int(found.error)) > found.taken)


@settings(deadline=None)
@given(small)
def test_ranks_are_their_means_over_all_orders(errors: list[int]) -> None:
    ranks = [np.argsort(order) + 1 for order in orders(errors)]
    assert mid_ranks(np.array(errors, float)) == pytest.approx(np.mean(ranks, axis=0))


@settings(deadline=None)
@given(small.filter(lambda errors: len(errors) > 1), st.data())
def test_regret_and_winners_are_their_means_over_all_orders(errors: list[int], data: Any) -> None:
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=len(errors), max_size=len(errors))))
    table = sample(run_of(errors), PROTOCOL, name="A")
    errors = np.round(table.errors * VALIDATION / 100).astype(int).tolist()
    found = regret(table, kept)
    for share, interval in ((0.01, found.top1), (0.05, found.top5)):
        n = max(1, math.ceil(share * len(errors) - 1e-9))
        lost = [float((~kept[order[:n]]).mean()) for order in orders(errors)]
        assert interval.value == pytest.approx(fmean(lost))
        assert 0 <= interval.low <= interval.value + 1e-9
        assert interval.value - 1e-9 <= interval.high <= 1
    assert found.best_lost == all(not kept[order[0]] for order in orders(errors)), "lost only if no equal graph is kept"
    parted = Split("kept", table, (Value("dropped", None), Value("kept", None)), kept.astype(np.int64))
    for found_share in winners(table, [parted], ["kept"], (0.3, 0.5)):
        n = max(1, math.ceil(found_share.top * len(errors) - 1e-9))
        code = int(found_share.value == "kept")
        assert found_share.share == pytest.approx(fmean(float((kept[order[:n]] == code).mean()) for order in orders(errors)))


@settings(deadline=None)
@given(small)
def test_scores_are_their_means_over_all_orders(errors: list[int]) -> None:
    tenth, half = (max(1, math.ceil(s * len(errors) - 1e-9)) for s in (0.1, 0.5))
    total, count = np.zeros(len(errors)), 0
    for order in orders(errors):
        place = np.argsort(order)
        total += ((place < tenth) / 0.9 + (place < half) / 0.5) / 2
        count += 1
    assert scores(np.array(errors, float)) == pytest.approx(total / count)


def test_a_place_shows_its_ties_and_no_gate_decides_it() -> None:
    errors = {"a": 3.0, "b": 1.0, "c": 3.0 + 1e-13, "d": 5.0}
    found = places(errors, 0)
    assert {k: str(p) for k, p in found.items()} == {"a": "2-3", "b": "1", "c": "2-3", "d": "4"}
    first = [next(iter(places(dict.fromkeys("abcdefgh", 1.0), seed))) for seed in range(200)]
    assert min(first.count(k) for k in "abcdefgh") > 5, "each of eight equal graphs comes first for some seeds"
    assert list(places(errors, 0, {"c": 9.0}))[:2] == ["b", "c"], "trained again, however it ended"
    assert list(places(errors, 0, {"c": 9.0, "a": 8.0}))[:3] == ["b", "a", "c"]
    assert str(Place(1, 150)) == "1-150"


@pytest.mark.parametrize(("kind", "sure"), [("equal", None), ("one outlier", 0)])
def test_without_spread_there_is_no_advice_and_one_graph_is_no_reason(kind: str, sure: int | None) -> None:
    trials = run_of(KINDS_OF_RUN[kind](np.random.default_rng(0), 281).tolist())
    table = sample(trials, PROTOCOL, name="A")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if sure is None:
            for call in (advise, importance, stability):
                with pytest.raises(AnalysisError, match=r"A: all 281 graphs end at 3\.04 % error, so there is no "):
                    call(table)
            return
        advised = advise(table)
        importance(table)
    assert len(advised.sure) == sure
    outlier = int(table.errors.argmin())
    for advice in advised.ranked:
        keeps = bool(advice.candidate.mask[outlier])
        assert advice.regret.best_lost is not keeps
        assert (advice.lift.value > 0) is keeps
        assert advice.lift.high > 0, "one graph makes nothing surely worse"


def test_a_constraint_that_keeps_an_equal_graph_loses_no_best() -> None:
    table = sample(run_of([1, 1, 1, 2]), PROTOCOL, name="A")
    tied = table.errors == table.errors.min()
    kept = np.where(tied, np.cumsum(tied) == 1, True)
    found = regret(table, kept)
    assert not found.best_lost
    assert found.words() == "keeps 1 of the 3 graphs that tie as the best (0.10 %)"
    assert regret(table, ~tied).words() == "loses all 3 graphs that tie as the best (0.10 %)"
    alone = table.where(~tied | kept)
    assert regret(alone, alone.errors > 0.15).words() == "loses the best graph (0.10 %)"


def test_a_graph_counts_once_among_the_best_of_several_passes() -> None:
    table = sample(run_of([5, 9, 9], repeats=3), PROTOCOL, name="A")
    assert table.passes == 3
    found = regret(table, table.errors > table.errors.min())
    assert found.words() == "loses the best graph (0.51 %)"
    with pytest.raises(AnalysisError, match=r"A: all 2 graphs end at 0\.51 % error in each of 3 passes, so there is no"):
        importance(sample(of_images(run_of([5, 5], repeats=3), [5] * 6), PROTOCOL, name="A"))
