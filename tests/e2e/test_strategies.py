"""Strategies by the command line: searched, resumed, refused; and the documented one of another package."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from engine.search.__main__ import main
from engine.space import catalogue
from engine.store.reader import RunReader
from engine.store.records import State
from engine.strategies.halving import replay

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"
FIXED = ("--workers", "1", "--threads", "1", "--pack", "8")
SHORT = ("--set", "protocol.epochs=4", "--set", "protocol.train=64", "--set", "protocol.validation=64", *FIXED)


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Search = Callable[..., Ended]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def search(here: Path, capsys: pytest.CaptureFixture[str]) -> Search:
    def call(*arguments: str) -> Ended:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return call


def records(folder: Path) -> tuple[Any, ...]:
    """What was found and decided, without who trained it and when."""
    with RunReader(folder) as reader:
        reader.refresh()
        trainings = {
            i: msgspec.structs.replace(t, wall=0, pack=0, worker="") for i, t in sorted(reader.trainings.items())
        }
        judged = sorted(reader.judgements, key=lambda made: (made.epoch, made.cohort))
        return reader.trials, trainings, judged, reader.info


@pytest.mark.parametrize("rule", ["stop", pytest.param("promote", marks=pytest.mark.slow)])
def test_asha_stopped_by_a_limit_goes_on_to_the_same_records_and_decisions(search: Search, here: Path, rule: str) -> None:
    command = ("digits/A", "--asha", "40", "--cohort", "5", "--rule", rule, *SHORT)
    assert search(*command, "--run", "whole").code == 0
    for _ in range(40):
        if json.loads(search(*command, "--run", "parts", "--limit", "6", "--json").out)["complete"]:
            break
    whole, parts = records(here / "whole"), records(here / "parts")
    assert whole[:3] == parts[:3]
    trials, trainings, judged, info = whole
    assert {t.epochs for t in trainings.values() if t.state is State.STOPPED} == {1, 2}
    assert {t.epochs for t in trainings.values() if t.state is State.DONE} == {4}
    assert replay(judged, info.strategy) == judged
    assert {State.DONE, State.STOPPED} <= {t.state for t in trials}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_asha_killed_at_any_moment_goes_on_to_the_same_records_and_decisions(search: Search, here: Path, workers: str) -> None:
    short = (*SHORT[:4], "--set", "protocol.validation=256", "--threads", "1", "--pack", "8", "--workers", workers)
    command = ("digits/A", "--asha", "80", *short)
    assert search(*command, "--run", "whole").code == 0
    moments, killed = random.Random(int(workers)), 0
    for _ in range(4):
        started = subprocess.Popen([sys.executable, "-m", "engine.search", *command, "--run", "run"], stderr=subprocess.DEVNULL)
        while started.poll() is None and not (here / "run/trials.log").exists():
            time.sleep(0.05)
        size = (here / "run/trials.log").stat().st_size + moments.randrange(20_000)
        while started.poll() is None and (here / "run/trials.log").stat().st_size < size:
            time.sleep(0.005)
        killed += started.poll() is None
        started.kill()
        started.wait()
    assert killed >= 2
    assert search(*command, "--run", "run").code == 0
    assert records(here / "whole")[:3] == records(here / "run")[:3]


def test_what_rungs_let_through_is_what_a_random_search_finds(search: Search, here: Path) -> None:
    """Pausing, packing anew and going on changes no bit of a result."""
    assert search("digits/A", "--asha", "40", *SHORT, "--run", "asha").code == 0
    assert search("digits/A", "--random", "40", *SHORT, "--run", "random").code == 0
    judged, full = records(here / "asha"), records(here / "random")
    assert [t.key for t in judged[0]] == [t.key for t in full[0]]
    done = [i for i, t in judged[1].items() if t.state is State.DONE]
    assert len(done) >= 4
    assert [judged[1][i] for i in done] == [full[1][i] for i in done]


def test_a_search_by_tpe_goes_on_with_the_draws_it_would_have_made(search: Search, here: Path) -> None:
    pytest.importorskip("optuna")
    command = ("digits/A", "--tpe", "24", "--cohort", "6", *SHORT)
    assert search(*command, "--run", "whole").code == 0
    while not json.loads(search(*command, "--run", "parts", "--limit", "5", "--json").out)["complete"]:
        pass
    assert records(here / "whole")[:2] == records(here / "parts")[:2]


def test_a_child_inherits_and_trains_only_the_rest(search: Search, here: Path) -> None:
    assert search("digits/A", "--random", "60", *SHORT, "--run", "parent", "--seed", "3").code == 0
    child = ("digits/B", "--random", "40", *SHORT, "--run", "child", "--from", "parent")
    assert search(*child, "--limit", "20").code == 0
    assert search(*child).code == 0
    parent, (trials, trainings, _, info) = records(here / "parent"), records(here / "child")
    by_key = {t.key: t for t in parent[0]}
    inherited = [t for t in trials if t.inherited]
    assert {t.inherited for t in inherited} == {"parent"}
    assert len(inherited) == info.strategy["inherited"] > 5
    for trial in inherited:
        assert by_key[trial.key] == msgspec.structs.replace(trial, number=by_key[trial.key].number, inherited=None)
    assert len(trials) == 40
    assert info.seed == 3
    fresh = {t.training for t in trials if not t.inherited and t.training}
    assert len(trainings.keys() - fresh) <= 1, "of what is inherited nothing but DML's reference was trained here"


def test_baselines_are_two_runs_and_one_table(search: Search, here: Path) -> None:
    command = ("digits/A", "--baselines", "--repeats", "2", *SHORT)
    first = search(*command)
    assert first.code == 0
    assert "kd mlp16 from mlp96" in first.out
    found = {row["name"]: row for row in json.loads(search(*command, "--json").out)["baselines"]}
    assert found["dml mlp16+mlp96+mlp96"]["graph"] == found["dml-mean mlp16+mlp96+mlp96"]["graph"]
    sums, means = records(here / "runs/digits-A-baselines"), records(here / "runs/digits-A-baselines-mean")
    assert (sums[3].space["protocol"].get("join"), means[3].space["protocol"]["join"]) != ("mean", "sum")
    row = found["kd mlp16 from mlp96"]
    alone = found["alone mlp16"]["accuracy"]
    assert row["gain"] == pytest.approx([a - b for a, b in zip(row["accuracy"], alone, strict=True)], abs=1e-3)
    assert all(len(r["accuracy"]) == 2 for r in found.values())


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    return found


def test_the_documented_strategy_of_another_package_searches(
    search: Search, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "my_package.py").write_text(block("python"))
    package = here / "my_package-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    assert '[project.entry-points."engine.strategies"]\nclimb = "my_package:Climb"' in block("toml")
    (package / "entry_points.txt").write_text("[engine.strategies]\nclimb = my_package:Climb\n")
    monkeypatch.syspath_prepend(str(here))
    catalogue.entry_points.cache_clear()
    try:
        command = ("digits/A", "--strategy", "climb", "24", *SHORT)
        assert search(*command, "--run", "whole").code == 0
        while not json.loads(search(*command, "--run", "parts", "--limit", "9", "--json").out)["complete"]:
            pass
        other = search("digits/A", "--strategy", "clim", "24")
        assert (other.code, "did you mean 'climb'?" in other.err) == (2, True)
    finally:
        catalogue.entry_points.cache_clear()
        sys.modules.pop("my_package", None)
    trials, *_ = records(here / "whole")
    assert trials == records(here / "parts")[0]
    assert len({t.key for t in trials}) == 24


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--asha", "0"], "--asha: must be at least 1 graph, got 0"),
        (["--tpe", "-1"], "--tpe: must be at least 1 graph, got -1"),
        (["--gp", "many"], "invalid int value: 'many'"),
        (["--asha", "9", "--eta", "1"], "--eta: must be at least 2, got 1"),
        (["--asha", "9", "--r", "0"], "--r: must be at least 1, got 0"),
        (["--asha", "9", "--cohort", "0"], "--cohort: must be at least 1 graph, got 0"),
        (["--asha", "9", "--rule", "promote", "--ties", "optuna"], "--ties optuna: goes with --rule stop"),
        (["--asha", "9", "--repeats", "2"], "--repeats: not of --asha; it goes with --exhaustive, --random, --graphs"),
        (["--random", "9", "--eta", "3"], "--eta: not of --random; it goes with --asha"),
        (["--asha", "9", "--from", "run"], "--from: not of --asha"),
        (["--random", "9", "--from", "nowhere"], "nowhere: no such run folder"),
        (["--random", "9", "--no-inherit"], "--no-inherit: needs --from RUN"),
        (["--random", "9", "--strategy", "climb", "9"], "not allowed with argument"),
        (["--strategy", "climb", "9"], "--strategy climb: no strategy of that name is installed"),
        (["--strategy", "climb", "none"], "--strategy climb none: must be at least 1 graph, got none"),
    ],
)
def test_bad_input_is_refused_in_one_line(search: Search, arguments: list[str], said: str) -> None:
    ended = search("digits/X", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err


def test_a_run_that_says_nothing_of_the_numberless_goes_on(search: Search, here: Path) -> None:
    """As version 0.1.0 began one by Optuna's ties: by the same command, and no word is added to its settings."""
    command = ("digits/A", "--asha", "20", "--cohort", "5", "--ties", "optuna", *SHORT, "--run", "asha")
    assert search(*command, "--limit", "5").code == 0
    begun = json.loads((here / "asha/run.json").read_text())
    assert begun["strategy"].pop("numberless") == "left out"
    (here / "asha/run.json").write_text(json.dumps(begun))
    assert json.loads(search(*command, "--json").out)["complete"]
    assert search(*command).err == "asha is finished: nothing is left to do\n"
    _, _, judged, info = records(here / "asha")
    assert info.strategy == begun["strategy"]
    assert replay(judged, info.strategy) == judged
    ended = search(*command, "--eta", "3")
    assert (ended.code, "(asked / has): strategy.eta: 3 / 2; name" in ended.err) == (2, True)


def test_another_rule_is_refused_and_another_protocol_by_its_fields(search: Search) -> None:
    command = ("digits/A", "--asha", "20", *SHORT, "--run", "asha")
    assert search(*command, "--limit", "5").code == 0
    ended = search(*command, "--rule", "promote")
    assert (ended.code, "strategy.rule: promote / stop" in ended.err) == (2, True)
    ended = search(*command, "--cohort", "5")
    assert (ended.code, "strategy.cohort: 5 / 16" in ended.err) == (2, True)
    ended = search("digits/A", "--random", "20", "--from", "asha")
    assert ended.code == 2
    assert "trained by another protocol (here / there): " in ended.err
    assert "epochs: 30 / 4" in ended.err
    ended = search("digits/A", "--random", "20", "--from", "asha", *SHORT)
    assert (ended.code, "ASHA stopped graphs by their results" in ended.err) == (2, True)
