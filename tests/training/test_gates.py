"""Gates: their weights over training, the table of a pack, and gates that other packages bring."""

from __future__ import annotations

from importlib import metadata

import pytest
import torch

from engine.errors import TrainingError
from engine.packing.packs import shape_for
from engine.space import catalogue
from engine.space.graph import Graph
from engine.training import gates, plugins
from engine.training.gates import GATES, Gate, GateTable, find, got_right
from engine.training.losses import pack_loss
from engine.training.pack_plan import plan

FLOAT64 = torch.empty(0, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "first", "middle", "last"),
    [
        ("through", 1, 1, 1),
        ("cutoff", 0, 0, 0),
        ("linear", 1 / 40, 0.5, 1),
        ("correct", 1, 1, 1),
        ("negative-linear", 39 / 40, 0.5, 0),
    ],
)
def test_weights_at_the_first_middle_and_last_iteration(name, first, middle, last):
    """Iterations count from 1: `linear` is not 0 at the first, `negative-linear` is 0 at the last only."""
    weight = find(name).weight
    assert [weight(k, 40) for k in (1, 20, 40)] == pytest.approx([first, middle, last], abs=1e-15)


def test_every_built_in_gate_has_its_weights_tested():
    assert set(GATES) == {"through", "cutoff", "linear", "correct", "negative-linear"}


def test_a_run_of_one_iteration():
    assert {n: g.weight(1, 1) for n, g in GATES.items()} == {
        "through": 1.0, "cutoff": 0.0, "linear": 1.0, "correct": 1.0, "negative-linear": 0.0,
    }  # fmt: skip


def test_got_right_compares_the_most_probable_class_with_the_label():
    lp = torch.tensor([[[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], [[0.2, 0.2, 0.6], [0.1, 0.2, 0.7]]]).log()
    assert got_right(lp, torch.tensor([1, 2])).tolist() == [[1, 0], [0, 1]]


def table(graphs, k_end=10, scale=None):
    laid = plan(graphs, shape_for(graphs, len(graphs), max(g.nodes for g in graphs)))
    return GateTable(laid.shape.gates, laid.gates, k_end, FLOAT64, scale)


def test_the_table_has_each_edges_weight_under_its_mask_kind():
    graph = Graph(("mlp2", "mlp3"), ("linear", "correct", "negative-linear", "through"))
    made = table([graph])
    assert made.masks == (got_right,)
    at = made.at(3)
    assert at.shape == (2, 1, 2, 3)
    # [target][label, node 1, node 2]: y>1 linear, 2>1 correct (masked), y>2 negative-linear, 1>2 through.
    torch.testing.assert_close(at[0, 0], torch.tensor([[0.3, 0, 0], [0.7, 1, 0]], dtype=torch.float64))
    torch.testing.assert_close(at[1, 0], torch.tensor([[0.0, 0, 1], [0, 0, 0]], dtype=torch.float64))


def test_a_label_edge_is_never_masked():
    at = table([Graph(("mlp2",), ("correct",))]).at(1)
    assert at[0, 0, 0, 0] == 1
    assert at[1].abs().max() == 0


def test_scale_multiplies_every_weight():
    graph = Graph(("mlp2", "mlp3"), ("linear", "correct", "negative-linear", "through"))
    scale = torch.tensor([[[2.0, 3, 5], [7, 11, 13]]], dtype=torch.float64)
    plain, scaled = table([graph]).at(4), table([graph], scale=scale).at(4)
    torch.testing.assert_close(scaled, plain * scale)


def test_an_unknown_gate_is_refused_with_the_nearest():
    with pytest.raises(TrainingError, match=r"unknown gate 'lineer'; did you mean 'linear'\?"):
        find("lineer")


# --- gates of other packages


class Entry:
    """An installed entry point, as far as anybody looks at one."""

    def __init__(self, name: str, value: object) -> None:
        self.name, self.value = name, value

    def load(self) -> object:
        return self.value


def forget() -> None:
    catalogue.entry_points.cache_clear()
    plugins._installed.cache_clear()


@pytest.fixture
def installed(monkeypatch):
    """Make entry points of `engine.gates` known for one test."""

    def install(**brought: object) -> None:
        def entry_points(*, group: str, name: str | None = None) -> list[Entry]:
            found = [Entry(n, v) for n, v in brought.items()] if group == "engine.gates" else []
            return [e for e in found if name in (None, e.name)]

        monkeypatch.setattr(metadata, "entry_points", entry_points)
        forget()

    yield install
    monkeypatch.undo()
    forget()


def sure(log_probabilities, labels):
    """Samples of which the source is sure: more than half of the mass on one class."""
    return (log_probabilities.amax(-1).exp() > 0.5).to(log_probabilities.dtype)


def test_a_gate_from_an_entry_point_is_known_and_used(installed):
    installed(sure=Gate(lambda k, k_end: 0.25 * k, sure))
    assert catalogue.is_gate("sure")
    assert "sure" in catalogue.known_gates()
    graph = Graph(("mlp2", "mlp2"), ("cutoff", "sure", "through", "cutoff"))
    made = table([graph])
    logits = torch.randn(1, 2, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    found = pack_loss(logits, labels, made.at(2), made.masks).nodes[0, 0].item()

    target, source = logits[0].log_softmax(-1)
    each = [float((s.exp() * (s - t)).sum()) if s.max().exp() > 0.5 else 0.0 for t, s in zip(target, source, strict=True)]
    assert 0 < sum(v > 0 for v in each) < 6
    assert found == pytest.approx(0.5 * sum(each) / 6, abs=1e-12)


def test_a_built_in_gate_and_one_from_an_entry_point_keep_their_own_masks(installed):
    installed(sure=Gate(lambda k, k_end: 1.0, sure))
    made = table([Graph(("mlp2", "mlp2"), ("through", "sure", "cutoff", "correct"))])
    assert set(made.masks) == {got_right, sure}
    at = made.at(1)
    assert at[1 + made.masks.index(sure), 0, 0, 2] == 1
    assert at[1 + made.masks.index(got_right), 0, 1, 1] == 1
    assert at.sum() == 3


def test_an_entry_point_that_is_no_gate_is_refused(installed):
    installed(odd=lambda k, k_end: 1.0)
    with pytest.raises(TrainingError, match=r"gate 'odd': the entry point must give an engine\.training\.gates\.Gate, got func"):
        find("odd")


def test_an_entry_point_cannot_replace_a_built_in_gate(installed):
    installed(linear=Gate(lambda k, k_end: 5.0))
    assert find("linear") is gates.GATES["linear"]
