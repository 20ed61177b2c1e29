"""What networks cost, counted against sums by hand; models that cannot train on the data, told beforehand."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from engine.errors import TrainingError
from engine.space.catalogue import torchvision_models
from engine.space.protocol import resolve
from engine.training.__main__ import main
from engine.training.models import registry
from engine.training.models.cost import check_fit, cost
from engine.training.models.registry import build

CIFAR = (3, 32, 32)


def protocol(**fields):
    return resolve({"data": "digits", "train": 64, "validation": 10, "batch": 16, **fields})


def resnet_by_hand(depth: int, channels: int, side: int, classes: int) -> int:
    """9 x inputs x outputs a pixel of each convolution's answer; halved sides at the second and third stage."""
    total, inside = 9 * channels * 16 * side**2, 16
    for stage, outside in enumerate((16, 32, 64)):
        pixels = (side // 2**stage) ** 2
        for _ in range((depth - 2) // 6):
            total += 9 * (inside + outside) * outside * pixels
            inside = outside
    return total + 64 * classes


@pytest.mark.parametrize("depth", [8, 20, 32, pytest.param(110, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("channels", "side", "classes"), [(3, 32, 10), (1, 28, 7)])
def test_multiply_adds_of_resnets_follow_from_the_papers_description(depth, channels, side, classes):
    assert cost(f"resnet{depth}", (channels, side, side), classes).multiply_adds == resnet_by_hand(depth, channels, side, classes)


def wrn_by_hand(depth: int, width: int, side: int, classes: int) -> int:
    total, inside = 9 * 3 * 16 * side**2, 16
    for stage, outside in enumerate((16 * width, 32 * width, 64 * width)):
        pixels = (side // 2**stage) ** 2
        for block in range((depth - 4) // 6):
            total += (9 * inside + 9 * outside + (inside if block == 0 else 0)) * outside * pixels
            inside = outside
    return total + inside * classes


@pytest.mark.parametrize(("depth", "width"), [(16, 2), (28, 2), (28, 10), (40, 2)])
def test_multiply_adds_of_wide_resnets_follow_from_the_papers_description(depth, width):
    assert cost(f"wrn{depth}-{width}", CIFAR, 10).multiply_adds == wrn_by_hand(depth, width, 32, 10)


def test_perceptrons_cost_a_multiply_add_a_weight():
    found = cost("mlp30-20", (1, 8, 8), 10)
    assert found.multiply_adds == 64 * 30 + 30 * 20 + 20 * 10
    assert found.parameters == found.multiply_adds + 30 + 20 + 10


def test_networks_whose_constructor_reads_values_are_counted_too():
    from torchvision import models

    theirs = models.regnet_y_400mf(weights=None, num_classes=10)
    assert cost("torchvision:regnet_y_400mf", CIFAR, 10).parameters == sum(p.numel() for p in theirs.parameters())


def test_counting_takes_no_memory_and_no_random_numbers():
    before = torch.get_rng_state()
    cost("torchvision:vit_h_14", (3, 28, 28), 10)  # 2.5 GB if it were built
    assert torch.equal(before, torch.get_rng_state())


# --- models that cannot train


def test_models_that_fit_are_let_pass():
    for shape in ((1, 8, 8), (1, 28, 28), CIFAR):
        check_fit(["resnet8", "wrn10-1", "mlp3-2", "cnn2"], shape, 10, protocol())


def brought(monkeypatch, **models):
    for name, make in models.items():
        monkeypatch.setitem(registry.FAMILIES, name, lambda n, shape, classes, make=make: make(shape, classes))
    monkeypatch.setattr(registry, "is_model", lambda name: True)


class Reads(nn.Module):
    """Looks at a value, which meta tensors do not have."""

    def __init__(self, shape, classes):
        super().__init__()
        self.linear = nn.Linear(shape[1] * shape[2], classes)

    def forward(self, x):
        return self.linear(x.flatten(1)) * (1 if float(x.detach().max()) < 5 else 2)


def test_a_model_that_cannot_take_the_images_is_named_in_one_line(monkeypatch):
    brought(
        monkeypatch,
        big=lambda shape, classes: nn.Sequential(nn.Conv2d(shape[0], 4, 9), nn.Flatten(), nn.LazyLinear(classes)),
        few=lambda shape, classes: nn.Sequential(nn.Flatten(), nn.Linear(64, classes - 1)),
        pair=lambda shape, classes: nn.Sequential(nn.Flatten(), nn.LSTM(64, classes)),
        norm=lambda shape, classes: nn.Sequential(nn.Flatten(), nn.Linear(64, classes), nn.BatchNorm1d(classes)),
        reads=Reads,
    )
    shape = (1, 8, 8)
    for name, said in (
        ("big", r"model 'big' cannot train on digits's 1x8x8 images: .*Kernel size can't be greater than actual input size"),
        ("few", r"must answer logits of shape \(16, 10\), got \(16, 9\)"),
        ("pair", r"must answer logits of shape \(16, 10\), got tuple"),
    ):
        with pytest.raises(TrainingError, match=said) as caught:
            check_fit(["mlp3", name], shape, 10, protocol())
        assert "\n" not in str(caught.value)
    check_fit(["reads", "norm"], shape, 10, protocol())
    check_fit(["norm"], shape, 10, protocol(train=65, last_batch="drop"))
    said = r"'norm' cannot train on the epoch's last batch of 1: .*more than 1 value per channel.*last_batch to \"drop\""
    with pytest.raises(TrainingError, match=said):
        check_fit(["norm"], shape, 10, protocol(train=65))
    check_fit(["norm"], shape, 10, protocol(train=68, processes=2))
    with pytest.raises(TrainingError, match="last batch of 1"):
        check_fit(["norm"], shape, 10, protocol(train=67, processes=2))


def test_a_search_says_so_before_anything_starts(tmp_path, monkeypatch, capsys):
    from engine.search.__main__ import main as search

    monkeypatch.chdir(tmp_path)
    fields = {"data": "digits", "train": 64, "validation": 16, "epochs": 1, "batch": 16, "crop": 0}
    space = {"nodes": 2, "models": {"1": "mlp3", "2": "torchvision:maxvit_t"}, "gates": ["through", "cutoff"], "protocol": fields}
    brought(monkeypatch, mlp=lambda shape, classes: nn.Conv2d(1, 1, 99))
    monkeypatch.setenv("GOMP_SPINCOUNT", "1")
    space["models"]["2"] = "mlp4"
    (tmp_path / "s.json").write_text(json.dumps(space))
    assert search(["s.json", "--exhaustive", "--run", "r"]) == 2
    said = capsys.readouterr().err
    assert "model 'mlp3' cannot train on digits's 1x8x8 images" in said
    assert "Traceback" not in said
    assert not (tmp_path / "r" / "run.json").exists()


# --- torchvision, adapted


QUICK = ("resnet18", "mnasnet0_5", "squeezenet1_1")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in sorted(torchvision_models())],
)
def test_torchvisions_networks_take_images_of_any_size(name):
    """Built and shown to on the meta device: the sizes fit, whatever the weights."""
    for shape in ((1, 8, 8), (3, 96, 64)):
        if name.startswith("vit") and shape[1] != shape[2]:
            continue  # they are square
        check_fit([f"torchvision:{name}"], shape, 10, protocol())


@pytest.mark.parametrize("name", ["resnet18", pytest.param("densenet121", marks=pytest.mark.slow)])
def test_the_entrance_of_residual_networks_keeps_small_images_as_large_as_they_are(name):
    """After the entrance they halve three times: 32 pixels to 4, where torchvision's own would leave 1."""
    from torchvision import models

    def last(network, size):
        seen = []
        part = network.layer4 if name.startswith("res") else network.features
        part.register_forward_hook(lambda module, given, answer: seen.append(answer.shape[-1]))
        network.eval()(torch.zeros(1, 3, size, size))
        return seen[0]

    with torch.device("meta"):
        assert last(build(f"torchvision:{name}", CIFAR, 10), 32) == 4
        theirs = models.get_model(name, weights=None)
        assert last(theirs, 32) == 1
        # Large images see torchvision's own network.
        assert last(build(f"torchvision:{name}", (3, 64, 64), 10), 64) == last(theirs, 64) == 2


def test_small_images_are_enlarged_to_the_size_a_network_needs():
    network = build("torchvision:squeezenet1_1", (3, 16, 8), 10).eval()
    images = torch.rand(2, 3, 16, 8)
    larger = nn.functional.interpolate(images, (34, 17), mode="bilinear", align_corners=False)
    torch.testing.assert_close(network(images), network.classifier(network.features(larger)).flatten(1))


def test_adapted_networks_keep_torchvisions_names_and_shapes():
    from torchvision import models

    for name, shape in (("resnet18", (1, 8, 8)), ("vgg11", (1, 28, 28)), ("mobilenet_v2", CIFAR)):
        with torch.device("meta"):
            mine = build(f"torchvision:{name}", shape, 10).state_dict()
            theirs = models.get_model(name, weights=None, num_classes=10).state_dict()
        assert {n: t.shape for n, t in mine.items()} == {n: t.shape for n, t in theirs.items()}


def test_two_channels_are_refused_by_name():
    with pytest.raises(TrainingError, match="takes images of 1 or 3 channels, the data have 2"):
        build("torchvision:resnet18", (2, 32, 32), 10)


# --- the command


def test_the_command_lists_counts(capsys):
    assert main(["models", "resnet20", "wrn28-10", "--on", "cifar10", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["shape"], found["classes"]) == ([3, 32, 32], 10)
    assert [(m["model"], m["parameters"]) for m in found["models"]] == [("resnet20", 269_722), ("wrn28-10", 36_479_194)]
    assert found["models"][0]["multiply_adds"] == resnet_by_hand(20, 3, 32, 10)
    assert main(["models", "mlp12", "--on", "1x2x2", "--classes", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["mlp12", "99", "84"]


def test_the_command_says_what_a_network_cannot_take(capsys):
    assert main(["models", "torchvision:resnet18", "mlp3", "--on", "2x9x9", "--classes", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("takes images of 1 or 3 channels, the data have 2")
    assert lines[2].split()[0] == "mlp3"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet21"], "unknown model 'resnet21'; did you mean 'resnet32'?"),
        (["--on", "cifar"], "--on: must be a data set's name or CHANNELSxHEIGHTxWIDTH, got 'cifar'; did you mean 'cifar10"),
        (["--on", "3x0x4"], "got '3x0x4'"),
        (["--on", "3x4x4"], "a size says nothing of classes; add --classes N"),
        (["--classes", "1"], "--classes: must be at least 2, got 1"),
    ],
)
def test_the_command_refuses_in_one_line(arguments, said, capsys):
    assert main(["models", *arguments]) == 2
    heard = capsys.readouterr()
    assert said in heard.err
    assert heard.err.count("\n") == 1
    assert heard.out == ""
