"""What every strategy must keep, whoever brings it: one class of tests, inherited for each of them."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SpaceError
from engine.packing.packs import fill, shape_for
from engine.search.scheduler import demand
from engine.space.files import resolved
from engine.space.files.load import Space, load
from engine.space.graph import Graph
from engine.store.records import RunInfo, State, Trial
from engine.store.run import Run
from engine.strategies.asha import Asha
from engine.strategies.baselines import baselines, named, other_join
from engine.strategies.bayes import Bayes
from engine.strategies.fixed import exhaustive, listed, random
from engine.strategies.halving import Halving
from engine.strategies.inheritance import Parent, inherit
from engine.strategies.interface import Draw, RungReport, Strategy
from engine.strategies.shard import Shard

A, B, X = (load(f"digits/{name}") for name in "ABX")
ODD = A.with_protocol({"epochs": 5})
"""Another protocol than A's."""


def outcome(draw: Draw) -> Trial:
    """A made result: a known function of the effective graph, some diverged and failed."""
    effective = draw.graph.effective()
    state = State.DONE
    if effective.graph is None:
        state = State.INVALID
    elif not effective.graph.is_taught:
        state = State.UNTAUGHT
    else:
        state = {0: State.FAILED, 1: State.DIVERGED}.get(zlib.crc32(f"{effective.key}.{draw.repeat}".encode()) % 16, state)
    wide = 20 * sum(gate == "linear" for gate in draw.graph.gates) / len(draw.graph.gates)
    accuracy = 60 + wide + zlib.crc32(f"{effective.key}/{draw.repeat}".encode()) % 1000 / 100
    return Trial(number=draw.number, key=draw.graph.key, graph=str(draw.graph), repeat=draw.repeat, state=state,
                 accuracy=(accuracy, None, None) if state in (State.DONE, State.DIVERGED) else ())  # fmt: skip


def advance(strategy: Strategy, number: int = 10**9) -> list[Draw]:
    """The next draws, each batch told before the next is asked for, until there are `number` or no more."""
    draws: list[Draw] = []
    while len(draws) < number and (asked := strategy.ask(10**9)):
        draws += asked
        for draw in asked:
            strategy.tell(outcome(draw))
    return draws


def run_of(folder: Path, space: Space, strategy: Strategy, seed: int = 0, trials: int | None = None) -> Path:
    """A run folder with made results."""
    info = RunInfo(name=folder.name, space=resolved.dump(space), strategy=strategy.settings(), seed=seed, mode={},
                   total=strategy.total)  # fmt: skip
    with Run.create(folder, info) as run:
        run.add([outcome(draw) for draw in advance(strategy)][:trials])
    return folder


class Contract:
    """Inherit, and say how the strategy is made."""

    space = A
    inside = True
    """Are all draws graphs of the space?"""

    def made(self, folder: Path) -> Strategy:
        raise NotImplementedError

    def test_the_total_is_right_and_nothing_comes_twice(self, tmp_path: Path) -> None:
        strategy = self.made(tmp_path)
        draws = advance(strategy)
        assert [d.number for d in sorted(draws, key=lambda d: d.number)] == [d.number for d in draws]
        assert len({d.number for d in draws}) == len(draws) == strategy.total
        assert len({(d.graph.key, d.repeat) for d in draws}) == len(draws)
        assert list(strategy.ask(5)) == []

    def test_every_draw_is_a_canonical_graph_of_the_space(self, tmp_path: Path) -> None:
        for draw in advance(self.made(tmp_path)):
            assert draw.graph == draw.graph.canonical()
            assert self.space.contains(draw.graph) or not self.inside

    def test_the_same_settings_told_the_same_draw_the_same(self, tmp_path: Path) -> None:
        one, other = self.made(tmp_path / "1"), self.made(tmp_path / "2")
        assert one.settings() == other.settings()
        assert advance(one) == advance(other)

    def test_asked_again_after_any_batch_it_goes_on_alike(self, tmp_path: Path) -> None:
        whole = advance(self.made(tmp_path / "whole"))
        for place, number in enumerate((1, len(whole) // 3, len(whole) - 1)):
            strategy = self.made(tmp_path / f"{place}")
            first = advance(strategy, number)
            assert first + advance(strategy) == whole

    def test_no_more_than_was_asked_for(self, tmp_path: Path) -> None:
        strategy = self.made(tmp_path)
        for most in (1, 3, 2):
            asked = strategy.ask(most)
            assert 1 <= len(asked) <= most
            for draw in asked:
                strategy.tell(outcome(draw))

    def test_packs_shaped_for_the_preview_hold_every_draw(self, tmp_path: Path) -> None:
        strategy = self.made(tmp_path)
        shape = shape_for(demand(strategy.preview()), 6, self.space.nodes)
        graphs = demand(advance(strategy))
        assert sorted(place for pack in fill(graphs, shape) for place in pack) == list(range(len(graphs)))
        assert {g for graph in graphs for g in graph.gates} <= {*shape.gates}
        frozen = {(g.models[n - 1], n) for g in graphs for n in range(2, g.nodes + 1) if g.is_pretrained(n)}
        assert frozen <= {*shape.teachers}

    def test_what_it_says_of_itself_is_json(self, tmp_path: Path) -> None:
        strategy = self.made(tmp_path)
        assert json.loads(json.dumps(strategy.settings()))["name"]
        advance(strategy)
        json.dumps(strategy.state())
        assert all(a < b for a, b in pairwise(strategy.rungs))
        assert all(1 <= epoch < self.space.protocol.epochs for epoch in strategy.rungs)

    def test_it_judges_alike_whatever_came_between(self, tmp_path: Path) -> None:
        one, other = self.made(tmp_path / "1"), self.made(tmp_path / "2")
        for strategy in (one, other):
            advance(strategy)
        reports = [
            RungReport(epoch, cohort, tuple((10 * cohort + n, float((7 * n + epoch) % 5)) for n in range(6)))
            for epoch in one.rungs for cohort in range(2)
        ]  # fmt: skip
        found = [one.judge(report) for report in reports]
        assert found == [other.judge(report) for report in reports]
        for report, made in zip(reports, found, strict=True):
            assert (made.epoch, made.cohort, made.entries) == (report.epoch, report.cohort, report.entries)
            assert not {*made.kept} & {*made.stopped}


class TestExhaustive(Contract):
    space = X

    def made(self, folder: Path) -> Strategy:
        return exhaustive(X, 2)


class TestInterleaved(Contract):
    space = X

    def made(self, folder: Path) -> Strategy:
        return exhaustive(X, 2, interleaved=True)

    def test_repeats_of_a_graph_follow_each_other(self) -> None:
        draws = advance(exhaustive(X, 3, interleaved=True))
        assert [d.repeat for d in draws[:6]] == [0, 1, 2, 0, 1, 2]
        assert {(d.graph, d.repeat) for d in draws} == {(d.graph, d.repeat) for d in advance(exhaustive(X, 3))}


class TestRandom(Contract):
    def made(self, folder: Path) -> Strategy:
        return random(A, 60, 3, 2)


class TestRandomOfASmallSpace(Contract):
    space = X

    def made(self, folder: Path) -> Strategy:
        strategy = random(X, 10_000, 0)
        assert strategy.total == 513
        return strategy


class TestShard(Contract):
    def made(self, folder: Path) -> Strategy:
        return Shard(random(A, 60, 3), 2, 3)


class TestList(Contract):
    inside = False

    def made(self, folder: Path) -> Strategy:
        folder.mkdir(exist_ok=True)
        (folder / "graphs.txt").write_text("\n".join(map(str, A.sample(9, 1))))
        return listed(folder / "graphs.txt", A, 2)


class TestInherited(Contract):
    space = B

    def made(self, folder: Path) -> Strategy:
        run = run_of(folder / "a", A, random(A, 200, 3), 3)
        return random(B, 80, 3, parent=inherit(Parent.read(run, B), B, 3, whole=False))


class TestBaselines(Contract):
    inside = False

    def made(self, folder: Path) -> Strategy:
        return baselines(A, lambda model: int(model.removeprefix("mlp")), 3)


class TestAsha(Contract):
    def made(self, folder: Path) -> Strategy:
        return Asha(A, 60, 3, cohort=7)


class TestPromotion(Contract):
    def made(self, folder: Path) -> Strategy:
        return Asha(A, 60, 3, Halving(3, rule="promote"), cohort=7)


class TestTpe(Contract):
    def made(self, folder: Path) -> Strategy:
        pytest.importorskip("optuna")
        return Bayes(A, 24, 3, batch=8)


@pytest.mark.slow
class TestTpeWarmInASmallSpace(Contract):
    """It takes every graph that is left, those too that train like others or not at all."""

    space = X

    def made(self, folder: Path) -> Strategy:
        pytest.importorskip("optuna")
        run = run_of(folder / "x", X, random(X, 470, 3), 3)
        strategy = Bayes(X, 100, 3, batch=25, parent=Parent.read(run, X))
        assert strategy.total == 43
        return strategy


@pytest.mark.slow
class TestGp(Contract):
    def made(self, folder: Path) -> Strategy:
        pytest.importorskip("optuna")
        return Bayes(A, 12, 3, "gp", batch=6)


# What is particular


def test_model_based_draws_find_better_graphs_than_random_ones() -> None:
    pytest.importorskip("optuna")

    def mean(strategy: Strategy) -> float:
        errors = [e for d in advance(strategy)[-40:] if (e := outcome(d).error) is not None]
        return sum(errors) / len(errors)

    assert mean(Bayes(A, 80, 1)) < mean(random(A, 80, 1)) - 3


def test_twins_are_told_as_one_and_not_proposed_while_others_are_left() -> None:
    pytest.importorskip("optuna")
    strategy = Bayes(A, 80, 5, batch=10)
    draws = advance(strategy)
    forms = [d.graph.effective().key for d in draws[10:]]
    assert None not in forms
    assert len({*forms}) == len(forms)
    assert not {*forms} & {d.graph.effective().key for d in draws[:10]}
    assert strategy.state()["told"] <= len({d.graph.effective().key for d in draws})


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SpaceError, match=r"--gp needs Optuna, which is not installed; pip install 'ktgtui\[optuna\]'"):
        Bayes(A, 5, 0, "gp")


def test_nothing_left_to_propose_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    run = run_of(tmp_path / "x", X, exhaustive(X))
    with pytest.raises(SpaceError, match="every graph of digits/X is known from there"):
        Bayes(X, 10, 0, parent=Parent.read(run, X))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Asha(A, 0, 0), "--asha: must be at least 1 graph, got 0"),
        (lambda: Asha(A, 5, 0, cohort=0), "--cohort: must be at least 1 graph, got 0"),
        (lambda: Asha(A, 5, 0, Halving(least=30)), "the first rung is at epoch 30, but the protocol ends at epoch 30"),
        (lambda: Bayes(A, 0, 0), "--tpe: must be at least 1 graph, got 0"),
        (lambda: Bayes(A, 5, 0, batch=0), "--cohort: must be at least 1 graph, got 0"),
    ],
)
def test_counts_below_one_are_refused(make: Any, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        make()


def test_baselines_are_what_they_are_called() -> None:
    found = named(A, lambda model: int(model.removeprefix("mlp")))
    assert str(found["alone mlp16"]) == "1:mlp16 | y>1 through"
    assert str(found["kd mlp16 from mlp96"]) == "1:mlp16 2:mlp96 | y>1 through, 2>1 through"
    assert found["kd mlp16 from mlp96"].is_pretrained(2)
    assert str(found["born-again mlp16"]) == "1:mlp16 2:mlp16 | y>1 through, 2>1 through"
    assert set(found["dml mlp16+mlp16+mlp96"].gates) == {"through"}
    both = found["kd+dml mlp16+mlp16 from mlp96"]
    assert [both.is_pretrained(n) for n in (1, 2, 3)] == [False, False, True]
    assert both.models == ("mlp16", "mlp16", "mlp96")
    assert len(both.open_into(1)) == len(both.open_into(2)) == 3
    assert sum(name.startswith("dml ") for name in found) == 3


def test_the_other_join_is_another_protocol() -> None:
    joined, strategy = other_join(A) or pytest.fail("three nodes have two joins")
    assert joined.protocol.join == "mean"
    assert all(name.startswith("dml-mean ") for name in strategy.settings()["graphs"])
    back, sums = other_join(joined) or pytest.fail("and back")
    assert back.protocol.join == "sum"
    assert all(name.startswith("dml ") for name in sums.settings()["graphs"])


# Inheritance


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    return run_of(tmp_path / "wide", A, random(A, 300, 7), 7)


def test_members_of_the_child_are_taken_over_and_the_rest_is_drawn_fresh(wide: Path) -> None:
    parent = Parent.read(wide, B)
    taken = inherit(parent, B, 7, whole=False)
    members = [t for t in parent.trials if B.contains(Graph.parse(t.graph))]
    assert 30 < len(members) < 150
    assert [g.key for g in taken.graphs] == [t.key for t in members]
    assert {*taken.results.values()} == {t for t in members if t.state is not State.FAILED}
    child = random(B, 200, 7, parent=taken)
    draws = advance(child)
    assert [d.graph.key for d in draws[: len(members)]] == [t.key for t in members]
    assert len(draws) == 200
    assert child.settings()["from"] == "wide"
    assert child.settings()["inherited"] == len(taken.results)
    fresh = {d.graph.key for d in draws[len(members) :]}
    assert len(fresh & {g.key for g in B.sample(200, 7)}) < 20, "not the draws that the search seed gives by itself"


def test_all_members_count_though_fewer_were_asked_for(wide: Path) -> None:
    taken = inherit(Parent.read(wide, B), B, 7, whole=False)
    assert random(B, 5, 7, parent=taken).total == len(taken.graphs)


def test_an_unfinished_random_run_is_inherited_up_to_its_first_gap(tmp_path: Path) -> None:
    strategy = random(A, 50, 7)
    folder = tmp_path / "part"
    info = RunInfo(name="part", space=resolved.dump(A), strategy=strategy.settings(), seed=7, mode={}, total=50)
    draws = advance(strategy)
    with Run.create(folder, info) as run:
        run.add([outcome(d) for d in draws if d.number != 20])
    taken = inherit(Parent.read(folder, A), A, 7, whole=False)
    assert [g.key for g in taken.graphs] == [d.graph.key for d in draws[:20]]
    everything = inherit(Parent.read(folder, A), A, 7, whole=True)
    assert len(everything.graphs) == 49


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        ({"name": "asha"}, "ASHA stopped graphs by their results"),
        ({"name": "tpe"}, "TPE drew graphs by the results of others"),
        ({"name": "graphs"}, "the strategy 'graphs' is no uniform sample"),
    ],
)
def test_what_is_no_uniform_sample_is_refused(tmp_path: Path, strategy: Mapping[str, str], why: str) -> None:
    folder = tmp_path / "run"
    info = RunInfo(name="run", space=resolved.dump(A), strategy={**strategy}, seed=0, mode={}, total=5)
    with Run.create(folder, info) as run:
        run.add([outcome(d) for d in advance(random(A, 5, 0))])
    with pytest.raises(SpaceError, match=why):
        inherit(Parent.read(folder, B), B, 0, whole=True)


def test_another_protocol_is_refused_by_its_fields(wide: Path) -> None:
    with pytest.raises(SpaceError, match=r"trained by another protocol \(here / there\): epochs: 5 / 30, lr: 0.2 / 0.1"):
        Parent.read(wide, ODD.with_protocol({"lr": 0.2}))


def test_another_seed_a_wider_space_and_half_an_exhaustive_run_are_refused(wide: Path, tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="searched with seed 7, got --seed 8"):
        inherit(Parent.read(wide, B), B, 8, whole=False)
    narrow = run_of(tmp_path / "b", B, random(B, 20, 0))
    with pytest.raises(SpaceError, match="digits/A does not lie in digits/B"):
        inherit(Parent.read(narrow, A), A, 0, whole=False)
    assert inherit(Parent.read(narrow, A), A, 0, whole=True).results, "every graph of A will be there"
    half = run_of(tmp_path / "half", X, exhaustive(X), trials=200)
    with pytest.raises(SpaceError, match="an exhaustive run in progress is no uniform sample yet"):
        inherit(Parent.read(half, X), X, 0, whole=False)
    assert len(inherit(Parent.read(half, X), X, 0, whole=True).graphs) == 200
