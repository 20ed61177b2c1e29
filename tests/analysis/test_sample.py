"""Codes read from text must say what `Graph` says."""

from __future__ import annotations

import numpy as np

from engine.analysis.sample import sample
from engine.space.graph import Graph, edges
from tests.analysis.made import PROTOCOL, simulated, trial


def test_codes_are_the_graphs_they_were_read_from() -> None:
    trials = simulated(200, 1)
    table = sample(trials, PROTOCOL, name="A")
    for row, record in enumerate(table.trials):
        drawn = Graph.parse(record.graph)
        assert tuple(table.model_names[c] for c in table.models[row]) == drawn.models
        assert tuple(table.gate_names[c] for c in table.gates[row]) == drawn.gates


def test_pretrained_nodes_and_columns_agree_with_the_graph() -> None:
    table = sample(simulated(300, 2), PROTOCOL, name="A")
    frozen = table.pretrained()
    column = table.gate_column(2, 1)
    assert frozen.any()
    for row, record in enumerate(table.trials):
        drawn = Graph.parse(record.graph)
        assert frozen[row].tolist() == [drawn.is_pretrained(n) for n in (1, 2, 3)]
        assert table.gate_names[column[row]] == drawn.gate(2, 1)


def test_a_graph_with_no_open_edge_is_all_cutoff() -> None:
    closed = Graph(("mlp12", "mlp96"), ("cutoff",) * 4)
    table = sample([trial(0, 10.0, closed)], PROTOCOL, name="A")
    assert [table.gate_names[c] for c in table.gates[0]] == ["cutoff"] * len(edges(2))


def test_a_part_of_a_sample_keeps_rows_and_left_out_counts() -> None:
    table = sample([*simulated(20, 3), trial(20, None)], PROTOCOL, name="A", population=100)
    part = table.where(table.errors < np.median(table.errors), "good")
    assert len(part) == 10
    assert part.name == "good"
    assert part.left_out.failed == 1
    assert part.fraction == table.fraction == 0.21
