"""`python -m engine.report` on a lineage, on a single run, and on what it must refuse."""

from __future__ import annotations

import csv
import html.parser
import json
import re
from pathlib import Path

import numpy as np
import pytest

from engine.analysis.bands import band
from engine.analysis.diagnostics.trajectory import Trajectory
from engine.analysis.edf import Edf
from engine.analysis.run_sample import read
from engine.report.__main__ import main
from engine.report.build import FORMATS, chosen, files, gather
from engine.report.figures.curves import edf_figure, trajectory_figure
from engine.report.figures.style import styled
from engine.report.lineage import chapters
from engine.report.summary import best
from engine.space.reference_graphs import dml
from engine.store.files.evaluations import EvaluationFile
from tests.analysis.folders import written
from tests.store.files.test_evaluations import made as made_evaluation


@pytest.fixture(scope="module")
def lineage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name, n in (("A", 150), ("B", 120), ("C", 100)):
        written(root / name, f"digits/{name}", n)
    written(root / "X", "digits/X", repeats=2, protocol={"epochs": 90})
    written(root / "long", "digits/A", 60, protocol={"epochs": 99})
    return root


@pytest.fixture(scope="module")
def made(lineage: Path) -> dict[str, bytes]:
    return files(gather([lineage / n for n in "XCBA"]), FORMATS)


class Page(html.parser.HTMLParser):
    """What a page holds: tags still open, addresses, ids and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labels = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta",):
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            self.labels += name == "aria-label" and len(value or "") > 20

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta",):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_format_has_its_files(made: dict[str, bytes]) -> None:
    figures = ["figure-3-digits-A", "figure-3-digits-B", "figure-3-digits-C", "figure-4-result", "figure-5-graphs",
               "figure-conditions-digits-A", "figure-conditions-digits-B", "figure-conditions-digits-C", "figure-search"]
    tables = ["table-1-spaces", "table-2-results", "table-cost", "table-outcomes", "table-provenance"]
    assert sorted(made) == sorted([
        *(f"{f}.{e}" for f in figures for e in ("svg", "png", "pdf")), *(f"{t}.{e}" for t in tables for e in ("csv", "tex")),
        "report.html", "report.md",
    ])
    assert all(made[f"{f}.png"].startswith(b"\x89PNG") and made[f"{f}.pdf"].startswith(b"%PDF") for f in figures)


def test_the_page_is_whole_needs_no_network_and_tells_its_pictures(made: dict[str, bytes]) -> None:
    text = made["report.html"].decode()
    page = Page(text)
    assert page.open == []
    assert all(link.startswith("#") for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert page.labels == text.count("<svg ") == 9
    assert "<script" not in text
    assert 'name="viewport"' in text
    assert "prefers-color-scheme: dark" in text
    assert "currentColor" in text
    assert "fill: var(--paper)" in text
    assert "#010203" not in text
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_table_one_is_the_papers_and_table_two_has_dml(made: dict[str, bytes]) -> None:
    rows = made["table-1-spaces.csv"].decode().splitlines()
    assert rows[1] == 'digits/A,none,"78,732","39,366","39,609","29,432"'
    assert rows[4].startswith('digits/X,"L[aux,1] in {through, linear}",972,486,513,513')
    results = made["table-2-results.csv"].decode().splitlines()
    assert results[1].startswith("best 1,")
    assert any(line.startswith("DML of 3 nodes (losses summed),") for line in results)
    assert re.search(r"\d\d\.\d\d ± \d\.\d\d,2$", results[1])


def test_words_say_the_steps_the_certificate_and_the_left_out(made: dict[str, bytes]) -> None:
    text = made["report.md"].decode()
    assert "EDFs of digits/A by models of the auxiliary nodes; digits/B adds m[aux] = mlp96" in text
    assert "EDFs of digits/C by gates from the auxiliary nodes to the target" in text
    assert "513 of 513 graphs, 2 repeats, none missing, sha256 " in text
    worth = re.findall(r"expected optimism \+\d\.\d\d points \(the noise between 2 repeats\)", text)
    assert len(worth) == 2, "in a remark and in the caption"
    assert "digits/A to digits/B by adding m[aux] = mlp96" in text
    assert "for 90 epochs on 512 images" in text
    assert "![Empirical distributions of validation error: " in text


def test_graphs_that_tie_share_their_place_and_are_counted(tmp_path: Path) -> None:
    run = written(tmp_path / "tied", "digits/X", error_of=lambda g: float(g.gate(0, 1) != "through"), noise=0.0)
    assert main([str(run), "--out", str(tmp_path / "out"), "--formats", "md,csv"]) == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| best 1-171 |" in text
    assert "none missing, 171 tie as the best at 10.00 %, sha256 " in text
    assert "best 10.00 %, 171 graphs tie; expected optimism not known: one pass" in text
    assert "171 graphs tie as the best at 10.00 %; named is one drawn by lot from the search seed and the key" in text
    assert "resolution 0.1 points (one of 988 images), nothing finer is told apart" in text


def test_the_same_runs_give_the_same_bytes_whatever_else_is_made(lineage: Path, made: dict[str, bytes]) -> None:
    again = files(gather([lineage / n for n in "ABCX"]), ("html", "pdf", "svg", "csv"))
    assert again == {name: made[name] for name in again}


def test_a_single_random_run_and_a_run_of_one_make_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n in (80, 1):
        run = written(tmp_path / f"run{n}", "digits/X", n, seed=3)
        assert main([str(run), "--out", str(tmp_path / f"out{n}"), "--formats", "html,csv,svg,png"]) == 0
        names = {Path(line).name for line in capsys.readouterr().out.splitlines()}
        assert {"report.html", "figure-4-result.svg", "figure-5-graphs.png", "table-2-results.csv"} <= names


def test_partial_and_unfair_runs_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "part", "digits/X", keep=60)
    assert main([str(run), "--out", str(tmp_path / "out"), "--formats", "md,png", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "an exhaustive run in progress" in told["warnings"][0]
    assert "453 missing" in (tmp_path / "out" / "report.md").read_text()
    assert "figure-conditions-digits-X.png" in told["files"]


def test_one_space_under_two_protocols_is_refused_or_warned_of(lineage: Path, tmp_path: Path,
                                                              capsys: pytest.CaptureFixture[str]) -> None:
    both = [str(lineage / "A"), str(lineage / "long"), "--out", str(tmp_path / "out"), "--formats", "html"]
    assert main(both) == 2
    assert "follow different protocols: epochs 60 / 99; --force-mixed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*both, "--force-mixed"]) == 0
    assert "follow different protocols" in (tmp_path / "out" / "report.html").read_text()


def test_only_our_own_files_are_replaced(lineage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = [str(lineage / "C"), "--out", str(out), "--formats"]
    assert main([*command, "md,csv"]) == 0
    assert main([*command, "md"]) == 0
    assert {p.name for p in out.iterdir()} == {"report.md", ".ktgtui-report.json"}
    (out / "thesis.tex").write_text("mine")
    capsys.readouterr()
    assert main([*command, "md"]) == 2
    assert "holds 'thesis.tex', which no report wrote; name a new or empty folder" in capsys.readouterr().err
    assert (out / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--out", "o"], "error: nowhere: "),
        (["B", "X0", "--out", "o"], "error: "),
        (["C", "--out", "o", "--formats", "htm"], "error: --formats: unknown format 'htm'; did you mean 'html'"),
        (["C", "--out", "o", "--formats", ","], "error: --formats: names no format"),
        (["C", "C", "--out", "o"], "error: {C}: named twice"),
        (["C"], "error: the following arguments are required: --out"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    lineage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if "X0" in arguments:
        written(tmp_path / "X0", "X", 5, protocol={"chance": 0})
    places = [str(lineage / a) if a in ("B", "C") else a for a in arguments]
    try:
        code = main(places)
    except SystemExit as exit:
        code = exit.code
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.startswith(message.replace("{C}", str(lineage / "C")))
    assert "Traceback" not in captured.err
    assert not (tmp_path / "o").exists()


def test_formats_keep_their_order() -> None:
    assert chosen("png, html") == ("html", "png")


def test_references_trained_without_a_trial_are_told(lineage: Path, tmp_path: Path) -> None:
    from engine.space.graph import Graph
    from engine.store.records import State, Training
    from engine.store.run import Run

    run = written(tmp_path / "C", "digits/C", 20)
    alone = Graph(("mlp16",), ("through",))
    with Run.open(run) as opened:
        opened.add(trainings=[Training(id=f"{alone.key}.9", graph=str(alone), repeat=9, seed=0, state=State.DONE, epochs=60,
                                       accuracy=(77.77,))])
    assert "| alone | y->1 through | " in files(gather([run]), ("md",))["report.md"].decode()
    assert "alone,y->1 through,77.77" in files(gather([run]), ("csv",))["table-2-results.csv"].decode()


def test_the_methods_say_whether_the_test_set_was_opened(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", "digits/X", 20)
    assert b"The test set was not read." in files(gather([folder]), ["md"])["report.md"]
    with EvaluationFile(folder) as file:
        file.add([made_evaluation(test=(88.0,))])
    told = files(gather([folder]), ["md"])["report.md"]
    assert b"The test set was not read." not in told
    assert b"digits/X: the test set was opened first on 2026-01-02, for 1 graph: it is no longer unseen." in told


def test_graphs_trained_again_stand_beside_what_they_were_chosen_for(tmp_path: Path) -> None:
    folder = written(tmp_path / "run", "digits/X", 20)
    assert "table-2-retrained.csv" not in files(gather([folder]), ["csv"])
    top = best(chapters([read(folder)])[0])[0].graph
    plain = dml(top.models)
    with EvaluationFile(folder) as file:
        file.add([made_evaluation(key=g.key, graph=str(g), repeat=1_000_000 + r, accuracy=(value, 90.0, 90.0))
                  for g, values in ((top, (95.0, 96.0, 97.0)), (plain, (94.0, 94.0, 97.0))) for r, value in enumerate(values)])
    rows = list(csv.DictReader(files(gather([folder]), ["csv"])["table-2-retrained.csv"].decode().splitlines()))
    assert [r["graph"] for r in rows] == ["best 1", "DML of 3 nodes (losses summed)"]
    assert [r["validation (%)"] for r in rows] == ["96.00 ± 1.00", "95.00 ± 1.73"]
    assert [r["over DML (validation) [95 %]"] for r in rows] == ["+1.00 [-1.48, +3.48]", "-"]
    assert "test (%)" not in rows[0]
    with EvaluationFile(folder) as file:
        file.add([made_evaluation(key=top.key, graph=str(top), accuracy=(95.0, 90.0, 90.0), test=(88.0, 80.0, 80.0))])
    rows = list(csv.DictReader(files(gather([folder]), ["csv"])["table-2-retrained.csv"].decode().splitlines()))
    assert [r["test (%)"] for r in rows] == ["88.00", "-"]


def test_a_first_graph_that_hardly_learned_does_not_flatten_the_rest() -> None:
    def path(*best: float) -> Trajectory:
        steps = np.arange(1, len(best) + 1)
        return Trajectory(steps, 30.0 * steps, 1.0 * steps, np.array(best))

    with styled():
        (axes,) = trajectory_figure([("A", path(75.0, 5.0, *[4.0] * 20, 3.0)), ("B", path(np.nan, 4.5, *[3.5] * 30))]).axes
        assert axes.get_ylim() == pytest.approx((2.9, 5.0))
        (axes,) = trajectory_figure([("A", path(4.5, *[4.0] * 20, 3.0))]).axes
        assert axes.get_ylim()[1] > 4.5
        (axes,) = trajectory_figure([("A", path(np.nan))]).axes


def test_a_band_that_has_no_width_gets_words_and_no_swatch() -> None:
    def drawn(fraction: float) -> tuple[int, list[str]]:
        edf = Edf("X", np.array([1.0, 2.0, 3.0]), fraction=fraction)
        with styled():
            (axes,) = edf_figure([edf], bands=[band(edf)]).axes
        return len(axes.collections), [t.get_text().partition(" (")[0] for t in axes.get_legend().get_texts()]

    assert drawn(0.0)[0] == 1
    assert drawn(1.0) == (0, ["the whole space was trained", "X, n = 3"])
