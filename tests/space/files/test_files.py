"""Space files: what is read from them, and the one clear line that a bad one gives."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.errors import SpaceError
from engine.space.files import resolved, space_file
from engine.space.files.load import load
from engine.space.files.named_protocols import NAMES

ROOT: dict[str, Any] = {
    "nodes": 3,
    "models": {"1": "resnet20", "aux": ["resnet20", "wrn16-2"]},
    "gates": ["through", "cutoff"],
    "protocol": {"data": "cifar10", "train": 1000, "validation": 500, "epochs": 3},
}


def write(folder: Path, name: str, data: Any) -> Path:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_a_file_of_its_own(tmp_path: Path) -> None:
    space = load(write(tmp_path, "mine.json", ROOT))
    assert space.name == "mine"
    assert space.models == (("resnet20",), ("resnet20", "wrn16-2"), ("resnet20", "wrn16-2"))
    assert space.gates == (("through", "cutoff"),) * 9
    assert space.protocol.epochs == 3
    assert space.protocol.momentum == 0.9
    assert space.counts().keys == 1_056


def test_a_child_narrows_and_merges(tmp_path: Path) -> None:
    write(tmp_path, "root.json", ROOT)
    (tmp_path / "below").mkdir()
    child = write(tmp_path, "below/child.json", {
        "name": "of/mine", "extends": "../root.json", "models": {"aux": "wrn16-2"}, "gates": {"L[y,*]": "through"},
        "protocol": {"epochs": 9}, "constraints": ["L[aux,1] = through"],
    })
    space = load(child)
    assert space.slug == "of-mine"
    assert space.models == (("resnet20",), ("wrn16-2",), ("wrn16-2",))
    assert space.gates[0] == ("through",)
    assert space.gates[1] == ("through", "cutoff")
    assert (space.protocol.epochs, space.protocol.train) == (9, 1000)
    assert [a.name for a in space.lineage] == ["root", "of/mine"]
    assert space.counts().raw == 2**4
    more = {"extends": "child.json", "constraints": ["L[1,aux] = cutoff"]}
    grandchild = load(write(tmp_path, "below/more.json", more))
    assert [str(p) for p in grandchild.phrases] == ["L[aux,1] = through", "L[1,aux] = cutoff"]


def test_a_child_of_a_shipped_space(tmp_path: Path) -> None:
    space = load(write(tmp_path, "mine.json", {"extends": "digits/A", "constraints": ["L[y,1] = through"]}))
    assert [a.name for a in space.lineage] == ["digits/A", "mine"]
    assert space.protocol == load("digits/A").protocol


def test_a_path_wins_over_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load("X").nodes == 3
    write(tmp_path, "X", ROOT)
    assert load("X").models[0] == ("resnet20",)
    (tmp_path / "digits").mkdir()
    assert load("digits/A").name == "digits/A"


def test_groups_meet_where_they_overlap(tmp_path: Path) -> None:
    gates = {"L[*,*]": ["through", "cutoff", "linear"], "L[y,*]": ["through", "linear"], "L[*,1]": ["linear", "cutoff"]}
    space = load(write(tmp_path, "x.json", {**ROOT, "gates": gates}))
    assert space.gates[0] == ("linear",)
    assert space.gates[1] == ("cutoff", "linear")
    assert space.gates[3] == ("through", "linear")


def test_every_shipped_space_loads_and_reads_back() -> None:
    assert set(space_file.shipped()) >= {"A", "B", "C", "X", "minami2020", "digits/A", "digits/B", "digits/C", "digits/X"}
    for name, path in space_file.shipped().items():
        space = load(name)
        assert space.name == name
        assert load(path) == space
        assert resolved.load(json.loads(json.dumps(resolved.dump(space)))) == space


def test_the_papers_protocol() -> None:
    c, x = load("C"), load("X")
    assert c.protocol.epochs == 100
    assert (x.protocol.epochs, x.protocol.repeats) == (200, 5)
    assert c.differs(x) == ["constraints", "protocol.epochs"]
    assert c.differs(load("C")) == []
    assert (x.protocol.data, x.protocol.train, x.protocol.validation) == ("cifar100", 40_000, 10_000)
    assert (x.protocol.crop, x.protocol.flip, x.protocol.weight_decay) == (4, True, 5e-4)
    assert (x.protocol.lr, x.protocol.momentum, x.protocol.nesterov, x.protocol.batch) == (0.1, 0.9, True, 64)
    assert (x.protocol.schedule, x.protocol.warmup, x.protocol.normalisation) == ("cosine", 0, "none")


def test_named_protocols() -> None:
    """What each settles beside the defaults, and that every one is valid for its data set."""
    said = {name: load("digits/X").with_protocol({"base": name}).protocol for name in NAMES}
    assert said["cifar100"] == load("A").protocol
    assert said["cifar10"] == msgspec.structs.replace(load("A").protocol, data="cifar10")
    assert said["digits"] == load("digits/A").protocol
    assert (said["fashion-mnist"].data, said["tiny"].data) == ("fashion-mnist", "digits")
    assert said["fashion-mnist"].train + said["fashion-mnist"].validation == 60_000


def test_a_named_protocol_in_a_file_is_written_out_whole(tmp_path: Path) -> None:
    space = load(write(tmp_path, "named.json", {**ROOT, "protocol": "tiny"}))
    assert resolved.dump(space)["protocol"]["epochs"] == space.protocol.epochs == 5
    assert "base" not in resolved.dump(space)["protocol"]
    changed = load(write(tmp_path, "base.json", {**ROOT, "protocol": {"epochs": 7, "base": "tiny"}}))
    assert changed.differs(space) == ["protocol.epochs"]
    # A parent's keys do not survive a child's base; its own keys do.
    write(tmp_path, "parent.json", {**ROOT, "protocol": {"lr": 0.7, "warmup": 3}})
    child = load(write(tmp_path, "child.json", {"extends": "parent.json", "protocol": {"base": "digits", "warmup": 1}}))
    assert (child.protocol.lr, child.protocol.warmup, child.protocol.data) == (0.1, 1, "digits")
    grandchild = load(write(tmp_path, "more.json", {"extends": "child.json", "protocol": {"epochs": 2}}))
    assert grandchild.differs(child) == ["protocol.epochs"]
    assert load(write(tmp_path, "same.json", {"extends": "child.json"})).protocol == child.protocol


def test_with_protocol() -> None:
    space = load("X")
    assert space.with_protocol({"epochs": 5}).protocol.epochs == 5
    assert space.with_protocol({"epochs": 5}).differs(space) == ["protocol.epochs"]
    assert space.with_protocol({"epochs": 5, "base": "tiny"}).protocol.epochs == 5
    assert space.with_protocol({"base": "tiny"}).protocol.data == "digits"
    with pytest.raises(SpaceError, match=r"protocol\.base: unknown protocol 'small'"):
        space.with_protocol({"base": "small"})
    with pytest.raises(SpaceError, match=r"protocol: unknown key 'epoch'; did you mean 'epochs'"):
        space.with_protocol({"epoch": 5})
    with pytest.raises(SpaceError, match=r"protocol\.epochs: expected a whole number, got \"five\"$"):
        space.with_protocol({"epochs": "five"})
    with pytest.raises(SpaceError, match=r"protocol\.optimizer: expected 'sgd' or 'adamw', got \"adam\"$"):
        space.with_protocol({"optimizer": "adam"})
    with pytest.raises(SpaceError, match=r"protocol\.milestones: expected a whole number, got \[3, \"x\"\]$"):
        space.with_protocol({"milestones": [3, "x"]})
    with pytest.raises(SpaceError, match=r"protocol\.lr: must be a finite number, got inf$"):
        space.with_protocol({"lr": float("inf")})
    with pytest.raises(SpaceError, match=r"at most the 50,000 training images of cifar100, got 45,000 \+ 10,000"):
        space.with_protocol({"train": 45_000})


BROKEN: list[tuple[str, Any, str]] = [
    ("empty", "", "the file is empty"),
    ("blank", " \n\n", "the file is empty"),
    ("broken JSON", '{"nodes": 3,\n "models" {}}', "broken JSON at line 2, column 11"),
    ("half", '{"nodes": 3', "broken JSON at line 1, column 12"),
    ("two values", "{} {}", "broken JSON at line 1, column 4"),
    ("deep", "[" * 100_000, "broken JSON"),
    ("NaN", '{"nodes": NaN}', "NaN is not JSON"),
    ("huge number", '{"nodes": ' + "9" * 5000 + "}", "broken JSON"),
    ("a list", "[]", "a space file holds one JSON object, got []"),
    ("a string", '"X"', 'a space file holds one JSON object, got "X"'),
    ("nothing", {}, "'nodes' is missing; a space without 'extends' needs"),
    ("no gates", {"nodes": 3, "models": {"*": "resnet20"}}, "'gates' is missing"),
    ("unknown key", {**ROOT, "constrains": []}, "unknown key 'constrains'; did you mean 'constraints'?"),
    ("unknown protocol key", {**ROOT, "protocol": {"epoch": 3}}, "protocol: unknown key 'epoch'; did you mean"),
    ("key twice", '{"nodes": 3, "nodes": 2}', "key 'nodes' is written twice"),
    ("nodes a string", {**ROOT, "nodes": "3"}, 'nodes: expected a whole number, got "3"'),
    ("nodes 1", {**ROOT, "nodes": 1}, "nodes: expected a whole number >= 2, got 1"),
    ("nodes 9", {**ROOT, "nodes": 9}, "nodes: expected a whole number <= 8, got 9"),
    ("a list in a list", {**ROOT, "gates": {"L[*,*]": ["through", 3]}}, "gates['L[*,*]'][1]: expected text, got 3"),
    ("a bad enum", {**ROOT, "protocol": {"schedule": "cosinus"}},
     "protocol.schedule: expected 'cosine' or 'multistep' or 'constant', got \"cosinus\""),
    ("nodes true", {**ROOT, "nodes": True}, "nodes: expected"),
    ("models a list", {**ROOT, "models": ["resnet20"]}, "models: expected an object, got [\"resnet20\"]"),
    ("models a number", {**ROOT, "models": {"1": 7}}, "models['1']: expected text or a list, got 7"),
    ("no such node", {**ROOT, "models": {"4": "resnet20"}}, "there is no node '4'; nodes are 1, 2, 3, aux, *"),
    ("node left out", {**ROOT, "models": {"1": "resnet20", "2": "resnet20"}}, "nothing is said of node 3"),
    ("unknown model", {**ROOT, "models": {"*": "resnet31"}}, "unknown model 'resnet31'; did you mean 'resnet32'?"),
    ("empty list", {**ROOT, "models": {"*": []}}, "an empty list leaves nothing to choose"),
    ("twice", {**ROOT, "gates": ["through", "through"]}, "'through' is listed twice"),
    ("unknown gate", {**ROOT, "gates": ["thru"]}, "unknown gate 'thru'; did you mean 'through'?"),
    ("gates a string", {**ROOT, "gates": "through"}, 'gates: expected an object or a list, got "through"'),
    ("bad edge", {**ROOT, "gates": {"L[2,2]": ["through"]}}, "a node does not teach itself"),
    ("edge is a model", {**ROOT, "gates": {"m[2]": ["through"]}}, "'m[2]' is a model"),
    ("edges left out", {**ROOT, "gates": {"L[y,*]": ["through"]}}, "nothing is said of L[2,1]"),
    ("nothing in common", {**ROOT, "gates": {"L[*,*]": "cutoff", "L[2,1]": "through"}}, "L[2,1] has nothing left"),
    ("constraint not text", {**ROOT, "constraints": [3]}, "constraints[0]: expected text, got 3"),
    ("bad constraint", {**ROOT, "constraints": ["taught", "m[2] = wrn"]}, "constraint 2: unknown model 'wrn'"),
    ("no graph", {**ROOT, "constraints": ["m[2] = m[1]", "m[aux] = wrn16-2"]},
     "no graph is left: 'm[2] = m[1]' and 'm[aux] = wrn16-2' cannot hold together"),
    ("no graph of itself", {**ROOT, "constraints": ["taught", "L[2,1] = correct"]},
     "no graph is left: 'L[2,1] = correct' excludes every graph"),
    ("no valid graph", {**ROOT, "constraints": ["L[*,1] = cutoff"]}, "no valid graph is left"),
    ("no valid gates", {**ROOT, "gates": ["cutoff"]}, "no valid graph is left"),
    ("epochs 0", {**ROOT, "protocol": {"epochs": 0}}, "protocol.epochs: must be at least 1, got 0"),
    ("batch 0", {**ROOT, "protocol": {"batch": 0}}, "protocol.batch: must be at least 1, got 0"),
    ("more processes than images", {**ROOT, "protocol": {"train": 65, "batch": 64, "processes": 2}},
     'protocol.processes: 2 processes cannot share a batch of 1 images; ask for fewer, or set protocol.last_batch to "drop"'),
    ("more processes than a batch", {**ROOT, "protocol": {"train": 64, "batch": 8, "processes": 9}},
     "protocol.processes: 9 processes cannot share a batch of 8 images; ask for fewer"),
    ("batch too large", {**ROOT, "protocol": {"train": 32, "batch": 64}}, "protocol.batch: must be at most the 32"),
    ("epochs a string", {**ROOT, "protocol": {"epochs": "3"}}, 'protocol.epochs: expected a whole number, got "3"'),
    ("rate without end", '{"extends": "A", "protocol": {"lr": 1e999}}', "protocol.lr: must be a finite number, got inf"),
    ("unknown data", {**ROOT, "protocol": {"data": "cifar"}}, "unknown data set 'cifar'; did you mean 'cifar10"),
    ("unknown protocol", {**ROOT, "protocol": "tinny"}, "protocol: unknown protocol 'tinny'; did you mean 'tiny'?"),
    ("unknown base", {**ROOT, "protocol": {"base": "digit"}}, "protocol: base: unknown protocol 'digit'; did you mean 'digits'?"),
    ("base a number", {**ROOT, "protocol": {"base": 3}}, "protocol: base: unknown protocol 3; known: cifar10, cifar100"),
    ("protocol a list", {**ROOT, "protocol": ["tiny"]}, 'protocol: expected text or an object, got ["tiny"]'),
    ("bad name", {**ROOT, "name": "../x"}, 'name: expected letters, digits and _ . + -, in parts joined by /'),
    ("missing parent", {"extends": "nope.json"}, "extends: there is no space file"),
    ("missing shipped parent", {"extends": "digits/Q"}, "did you mean"),
    ("extends a number", {"extends": 3}, "extends: expected"),
    ("own parent", {"extends": "it.json"}, "the file is its own ancestor (it.json -> it.json)"),
    ("wider model", {"extends": "A", "models": {"1": ["resnet32", "resnet20"]}}, "a child may only narrow its parent"),
    ("wider gate", {"extends": "A", "gates": ["through", "correct"]}, "'correct' is not in it; the parent has"),
    ("other nodes", {"extends": "A", "nodes": 4}, "a child keeps its parent's 3 nodes, got 4"),
    ("child leaves none", {"extends": "B", "constraints": ["m[2] = resnet32"]},
     "'m[aux] = wrn28-2' and 'm[2] = resnet32' cannot hold together"),
]


@pytest.mark.parametrize(("data", "said"), [(d, s) for _, d, s in BROKEN], ids=[name for name, _, _ in BROKEN])
def test_bad_files(tmp_path: Path, data: Any, said: str) -> None:
    path = write(tmp_path, "it.json", data)
    with pytest.raises(SpaceError) as caught:
        load(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_bad_encodings(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        path.write_bytes(json.dumps(ROOT).encode(encoding))
        with pytest.raises(SpaceError, match="is UTF-16 or UTF-32, a space file is UTF-8"):
            load(path)
    path.write_bytes(b'{"nodes": 3,\n"note": "\xff"}')
    with pytest.raises(SpaceError, match=r"line 2: not UTF-8 \(byte 0xff\)"):
        load(path)
    path.write_bytes(json.dumps(ROOT).encode("utf-8-sig"))
    assert load(path).nodes == 3


def test_a_circle_of_parents(tmp_path: Path) -> None:
    write(tmp_path, "a.json", {"extends": "b.json"})
    write(tmp_path, "b.json", {"extends": "c.json"})
    path = write(tmp_path, "c.json", {"extends": "a.json"})
    with pytest.raises(SpaceError, match=r"its own ancestor \(c.json -> a.json -> b.json -> c.json\)"):
        load(path)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="is a folder, not a space file"):
        load(tmp_path)
    with pytest.raises(SpaceError, match="did you mean 'digits/X'"):
        load("digit/X")
    with pytest.raises(SpaceError, match=r"there is no space file '\.\./X'"):
        load("../X")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpaceError, match="no space file"):
        load(tmp_path / "pipe")
    large = write(tmp_path, "large.json", " " * 1_000_001)
    with pytest.raises(SpaceError, match="larger than 1,000,000 bytes"):
        load(large)


@pytest.mark.parametrize(
    "change",
    [
        {"nodes": 4},
        {"models": [["resnet32"]]},
        {"models": [["resnet32"], ["nope"], ["resnet32"]]},
        {"gates": {}},
        {"protocol": {"epoch": 1}},
        {"lineage": [{"phrases": []}]},
        {"lineage": [{"name": "A", "constraints": ["m[2"]}]},
        {"more": 1},
    ],
)
def test_damaged_resolved_data(change: dict[str, Any]) -> None:
    data = {**resolved.dump(load("A")), **change}
    with pytest.raises(SpaceError, match=r"^run.json"):
        resolved.load(data, "run.json")


def test_the_schema_says_what_the_reader_does() -> None:
    schema = space_file.schema()
    properties = schema["$defs"]["SpaceFile"]["properties"]
    assert set(properties) == {"name", "note", "extends", "nodes", "models", "gates", "protocol", "constraints"}
    assert schema["$defs"]["SpaceFile"]["additionalProperties"] is False
    assert {"epochs", "base"} <= set(schema["$defs"]["ProtocolKeys"]["properties"])
    json.dumps(schema)
    named, keys = schema["$defs"]["SpaceFile"]["properties"]["protocol"]["anyOf"]
    assert set(named["enum"]) == set(NAMES)
    assert keys == {"$ref": "#/$defs/ProtocolKeys"}
