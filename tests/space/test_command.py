"""`python -m engine.space`: what it prints, what it writes, how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.space.__main__ import main
from engine.space.counting import counts, decision_diagram
from engine.space.files import choices, resolved
from engine.space.files.load import load
from engine.space.graph import Graph


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_space(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "X")
    assert (code, err) == (0, "")
    for part in ("Target ResNet32.", "L[aux,1] in {through, linear}", "972", "486", "513"):
        assert part in out


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "A", "--json")
    data = json.loads(out)
    assert data["counts"] == {
        "raw": 78_732, "paper": 39_366, "keys": 39_609, "effective": 29_432, "taught": 28_512,
        "effective_within": None, "taught_within": None,
    }
    assert data["space"] == resolved.dump(load("A"))


def test_sample_and_list_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    expected = load("X").sample(5, 3)
    _, out, _ = run(capsys, "X", "--sample", "5", "--seed", "3")
    assert [Graph.parse(line.split("  ", 1)[1]) for line in out.splitlines()] == expected
    _, out, _ = run(capsys, "X", "--sample", "5", "--seed", "3", "--json")
    assert [g["key"] for g in json.loads(out)["graphs"]] == [g.key for g in expected]
    _, out, _ = run(capsys, "X", "--list", "--json")
    listed = [g["key"] for g in json.loads(out)["graphs"]]
    assert len(set(listed)) == 513
    parts = [run(capsys, "X", "--list", "--shard", f"{i}/4")[1].splitlines() for i in range(1, 5)]
    assert sorted(line.split()[0] for part in parts for line in part) == sorted(listed)


def test_a_sample_of_more_graphs_than_there_are_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "X", "--sample", "600")
    assert (code, len(out.splitlines())) == (0, 513)
    assert err == "X holds 513 graphs: these are all of them\n"


def test_tree(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "B", "--tree")
    assert out.splitlines() == [
        "A  39,609 graphs",
        "└─ B  m[aux] = wrn28-2  9,963 graphs",
        "   └─ C  L[y,aux] = through  1,134 graphs",
        "      └─ X  L[aux,1] in {through, linear}  513 graphs",
    ]
    _, out, _ = run(capsys, "digits/X", "--tree", "--json")
    assert json.loads(out)["children"][0]["name"] == "digits/B"


def test_a_tree_leaves_out_what_cannot_be_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"extends": "A", "constraints": ["taught"]}')
    (tmp_path / "b.json").write_text('{"extends": "A", "constraints": ["taughtt"]}')
    code, out, err = run(capsys, str(tmp_path / "a.json"), "--tree")
    assert code == 0
    assert "└─ a  taught" in out
    assert "left out: " in err
    assert "b.json: constraint 1" in err


def test_whatif(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "B", "--whatif", "m[2] = resnet32", "--whatif", "L[2,1] = through", "--json")
    assert code == 0
    refused, found = json.loads(out)["whatif"]
    assert refused["verdict"] == "empties the space"
    assert refused["conflict"] == ["m[aux] = wrn28-2", "m[2] = resnet32"]
    assert found["counts"]["keys"] == 5_508
    assert found["counts"]["paper"] is None
    _, out, _ = run(capsys, "B", "--whatif", "m[2] = m[3]")
    assert out.startswith("m[2] = m[3]: changes nothing")


def test_a_long_count_says_that_it_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_diagram, "REPORT_EVERY", decision_diagram.STRIDE)
    monkeypatch.setattr(counts, "LARGEST_EXACT", 2 * decision_diagram.STRIDE)
    gates = ["through", "cutoff", "linear", "correct"]
    (tmp_path / "a.json").write_text(json.dumps({"nodes": 5, "models": {"*": "resnet32"}, "gates": gates}))
    phrase = "L[2,1] = through and taught and count(L[*,*] = cutoff) <= 6"
    code, out, err = run(capsys, str(tmp_path / "a.json"), "--whatif", phrase)
    assert code == 0
    assert err.startswith("counting: ")
    assert " decisions so far" in err
    assert "effective: different for the target          about " in out
    assert " (estimate, 99 %: " in out


def test_refine_writes_a_child(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "new" / "child.json"
    code, text, err = run(capsys, "A", "--refine", "m[aux]=wrn28-2", "--refine", "Ly2=Ly3",
                          "--out", str(out))
    assert code == 0
    assert "m[aux] = wrn28-2: 39,609 -> 9,963 graphs" in text
    assert "written" in err
    assert out.read_text() == (
        '{\n  "name": "child",\n  "extends": "A",\n  "constraints": ["m[aux] = wrn28-2", "L[y,2] = L[y,3]"]\n}\n'
    )
    assert load(out).counts().raw == 3**8
    assert [p.name for p in out.parent.iterdir()] == ["child.json"]
    grand = tmp_path / "grand.json"
    assert run(capsys, str(out), "--refine", "taught", "--out", str(grand), "--name", "of/child")[0] == 0
    assert json.loads(grand.read_text())["extends"] == "new/child.json"
    assert load(grand).name == "of/child"


def test_a_reason_is_kept_beside_the_child(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "B.json"
    assert run(capsys, "A", "--refine", "m[aux]=wrn28-2", "--out", str(out), "--reason", "larger helpers lead")[0] == 0
    (choice,) = choices.read(tmp_path)
    assert (choice.space, choice.parent, choice.constraints, choice.reason, choice.withdrawn) == (
        "B", "A", ("m[aux] = wrn28-2",), "larger helpers lead", False)
    (tmp_path / "choices.jsonl").write_bytes((tmp_path / "choices.jsonl").read_bytes() + b'{"space": "to')
    assert choices.reasons(tmp_path) == {"B": "larger helpers lead"}, "a torn last line is passed over"
    code, _, err = run(capsys, "A", "--refine", "taught", "--reason", "no file")
    assert (code, "--reason needs --out" in err) == (2, True)


def test_refine_never_replaces_unasked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "child.json"
    out.write_text("mine")
    code, text, err = run(capsys, "A", "--refine", "taught", "--out", str(out))
    assert (code, text) == (2, "")
    assert "already exists" in err
    assert out.read_text() == "mine"
    assert run(capsys, "A", "--refine", "taught", "--out", str(out), "--force")[0] == 0
    assert load(out).keys < load("A").keys


def test_no_child_replaces_what_it_extends(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    root, child = tmp_path / "root.json", tmp_path / "child.json"
    assert run(capsys, "A", "--refine", "taught", "--out", str(root))[0] == 0
    assert run(capsys, str(root), "--refine", "m[2] = m[3]", "--out", str(child))[0] == 0
    before = root.read_text(), child.read_text()
    for parent, out in ((child, child), (child, root), (child, tmp_path / "." / ".." / tmp_path.name / "root.json")):
        code, text, err = run(capsys, str(parent), "--refine", "L[2,1] = through", "--out", str(out), "--force")
        assert (code, text) == (2, "")
        assert "the child extends it, and would be its own ancestor; choose another name" in err
    assert (root.read_text(), child.read_text()) == before
    assert run(capsys, str(root), "--refine", "m[2] = m[3]", "--out", str(child), "--force")[0] == 0


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    one = "1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, 2>1 through"
    other = "1:resnet32 2:wrn28-2 3:wrn28-2 | y>1 through, 3>1 through"
    _, out, _ = run(capsys, "A", "--explain", one, "--explain", other)
    assert "KD" in out
    assert "node 3 cannot reach the target" in out
    assert "nodes 2 and 3 swapped" in out
    _, out, _ = run(capsys, "X", "--explain", one, "--json")
    told = json.loads(out)["explain"][0]
    assert (told["inside"], told["unmet"]) == (False, ["L[y,aux] = through", "L[aux,1] in {through, linear}"])
    _, out, _ = run(capsys, "A", "--explain", one, "--explain", other, "--json")
    assert json.loads(out)["explain"][2]["why_equal"] == ["nodes 2 and 3 swapped"]


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--schema")
    assert code == 0
    assert json.loads(out)["$ref"] == "#/$defs/SpaceFile"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no space file given"),
        (["nope"], "there is no space file 'nope'"),
        (["n" * 300], f"{'n' * 60}...: the name is too long for a file; name a shorter one"),
        (["X", "--whatif", "L[2,1] = throgh"], "did you mean 'through'"),
        (["X", "--refine", "L[2,1] = cutoff"], "cannot hold together"),
        (["A", "--refine", "L[*,1] = cutoff"], "no valid graph is left"),
        (["X", "--out", "a.json"], "--out needs --refine"),
        (["X", "--shard", "1/2"], "--shard needs --list"),
        (["X", "--list", "--shard", "9/8"], "must be i/n with 1 <= i <= n, got 9/8"),
        (["X", "--list", "--shard", "a"], "expected I/N such as 3/8, got 'a'"),
        (["X", "--sample", "-1"], "--sample: must be at least 1 graph, got -1"),
        (["X", "--sample", "0"], "--sample: must be at least 1 graph, got 0"),
        (["X", "--sample", "3", "--list"], "--sample and --list: one question at a time"),
        (["X", "--sample", "1", "--seed", "-4"], "seed: must be at least 0, got -4"),
        (["X", "--explain", "1:resnet32"], "graph text"),
        (["X", "--explain", "1:RESNET32 2:wrn28-2 | y>1 through"], "unknown model 'RESNET32'; did you mean 'resnet32'?"),
        (["A", "--refine", "taught", "--out", "/dev/null/x.json"], "/dev/null/x.json: cannot be written"),
        (["A", "--refine", "taught", "--out", "my space.json"], "'my space' cannot name a space"),
    ],
)
def test_refusals(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert said in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_a_fresh_interpreter_stays_light() -> None:
    """Reading and counting a space loads no numpy; nothing of the room loads torch or scipy."""
    script = (
        "import sys\n"
        "from engine.space.files.load import load\n"
        "from engine.space.text.describe_space import describe\n"
        "from engine.space.what_if import whatif\n"
        "space = load('X'); space.counts(); describe(space); whatif(space, 'taught')\n"
        "light = [m for m in ('numpy', 'torch', 'scipy') if m in sys.modules]\n"
        "space.sample(3, 0); list(space.enumerate())\n"
        "import engine.space.__main__, engine.space.counting.estimate\n"
        "print(light, [m for m in ('torch', 'scipy') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout.split("\n")[0] == "[] []"


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "python -m engine.space A --whatif" in capsys.readouterr().out
