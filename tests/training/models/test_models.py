"""Networks by name: sizes from the papers, shapes, and the catalogue kept in step with what is implemented."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from engine.errors import TrainingError
from engine.space import catalogue
from engine.training import gates
from engine.training.datasets import registry
from engine.training.models.cost import count_parameters
from engine.training.models.registry import FAMILIES, build, builder

CIFAR = (3, 32, 32)


@pytest.mark.parametrize(
    ("name", "exact", "millions"),
    [
        ("resnet20", 269_722, "0.27"),
        ("resnet32", 464_154, "0.46"),
        ("resnet44", 658_586, "0.66"),
        ("resnet56", 853_018, "0.85"),
        ("resnet110", 1_727_962, "1.7"),
    ],
)
def test_cifar_resnets_are_as_large_as_in_he_et_al_table_6(name, exact, millions):
    assert count_parameters(name, CIFAR, 10) == exact
    digits = len(millions.partition(".")[2])
    assert f"{exact / 1e6:.{digits}f}" == millions


@pytest.mark.parametrize(
    ("name", "exact", "millions"),
    # Zagoruyko & Komodakis list WRN-28-10 and WRN-40-2; WRN-28-2 is usually quoted with 1.5 M, and counted by hand below.
    [("wrn28-2", 1_467_610, "1.5"), ("wrn28-10", 36_479_194, "36.5"), ("wrn40-2", 2_243_546, "2.2")],
)
def test_wide_resnets_are_as_large_as_published(name, exact, millions):
    assert count_parameters(name, CIFAR, 10) == exact
    assert f"{exact / 1e6:.1f}" == millions


def conv(inside: int, outside: int, kernel: int = 3) -> int:
    return inside * outside * kernel**2


def by_hand_resnet(depth: int, channels: int, classes: int) -> int:
    """Weights of 3x3 convolutions, two numbers a normalised channel, the last layer; shortcuts have none."""
    total, inside = conv(channels, 16) + 2 * 16, 16
    for outside in (16, 32, 64):
        for _ in range((depth - 2) // 6):
            total += conv(inside, outside) + conv(outside, outside) + 4 * outside
            inside = outside
    return total + 64 * classes + classes


def by_hand_wrn(depth: int, width: int, channels: int, classes: int) -> int:
    total, inside = conv(channels, 16), 16
    for outside in (16 * width, 32 * width, 64 * width):
        for _ in range((depth - 4) // 6):
            total += 2 * inside + conv(inside, outside) + 2 * outside + conv(outside, outside)
            total += conv(inside, outside, 1) if inside != outside else 0
            inside = outside
    return total + 2 * inside + inside * classes + classes


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("classes", [10, 100])
def test_sizes_follow_from_the_papers_descriptions(channels, classes):
    shape = (channels, 32, 32)
    for depth in (8, 20, 32, 44, 56, 110):
        assert count_parameters(f"resnet{depth}", shape, classes) == by_hand_resnet(depth, channels, classes)
    for depth, width in ((10, 1), (16, 4), (28, 2), (40, 1)):
        assert count_parameters(f"wrn{depth}-{width}", shape, classes) == by_hand_wrn(depth, width, channels, classes)


@pytest.mark.parametrize("depth", [20, 32, 110])
def test_a_resnet_has_the_layers_its_name_says(depth):
    network = build(f"resnet{depth}", CIFAR, 10)
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in network.modules()) == depth


def test_a_wide_resnet_has_the_layers_its_name_says():
    """Depth counts the convolutions of the main path and the last layer; 1x1 shortcuts are beside it."""
    network = build("wrn28-2", CIFAR, 10)
    main = [m for n, m in network.named_modules() if isinstance(m, nn.Conv2d) and "shortcut" not in n]
    shortcuts = [m for n, m in network.named_modules() if isinstance(m, nn.Conv2d) and "shortcut" in n]
    # The first convolution, 2 a block in 3 stages of 4 blocks, the last layer, and the paper's 3 shortcuts: 6n + 4 = 28.
    assert (len(main), len(shortcuts)) == (25, 3)


def test_perceptrons_are_as_wide_as_their_name_says():
    assert count_parameters("mlp12", (1, 8, 8), 10) == 64 * 12 + 12 + 12 * 10 + 10
    widths = [m.out_features for m in build("mlp30-20-7", (1, 8, 8), 10).modules() if isinstance(m, nn.Linear)]
    assert widths == [30, 20, 7, 10]


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), CIFAR], ids=str)
@pytest.mark.parametrize("name", ["resnet8", "resnet20", "wrn10-1", "wrn16-2", "mlp12", "mlp9-5", "cnn4"])
def test_a_network_answers_one_logit_a_class(name, shape):
    torch.manual_seed(1)  # by chance all of five ReLU are off for three images
    network = build(name, shape, 7)
    out = network(torch.rand(3, *shape))
    assert out.shape == (3, 7)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


@pytest.mark.parametrize("shape", [(1, 32, 32), CIFAR], ids=str)
@pytest.mark.parametrize("name", ["mnasnet0_5", "shufflenet_v2_x0_5", "resnet18"])
def test_torchvisions_networks_take_grey_images_too(name, shape):
    network = build(f"torchvision:{name}", shape, 7)
    assert network(torch.rand(2, *shape)).shape == (2, 7)


def test_a_grey_image_is_shown_to_all_three_channels():
    grey = build("torchvision:resnet18", (1, 32, 32), 5).eval()
    colour = build("torchvision:resnet18", CIFAR, 5).eval()
    colour.load_state_dict(grey.state_dict())  # the same names and shapes
    image = torch.rand(2, 1, 32, 32)
    assert torch.equal(grey(image), colour(torch.cat([image] * 3, 1)))


def test_googlenet_answers_logits_alone_while_training():
    """As it comes, torchvision's adds the logits of two auxiliary heads in train mode."""
    network = build("torchvision:googlenet", CIFAR, 7).train()
    assert network(torch.rand(2, *CIFAR)).shape == (2, 7)
    with torch.device("meta"):
        inception = build("torchvision:inception_v3", CIFAR, 7)
    assert inception.aux_logits is False


def test_initial_weights_come_from_the_global_generator_alone():
    for name in ("resnet8", "wrn10-1", "mlp4", "cnn2"):
        made = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            made.append(torch.cat([p.flatten() for p in build(name, (1, 8, 8), 10).parameters()]))
        assert torch.equal(made[0], made[1])
        assert not torch.equal(made[0], made[2])


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("resnet33", "resnet32"),
        ("wrn27-2", "wrn28-2"),
        ("wrn28-0", "wrn28-"),
        ("mlp0", "mlp"),
        ("torchvision:resnet19", "torchvision:resnet18"),
        ("", "known"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest(name, hint):
    with pytest.raises(TrainingError, match=f"unknown model {name!r}") as caught:
        builder(name)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


# --- the catalogue, which knows no torch, against what is implemented


def test_every_gate_of_the_catalogue_is_implemented_and_no_other():
    assert set(catalogue.GATES) == set(gates.GATES)


def test_the_catalogues_facts_about_gates_are_those_of_their_implementations():
    for name, gate in gates.GATES.items():
        facts = catalogue.GATES[name]
        weights = [gate.weight(k, 7) for k in range(1, 8)]
        assert facts.open == any(weights), name
        # A label is always right, so a mask falls away: such a gate is the one of the same weights without a mask.
        if gate.mask is None:
            assert facts.on_label is None, name
        else:
            plain = gates.GATES[facts.on_label]
            assert plain.mask is None
            assert [plain.weight(k, 7) for k in range(1, 8)] == weights


def test_every_dataset_of_the_catalogue_is_implemented_and_no_other():
    assert set(catalogue.DATASETS) == set(registry.DATASETS)


def test_every_model_family_of_the_catalogue_is_implemented_and_no_other():
    samples = {"resnet(20|32|44|56|110)": "resnet20", r"wrn(\d+)-(\d+)": "wrn10-1", r"mlp(\d+(?:-\d+)*)": "mlp3-2"}
    samples |= {r"cnn(\d+)": "cnn3", "resnet8": "resnet8"}
    assert samples.keys() == catalogue.MODEL_PATTERNS.keys()
    for pattern, name in samples.items():
        assert re.fullmatch(pattern, name)
        assert catalogue.is_model(name)
        assert build(name, (1, 8, 8), 3)(torch.rand(2, 1, 8, 8)).shape == (2, 3)
    assert {re.match("[a-z]+", name)[0] for name in samples.values()} == FAMILIES.keys()


def test_every_suggested_model_can_be_built():
    families = [n for n in catalogue.model_examples() if not n.startswith("torchvision:")]
    assert len(families) >= 13
    for name in families:
        assert catalogue.is_model(name)
        assert count_parameters(name, CIFAR, 10) > 0


def test_the_packaged_list_is_torchvisions():
    """Of the torchvision installed: a release that adds models makes this fail, and the list one name longer."""
    from torchvision import models

    assert catalogue.torchvision_models() == set(models.list_models(module=models))
