"""Data-parallel training by two processes over gloo: the gradient of the whole batch, and what batch normalisation changes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from engine.errors import TrainingError
from engine.executors.data_parallel.process_group import VARIABLES, Others, launched, size_of
from engine.space.graph import Graph
from engine.training.models.registry import build
from engine.training.seeds import seeded
from tests.training import parallel_rank

FIELDS = {"train": 27, "epochs": 2, "batch": 7, "precision": "float64"}
"""The last batch of an epoch has 6 images; 7 are divided as 3 and 4."""

GRAPHS = [
    "1:mlp4 2:mlp7 3:mlp4 | y>1 through, 2>1 correct, 3>1 linear, y>2 through, 1>2 linear, y>3 through, 1>3 correct",
    "1:mlp7 2:mlp4 | y>1 linear, 2>1 through, y>2 through",
    "1:mlp4 | y>1 through",
]

Found = dict[str, torch.Tensor]


def by_two(folder: Path, fields: dict[str, Any], graphs: list[str]) -> Found:
    """What process 0 of two saved."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    group |= {"CUDA_VISIBLE_DEVICES": ""}
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, parallel_rank.__file__, str(folder / "found.pt"), json.dumps(fields), json.dumps(graphs)]
    both = [
        subprocess.Popen(command, env={**os.environ, **group, "RANK": r, "LOCAL_RANK": r, "PYTHONPATH": paths}) for r in "01"
    ]
    try:
        assert [process.wait(100) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
    found: Found = torch.load(folder / "found.pt", weights_only=True)
    return found


@pytest.mark.parametrize(
    ("changes", "tolerance"),
    [
        ({"label_smoothing": 0.1, "temperature": 2.0, "join": "mean", "crop": 1, "flip": True}, 1e-12),
        pytest.param({"precision": "float32"}, 1e-6, marks=pytest.mark.slow),
        pytest.param({"optimizer": "adamw", "lr": 0.01, "last_batch": "drop"}, 1e-11, marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_as_one(tmp_path, changes, tolerance):
    """No batch normalisation: first gradients, final weights, losses and accuracies, with gates that choose samples."""
    fields = {**FIELDS, **changes}
    one = parallel_rank.trained(fields, GRAPHS)
    two = by_two(tmp_path, {**fields, "processes": 2}, GRAPHS)
    assert one.keys() == two.keys()
    assert sum(name.startswith("gradient") for name in one) == 8  # two layers of weights and biases, two models
    for name, tensor in one.items():
        # Weights drift apart step by step; gradients are compared as they are.
        allowed = tolerance if name.startswith("gradient") else 10 * tolerance
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=0 if name.startswith("accuracy") else allowed, msg=name)


@pytest.mark.slow
def test_batch_normalisation_sees_each_process_part(tmp_path):
    """The reference: an ordinary loop that shows the network one part of each batch after the other."""
    fields = {**FIELDS, "epochs": 1}
    found = by_two(tmp_path, {**fields, "processes": 2}, ["1:cnn2 | y>1 through"])
    train = parallel_rank.images(27, 1, torch.float64)
    from engine.space.protocol import resolve
    from engine.training.data.batches import Batches

    protocol = resolve({"data": "digits", "validation": 30, **fields})
    with seeded("weights", 0, 0, Graph.parse("1:cnn2 | y>1 through").key, 1):
        network = build("cnn2", (1, 6, 6), 10).double()
    chosen = torch.optim.SGD(network.parameters(), protocol.lr, 0.9, nesterov=True, weight_decay=protocol.weight_decay)
    for batch in Batches(train, protocol, 0, 0).epoch(0):
        chosen.zero_grad()
        half = len(batch.labels) // 2
        for part in (slice(half, None), slice(0, half)):
            before = {n: b.clone() for n, b in network.named_buffers()}
            images, labels = batch.images[part], batch.labels[part]
            (cross_entropy(network(images), labels) * (len(labels) / len(batch.labels))).backward()
            if part.start:  # running statistics are process 0's, which has the first part
                for name, buffer in network.named_buffers():
                    buffer.copy_(before[name])
        chosen.step()
    for name, tensor in network.state_dict().items():
        key = next(k for k in found if k.startswith("weight") and k.endswith(name.replace(".", "__")))
        torch.testing.assert_close(found[key][0], tensor, rtol=0, atol=1e-11, msg=name)


def test_a_protocol_for_a_group_is_refused_by_a_process_alone(prepare):
    with pytest.raises(TrainingError, match="shares each batch among 2 processes, but there are 1; only a search starts them"):
        prepare([Graph.parse(GRAPHS[2])], processes=2)


@pytest.mark.parametrize(
    ("environment", "asked", "found"),
    [({}, None, None), ({}, 3, 3), ({"WORLD_SIZE": "1", "RANK": "0"}, None, None), ({"WORLD_SIZE": "2", "RANK": "1"}, None, 2),
     ({"WORLD_SIZE": "2", "RANK": "1"}, 2, 2), ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, None, 2),
     ({"WORLD_SIZE": "many", "RANK": "0"}, 2, 2)],
)  # fmt: skip
def test_the_size_of_a_group_is_as_asked_or_as_launched(monkeypatch, environment, asked, found):
    for name in (name for pair in VARIABLES for name in pair):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert size_of(asked) == found
    assert launched() == ((1, 2) if "2" in environment.values() else None)


def test_the_environment_is_as_it_was_when_the_others_have_ended(monkeypatch):
    for name in (name for pair in VARIABLES for name in pair):
        monkeypatch.delenv(name, raising=False)
    made = []

    class Started:
        def __init__(self, command, env, **how):
            made.append((command[1:], env["RANK"], env["WORLD_SIZE"], env["MASTER_PORT"]))
            self.running = True

        def terminate(self):
            self.running = False

        def wait(self, seconds):
            assert not self.running

        def poll(self):
            return 0

    monkeypatch.setattr(subprocess, "Popen", Started)
    before = dict(os.environ)
    others = Others(3)
    assert [(c, r, w) for c, r, w, _ in made] == [(["-m", "engine.executors.data_parallel.member"], r, "3") for r in "12"]
    assert len({port for *_, port in made}) == 1
    assert launched() == (0, 3)
    others.end()
    assert dict(os.environ) == before


def test_a_size_other_than_launched_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(TrainingError, match="--processes 4, but the launcher has started 2; leave --processes out"):
        size_of(4)
