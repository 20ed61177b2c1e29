"""`python -m engine.analysis` on run folders as a search leaves them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.analysis.__main__ import main
from engine.analysis.run_sample import read
from engine.errors import AnalysisError
from engine.space.files.load import load
from engine.space.graph import Edge
from tests.analysis.folders import space_named, written


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    written(root / "A", "digits/A", 300)
    written(root / "B", "digits/B", 150, seed=1)
    written(root / "long", "digits/B", 40, protocol={"epochs": 99})
    written(root / "asha", "digits/A", 60, strategy="asha")
    written(root / "part", "digits/X", keep=80)
    written(root / "X", "digits/X", repeats=2)
    return root


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_overview_counts_every_trial(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A")
    assert found["drawn"] == 300
    assert found["edf"]["n"] + sum(found["edf"]["left_out"].values()) == 300
    assert list(found["conditions"]) == ["aux-models", "label-aux", "label-target", "aux-target", "pretrained"]
    for condition in found["conditions"].values():
        assert sum(v["n"] for v in condition["values"]) == found["edf"]["n"]
    assert found["importance"][0]["variable"] in ("m[aux]", "L[y,1]")


def test_a_condition_is_drawn_told_and_given_as_data(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A", "--by", "aux-models")["by"]
    assert [v["phrase"] for v in found["values"]] == ["m[aux] = mlp16", "m[2] = mlp16 and m[3] = mlp96", "m[aux] = mlp96"]
    assert main([str(runs / "A"), "--by", "(a)"]) == 0
    text = capsys.readouterr().out
    assert "mlp96 + mlp96" in text
    assert "mlp96 + mlp96 (n = " in text
    assert "\x1b" not in text


def test_advice_ranks_what_the_trials_were_made_of(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A", "--advice")
    sure = [a["phrase"] for a in found["advice"]["ranked"] if a["sure"]]
    assert "m[aux] = mlp96" in sure[:3]
    assert found["advice"]["stability"]["halves"] == 1000
    first = found["advice"]["ranked"][0]
    assert first["next"]["inherited"] == first["n"]
    assert first["next"]["graphs"] == 300 - first["n"]
    assert found["seconds_a_graph"] == pytest.approx(0.2)
    assert main([str(runs / "A"), "--advice"]) == 0
    assert "m[aux] = mlp96" in capsys.readouterr().out


def test_where_asks_of_the_child_and_split_of_a_phrase(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A", "--where", "m[aux] = mlp96", "--by", "label-target")
    everything = answer(capsys, runs / "A", "--by", "aux-models")["by"]["values"][2]
    assert found["edf"]["n"] == everything["n"]
    assert found["edf"]["label"] == "digits/A where m[aux] = mlp96"
    outside = 300 - sum(found["edf"]["left_out"].values()) - everything["n"]
    assert main([str(runs / "A"), "--where", "m[aux] = mlp96", "--by", "c"]) == 0
    assert f"; {outside} with a result lie outside)\n" in capsys.readouterr().out
    assert main([str(runs / "X"), "--mean"]) == 0
    assert "lie outside" not in capsys.readouterr().out
    parted = answer(capsys, runs / "A", "--split", "m[aux] = mlp96")["by"]["values"]
    assert parted[0]["median"] == everything["median"]
    assert parted[1]["phrase"] is None


def test_advice_within_a_child_counts_the_childs_children(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A", "--where", "m[aux] = mlp96", "--advice")["advice"]["ranked"]
    through = next(a for a in found if a["phrase"] == "L[y,1] = through")
    space = load("digits/A")
    assert through["next"]["keys"] == sum(
        g.models[1:] == ("mlp96", "mlp96") and dict(g.items())[Edge(0, 1)] == "through" for g in space.enumerate())


def test_advice_counts_graphs_not_their_passes(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for child in answer(capsys, runs / "X", "--advice")["advice"]["ranked"]:
        assert child["next"]["inherited"] == child["next"]["keys"] == child["n"] / 2
        assert child["next"]["graphs"] == 0
    assert main([str(runs / "X"), "--advice"]) == 0
    assert "; next: nothing to train, all 171 of 171 graphs are here\n" in capsys.readouterr().out


def test_two_conditions_are_crossed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A", "--by", "a", "--by", "c")["crossed"]
    assert [p["value"] for p in found["panels"]] == ["mlp16 + mlp16", "mlp16 + mlp96", "mlp96 + mlp96"]
    assert all(len(p["curves"]) == 3 for p in found["panels"])


def test_runs_are_compared(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, runs / "A", runs / "B")
    assert [c["label"] for c in found["curves"]] == ["digits/A", "digits/B"]
    assert found["verdicts"][0]["leader"] == "digits/B"


def test_different_protocols_are_refused_or_drawn_with_a_warning(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(runs / "A"), str(runs / "long")]) == 2
    assert "error: digits/A and digits/B follow different protocols: epochs 60 / 99; --force-mixed" in capsys.readouterr().err
    found = answer(capsys, runs / "A", runs / "long", "--force-mixed")
    assert found["warnings"] == ["warning: digits/A and digits/B follow different protocols: epochs 60 / 99"]
    assert found["verdicts"] == []


def test_repeats_are_passes_or_means(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passes, means = answer(capsys, runs / "X")["edf"], answer(capsys, runs / "X", "--mean")["edf"]
    assert (passes["n"], passes["passes"], passes["averaged"]) == (2 * means["n"], 2, 1)
    assert (means["passes"], means["averaged"], means["fraction"]) == (1, 2, 1.0)


def test_what_is_no_uniform_sample_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "drawn by asha: not a uniform sample of digits/A" in answer(capsys, runs / "asha")["notes"][0]
    assert "an exhaustive run in progress" in answer(capsys, runs / "part")["notes"][0]
    assert read(runs / "part").sample.population is None
    assert read(runs / "X").notes() == ()


def test_curves_are_read_when_asked_for(runs: Path) -> None:
    run = read(runs / "B", curves=True)
    assert set(run.curves) == set(run.trainings)
    assert read(runs / "B").curves == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "error: nowhere: "),
        (["A", "--by", "label-aix"], "error: unknown condition 'label-aix'; did you mean 'label-aux'"),
        (["A", "--by", "a", "--by", "b", "--by", "c"], "error: --by crosses two conditions at most"),
        (["A", "--where", "m[aux] = mpl96"], "error: --where 1: "),
        (["A", "--where", "m[aux] = mlp96 and L[*,*] = cutoff"], "error: "),
        (["A", "--coverage", "95"], "error: --coverage must lie between 0 and 1, got 95"),
        (["A", "--by", "m[7]"], "error: m[7]: there is no node 7; nodes are 1 (the target) to 3"),
        (["A", "--by", "L[0,2]"], "error: L[0,2]: there is no node 0"),
        (["A", "--split", ""], "error: constraint: "),
        (["A", "--split", "L[y,1] = cutoff", "--by", "a"], "error: --split and --by part the graphs in two ways"),
        (["A", "A"], "error: {A}: named twice"),
        (["A", "B", "--advice"], "error: several runs are drawn as one curve each"),
        (["A", "--bend"], "error: unrecognized arguments: --bend"),
        ([], "error: the following arguments are required: RUN"),
    ],
)
def test_bad_input_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    places = [str(runs / a) if a in ("A", "B") else a for a in arguments]
    try:
        code = main(places)
    except SystemExit as exit:
        code = exit.code
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.startswith(message.replace("{A}", str(runs / "A")))
    assert "Traceback" not in captured.err


def test_an_empty_run_a_run_of_one_and_one_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(written(tmp_path / "none", "digits/A", 5, keep=0))]) == 2
    assert "it holds no trial yet" in capsys.readouterr().err
    one = written(tmp_path / "one", "digits/X", 1, seed=2)
    assert answer(capsys, one)["edf"]["n"] == 1
    assert main([str(one)]) == 0
    capsys.readouterr()
    assert answer(capsys, one, "--advice")["advice"]["ranked"] == []
    assert main([str(one), "--advice"]) == 0, "what the end of a search names as the next command"
    assert "note: digits/X: 1 graphs are too few for advice" in capsys.readouterr().out
    below = written(tmp_path / "below", "digits/X", 6, protocol={"chance": 99.0})
    with pytest.raises(AnalysisError, match="all 6 are left out"):
        read(below)


def test_equal_graphs_give_no_advice_and_one_line_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = space_named("digits/A")
    folder = written(tmp_path / "equal", "digits/A", 150, error_of=lambda g: 3.0, noise=0.0)
    said = f"digits/A: all {len(read(folder).sample)} graphs end at 13.00 % error, so there is no advice"
    assert answer(capsys, folder, "--advice")["advice"]["none"].startswith(said)
    assert main([str(folder), "--advice"]) == 0
    out = capsys.readouterr()
    assert f"note: {said}" in out.out
    tied = f"best 13.00 %, {len(read(folder).sample)} graphs tie (135 trainings); expected optimism not known: one pass"
    assert tied in out.out
    assert f"resolution 0.1 points (one of {space.protocol.validation} images)" in out.out
    assert main([str(folder)]) == 0
    assert "so there is no spread that a choice could explain" in capsys.readouterr().out


def test_means_of_repeats_name_the_same_best_graph(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passes, means = answer(capsys, runs / "X"), answer(capsys, runs / "X", "--mean")
    assert passes["best"] == means["best"]
    assert means["best"]["error"] == pytest.approx(means["edf"]["best"])
    assert means["best"]["optimism"]["points"] > 0


def test_a_cut_through_equal_graphs_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "tied", "digits/X", error_of=lambda g: float(len(set(g.gates))), noise=0.0)
    assert main([str(folder), "--by", "c"]) == 0
    assert re.search(r"\d+ of the best 52 are among \d+ equal results of \d+\.00 %: each counts \d+/\d+", capsys.readouterr().out)


def test_no_torch_and_no_late_libraries_come_with_the_import() -> None:
    code = ("import sys, engine.analysis.__main__, engine.report.figures.terminal_plot; "
            "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'scipy', 'matplotlib', 'plotext', 'sklearn'}))")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m engine.analysis runs/digits-A-random600 --by label-aux" in capsys.readouterr().out
