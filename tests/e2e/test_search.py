"""`python -m engine.search` as a whole: exit codes, what is printed, what a run folder holds afterwards."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from engine.search.__main__ import main
from engine.search.prepare import Options, opened
from engine.space.files.load import load
from engine.space.graph import Graph
from engine.space.reference_graphs import dml
from engine.store.reader import RunReader
from engine.store.records import Curve, State, Training, Trial
from engine.store.run import Run
from engine.strategies.fixed import Fixed, exhaustive

SPACE: dict[str, Any] = {
    "name": "small",
    "extends": "digits/A",
    "models": {"aux": "mlp16"},
    "gates": {
        "L[y,*]": ["through", "cutoff"],
        "L[aux,1]": ["through", "cutoff"],
        "L[1,aux]": "cutoff",
        "L[2,3]": ["cutoff", "linear"],
        "L[3,2]": ["cutoff", "linear"],
    },
}
"""72 graphs of all kinds: twins, invalid ones, untaught ones, some with pre-trained nodes."""

SHORT = ("--set", "protocol.epochs=2", "--set", "protocol.train=64", "--set", "protocol.validation=32")
LONG = ("--set", "protocol.epochs=6", "--set", "protocol.validation=256")
"""Ten packs of four, each long enough to be interrupted in."""

FIXED = ("--workers", "1", "--threads", "1", "--pack")
"""Nothing is measured and no worker pays for loading torch; the pack's size follows."""

KEPT = "interrupted: everything recorded is kept, and the same command goes on from there"

Records = tuple[list[Trial], dict[str, Training], dict[str, Curve]]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Search = Callable[..., Ended]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def search(here: Path, capsys: pytest.CaptureFixture[str]) -> Search:
    """The command, called in this process: only the tests of signals pay for interpreters of their own."""

    def call(*arguments: str) -> Ended:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Ended(code, *capsys.readouterr())

    return call


def small(folder: Path) -> str:
    path = folder / "small.json"
    path.write_text(json.dumps(SPACE))
    return str(path)


def records(folder: Path) -> Records:
    """What a run folder holds, without the clock's figures, the packs' numbers and the workers' names."""
    with RunReader(folder) as reader:
        reader.refresh()
        trainings = {i: msgspec.structs.replace(t, wall=0, pack=0, worker="") for i, t in sorted(reader.trainings.items())}
        curves = {i: reader.curve(i) for i in trainings}
        return reader.trials, trainings, {i: c for i, c in curves.items() if c}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(folder.rglob("*"))}


# What a search leaves


def test_every_graph_is_searched_and_json_is_one_object(here: Path, search: Search) -> None:
    ended = search(small(here), "--exhaustive", *SHORT, *FIXED, "16", "--json")
    assert ended.code == 0
    assert "72/72 graphs" in ended.err
    found = json.loads(ended.out)
    assert found["counts"] == {"raw": 128, "paper": 64, "keys": 72, "effective": 41}
    assert (found["complete"], found["trials"], found["total"]) == (True, 72, 72)
    assert found["folder"] == "runs/small-exhaustive"
    trials, trainings, curves = records(here / "runs/small-exhaustive")
    assert {t.key for t in trials} == {g.key for g in load("small.json").enumerate()}
    assert found["outcomes"] == {state.value: sum(t.state is state for t in trials) for state in State}
    assert {name for name, n in found["outcomes"].items() if n} == {"done", "untaught", "invalid"}
    reference = trainings[f"{dml(('mlp16',) * 3).key}.0"]
    used = {t.training for t in trials if t.training}
    assert len(used) == 39
    assert trainings.keys() == curves.keys() == used | {reference.id}
    assert sum(bool(t.pretrained) for t in trainings.values()) > 5
    assert found["best"][0]["error"] == pytest.approx(min(t.error for t in trials if t.error is not None), abs=1e-4)
    assert found["reference"]["error"] == pytest.approx(100 - (reference.accuracy[0] or 0), abs=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_graph_of_x_is_searched(here: Path, search: Search) -> None:
    ended = search("digits/X", "--exhaustive", *SHORT, *FIXED, "64", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["outcomes"]["done"] == 513
    trials, trainings, _ = records(here / "runs/digits-X-exhaustive")
    assert {t.key for t in trials} == {g.key for g in load("digits/X").enumerate()}
    assert trainings.keys() == {t.training for t in trials}, "DML is one of them"


def test_a_finished_folder_says_so_and_stays_as_it_is(here: Path, search: Search) -> None:
    command = (small(here), "--exhaustive", *SHORT, *FIXED, "8")
    first = search(*command)
    assert first.code == 0
    assert first.out.startswith("small, exhaustive: 72 of 72 trials (")
    folder = here / "runs/small-exhaustive"
    before = tree(folder)
    again = search(*command)
    assert (again.code, again.err) == (0, "runs/small-exhaustive is finished: nothing is left to do\n")
    assert again.out == first.out
    assert tree(folder) == before
    assert json.loads(search(*command, "--json").out)["complete"]


def test_a_limit_leaves_the_rest_for_the_same_command(here: Path, search: Search) -> None:
    command = (small(here), "--random", "30", *SHORT, *FIXED, "4")
    first = search(*command, "--run", "whole")
    assert first.code == 0
    limited = search(*command, "--run", "limited", "--limit", "20", "--json")
    assert limited.code == 0
    assert not json.loads(limited.out)["complete"]
    assert 20 <= len(records(here / "limited")[0]) < 30
    assert search(*command, "--run", "limited").code == 0
    assert records(here / "limited") == records(here / "whole")


def test_more_graphs_than_there_are_is_said(here: Path, search: Search) -> None:
    ended = search(small(here), "--random", "100", *SHORT, *FIXED, "16", "--limit", "1")
    assert ended.code == 0
    assert ended.err.startswith("small holds 72 graphs: all of them are drawn\n")


def test_repeats_are_whole_passes(here: Path, search: Search) -> None:
    assert search(small(here), "--exhaustive", "--repeats", "2", *SHORT, *FIXED, "16").code == 0
    assert search(small(here), "--exhaustive", *SHORT, *FIXED, "16", "--run", "once").code == 0
    trials, trainings, _ = records(here / "runs/small-exhaustive")
    once, _, _ = records(here / "once")
    assert trials[:72] == once
    assert [t.key for t in trials[72:]] == [t.key for t in once]
    assert {t.repeat for t in trials[72:]} == {1}
    assert any(trainings[i].losses != trainings[f"{i[:-2]}.1"].losses for i in trainings if i.endswith(".0"))


def test_another_order_of_packs_gives_the_same_trainings(here: Path) -> None:
    space = load(small(here)).with_protocol({"epochs": 2, "train": 64, "validation": 32})
    forward = exhaustive(space)
    backward = Fixed(list(reversed(forward.graphs)), 1, {"name": "backward"})
    for name, strategy in (("forward", forward), ("backward", backward)):
        with opened(space, strategy, here / name, Options(workers=1, mode={"pack": 4, "threads": 1})) as made:
            list(made.events())
    one, other = records(here / "forward"), records(here / "backward")
    assert one[1:] == other[1:]
    assert {t.key: (t.state, t.accuracy) for t in one[0]} == {t.key: (t.state, t.accuracy) for t in other[0]}


PLUGIN = '''
from itertools import count
from torch import nn

made = count(1)

class Tired(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.layer = nn.Linear(shape[0] * shape[1] * shape[2], classes)
        if next(made) > 80:
            raise RuntimeError("eighty networks are enough")

    def forward(self, x):
        return self.layer(x.flatten(1))
'''
"""Measuring needs some networks and a pack of eight graphs 20 to 24: the first packs are trained, the last are not."""


def test_failed_trials_make_the_exit_code_1(here: Path) -> None:
    """A model of another package fails in the middle: graphs are recorded with their reason, and the search goes on."""
    (here / "tired.py").write_text(PLUGIN)
    package = here / "tired-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tired\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[engine.models]\ntired = tired:Tired\n")
    gates = SPACE["gates"] | {"L[1,aux]": "through"}
    space = {"name": "tired", "nodes": 3, "models": {"*": "tired"}, "gates": gates}
    space["protocol"] = {"data": "digits", "train": 64, "validation": 32}
    (here / "tired.json").write_text(json.dumps(space))
    ended = program(here, "tired.json", "--exhaustive", *SHORT, *FIXED, "8", "--json").communicated()
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    outcomes = json.loads(ended.out)["outcomes"]
    assert outcomes["failed"] > 0
    assert outcomes["done"] > 0
    trials, trainings, _ = records(here / "runs/tired-exhaustive")
    assert len(trials) == 72
    for training in trainings.values():
        if training.state is State.FAILED:
            assert training.reason == "RuntimeError: eighty networks are enough"
            assert "tired.py" in (training.traceback or "")


# Interrupted at any point


class Program(NamedTuple):
    """A search in a process of its own."""

    process: subprocess.Popen[str]

    def communicated(self) -> Ended:
        out, err = self.process.communicate(timeout=250)
        return Ended(self.process.returncode, out, err)

    def stopped_after(self, folder: Path, trials: int, how: signal.Signals) -> Ended:
        """Send the signal as soon as more than so many trials are recorded; the process must still be running then."""
        while not (folder / "run.json").exists():
            self._still_running()
        with RunReader(folder) as reader:
            while len(reader.trials) <= trials:
                self._still_running()
                reader.refresh()
        self.process.send_signal(how)
        return self.communicated()

    def _still_running(self) -> None:
        with pytest.raises(subprocess.TimeoutExpired):
            self.process.wait(0.05)


def program(folder: Path, *arguments: str) -> Program:
    command = [sys.executable, "-m", "engine.search", *arguments]
    return Program(subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))


def test_interrupted_and_killed_it_resumes_to_the_same_records(here: Path, search: Search) -> None:
    command = (small(here), "--exhaustive", *LONG, *FIXED, "4")
    assert search(*command, "--run", "whole").code == 0
    whole, run = records(here / "whole"), here / "run"

    untrained = sum(t.training is None for t in whole[0])
    ended = program(here, *command, "--run", "run").stopped_after(run, untrained, signal.SIGINT)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == KEPT
    assert "Traceback" not in ended.err
    first = records(run)[0]
    assert untrained < len(first) < 72

    ended = program(here, *command, "--run", "run").stopped_after(run, len(first), signal.SIGKILL)
    assert ended.code == -signal.SIGKILL
    second = records(run)[0]
    assert len(first) < len(second) < 72
    assert [t for t in second if t in first] == first, "what was recorded stays"

    assert search(*command, "--run", "run").code == 0
    assert records(run) == whole


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seed", "workers"), [(0, "1"), (1, "1"), (2, "2")])
def test_killed_again_and_again_at_any_moment_it_comes_to_the_same_records(
    here: Path, search: Search, seed: int, workers: str
) -> None:
    command = (small(here), "--exhaustive", *LONG, *FIXED, "4")
    assert search(*command, "--run", "whole").code == 0
    command = (*command, "--workers", workers)
    draw, run = random.Random(seed), here / "run"
    for _ in range(12):
        started, how = program(here, *command, "--run", "run"), draw.choice([signal.SIGINT, signal.SIGKILL])
        try:
            started.process.wait(draw.uniform(0.3, 9))
        except subprocess.TimeoutExpired:
            started.process.send_signal(how)
        ended = started.communicated()
        assert "Traceback" not in ended.err
        # -2: Python ends itself by the signal if it came while a library was making classes from text.
        assert ended.code in {0, -9, 130, -2}
        if ended.code in {130, -2}:
            assert ended.err.splitlines()[-1] == KEPT
    assert search(*command, "--run", "run").code == 0
    assert records(run) == records(here / "whole")


# Refused: one line, exit code 2, nothing written


def refused(search: Search, arguments: Sequence[str], said: str, lines: int = 1) -> None:
    """The command refuses in one line that begins with `error:` and contains `said`, and leaves every file as it was."""
    before = tree(Path())
    ended = search(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == lines, ended.err
    assert ended.err.startswith("error: ")
    assert said in ended.err
    assert tree(Path()) == before


def space_of(**fields: object) -> str:
    return json.dumps({"extends": "digits/X", **fields})


def of_nodes(nodes: int) -> str:
    return json.dumps({"nodes": nodes, "models": {"*": "mlp16"}, "gates": ["through", "cutoff"], "protocol": {"data": "digits"}})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "bad.json: the file is empty", id="empty"),
        pytest.param(b'{\n "extends": "digits/X",,\n}', "bad.json: broken JSON at line 2, column 24", id="broken"),
        pytest.param(b"[1, 2]", "bad.json: a space file holds one JSON object, got [1, 2]", id="list"),
        pytest.param(space_of().encode("utf-16"), "bad.json: is UTF-16", id="utf16"),
        pytest.param(b'{"extends": "digits/Q"}', "'digits/Q'", id="parent"),
        pytest.param(b'{"extends": "bad.json"}', "the file is its own ancestor (bad.json -> bad.json)", id="cycle"),
        pytest.param(space_of(constraint=[]), "unknown key 'constraint'; did you mean 'constraints'?", id="key"),
        pytest.param(space_of(protocol={"epoch": 3}), "unknown key 'epoch'; did you mean 'epochs'?", id="protocol-key"),
        pytest.param(space_of(protocol={"epochs": "ten"}), "protocol.epochs: expected a whole number, got \"ten\"", id="type"),
        pytest.param(space_of(models={"1": "resnte32"}), "'resnte32'; did you mean 'resnet32'?", id="model"),
        pytest.param(space_of(gates=["thruogh"]), "'thruogh'; did you mean 'through'?", id="gate"),
        pytest.param(space_of(constraints=["m[aux] = mlp16"]), "no graph is left", id="no-graph"),
        pytest.param(space_of(protocol={"epochs": 0}), "protocol.epochs: must be at least 1, got 0", id="epochs"),
        pytest.param(space_of(protocol={"batch": 0}), "protocol.batch: must be at least 1, got 0", id="batch"),
        pytest.param(space_of(protocol={"train": 32}), "batch: must be at most the 32 training images, got 64", id="large"),
        pytest.param(of_nodes(1), "nodes: expected a whole number >= 2, got 1", id="one-node"),
        pytest.param(of_nodes(9), "nodes: expected a whole number <= 8, got 9", id="nine-nodes"),
    ],
)
def test_a_bad_space_file_is_refused(here: Path, search: Search, content: bytes | str, said: str) -> None:
    (here / "bad.json").write_bytes(content.encode() if isinstance(content, str) else content)
    refused(search, ["bad.json", "--exhaustive"], said)


def test_a_space_without_a_valid_graph_is_refused(here: Path, search: Search) -> None:
    (here / "bad.json").write_text(json.dumps({"extends": "digits/A", "constraints": ["L[*,1] = cutoff"]}))
    refused(search, ["bad.json", "--exhaustive"], "no valid graph is left")


def test_a_phrase_that_cannot_be_read_is_shown_with_a_caret(here: Path, search: Search) -> None:
    (here / "bad.json").write_text(space_of(constraints=["L[y,1] = = through"]))
    refused(search, ["bad.json", "--exhaustive"], "bad.json: constraint 1", lines=3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits/x", "--exhaustive"], "'digits/x', nor a shipped space of that name; did you mean 'digits/X'?"),
        (["digits/X"], "one of the arguments --exhaustive --random --graphs --asha --tpe --gp --baselines --strategy is"),
        (["digits/X", "--exhaustive", "--random", "3"], "not allowed with argument"),
        (["digits/X", "--exhaustive", "--sed", "3"], "--sed"),
        (["digits/X", "--random", "0"], "--random: must be at least 1 graph, got 0"),
        (["digits/X", "--random", "many"], "invalid int value: 'many'"),
        (["digits/X", "--exhaustive", "--repeats", "0"], "--repeats: must be at least 1, got 0"),
        (["digits/X", "--exhaustive", "--limit", "0"], "--limit: must be at least 1, got 0"),
        (["digits/X", "--exhaustive", "--seed", "-1"], "--seed: must be at least 0, got -1"),
        (["digits/X", "--exhaustive", "--pack", "0"], "--pack: must be at least 1, got 0"),
        (["digits/X", "--exhaustive", "--set", "epochs=5"], "--set epochs=5: must read protocol.FIELD=VALUE"),
        (["digits/X", "--exhaustive", "--set", "protocol.epoch=5"], "unknown key 'epoch'; did you mean 'epochs'?"),
        (["digits/X", "--exhaustive", "--set", "protocol.epochs=five"], "protocol.epochs"),
        (["digits/X", "--exhaustive", "--set", "protocol.train=1400"], "1,500 training images of digits"),
        (["digits/X", "--graphs", "none.txt"], "none.txt: cannot be read"),
        (["digits/X", "--random", "3", "--run", "n" * 300], "the name is too long for a file"),
    ],
)
def test_a_bad_command_line_is_refused(search: Search, arguments: list[str], said: str) -> None:
    refused(search, arguments, said)


@pytest.mark.parametrize("file", ["taken", "taken/below"])
def test_a_folder_that_cannot_be_made_is_refused(here: Path, search: Search, file: str) -> None:
    (here / "taken").write_text("a file")
    refused(search, ["digits/X", "--random", "3", *SHORT, *FIXED, "3", "--run", file], "taken")


def test_a_folder_of_something_else_is_refused(here: Path, search: Search) -> None:
    (here / "photos").mkdir()
    (here / "photos/cat.png").write_bytes(b"...")
    arguments = ["digits/X", "--random", "3", *SHORT, *FIXED, "3", "--run", "photos"]
    refused(search, arguments, "photos: not empty (it holds 'cat.png')")


def test_a_data_set_that_is_not_there_is_refused(here: Path, search: Search) -> None:
    said = "data set CIFAR100 is not in there"
    refused(search, ["X", "--random", "3", *FIXED, "3", "--data", "there"], said)


@pytest.fixture
def begun(here: Path, search: Search) -> tuple[str, ...]:
    """The command of a search that was left unfinished in the folder `run`."""
    command = (small(here), "--random", "30", *FIXED, "4", "--run", "run", *SHORT)
    assert search(*command, "--limit", "20").code == 0
    return command


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (["--set", "protocol.epochs=3"], "protocol.epochs: 3 / 2"),
        (["--set", "protocol.lr=0.2"], "protocol.lr: 0.2 / 0.1"),
        (["--seed", "1"], "seed: 1 / 0"),
        (["--pack", "5"], "mode.pack: 5 / 4"),
        (["--repeats", "2"], "strategy.repeats: 2 / 1"),
        (["--random", "31"], "strategy.n: 31 / 30"),
    ],
)
def test_a_folder_of_another_search_is_refused_by_the_field(
    begun: tuple[str, ...], search: Search, change: list[str], field: str
) -> None:
    refused(search, [*begun, *change], f"run: holds another search (asked / has): {field}; name another folder with --run")


def test_a_folder_of_another_space_is_refused(begun: tuple[str, ...], search: Search) -> None:
    refused(search, ["digits/X", *begun[1:]], "constraints: ")


def test_a_locked_folder_is_refused_by_its_holder(begun: tuple[str, ...], here: Path, search: Search) -> None:
    with Run.open(here / "run"):
        pid = json.loads((here / "run/holder.json").read_text())["pid"]
        refused(search, begun, f"run: in use by process {pid} on ")
    assert search(*begun).code == 0


def test_graphs_of_a_list_are_searched(here: Path, search: Search) -> None:
    (here / "graphs.txt").write_text("# two\n1:mlp16 2:mlp96 | y>1 through, 2>1 through, y>2 through\n1:mlp16 | y>1 linear\n")
    ended = search("digits/A", "--graphs", "graphs.txt", *SHORT, *FIXED, "8")
    assert ended.code == 0
    assert "2 of 2 graphs are not in digits/A: trained by its protocol all the same\n" in ended.err
    trials, _, _ = records(here / "runs/digits-A-graphs")
    assert [Graph.parse(t.graph).nodes for t in trials] == [2, 1]
    assert {t.state for t in trials} == {State.DONE}
