"""The networks of our own: trained weights fit, and the digits CNN learns."""

from __future__ import annotations

import pytest
import torch
import torchvision

from compress import models
from compress.models.digits_cnn import DigitsCnn, train_digits
from tests.shared_files import shared_path


@pytest.mark.parametrize(
    ("name", "parameters"), [("resnet8", 78_186), ("resnet20", 269_722), ("resnet32", 464_154), ("resnet56", 853_018)]
)
def test_public_weights_load_with_all_keys(name: str, parameters: int) -> None:
    model = getattr(models, name)()
    state = torch.load(shared_path(f"data/weights/cifar10/{name}.pth"), weights_only=True)
    model.load_state_dict(state, strict=True)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert tuple(model(torch.zeros(2, *model.input_shape)).shape) == (2, 10)


class _Cifar10(torchvision.datasets.CIFAR10):
    """torchvision insists on all five training files; the shared data has one."""

    train_list = torchvision.datasets.CIFAR10.train_list[:1]


def correct_predictions(name: str, images: int) -> int:
    data = _Cifar10(str(shared_path("data/cifar")), train=False)
    pixels = torch.from_numpy(data.data[:images]).permute(0, 3, 1, 2).float()
    if name != "resnet8":
        mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
        pixels = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
    model = getattr(models, name)()
    model.load_state_dict(torch.load(shared_path(f"data/weights/cifar10/{name}.pth"), weights_only=True))
    model.eval()
    with torch.no_grad():
        predicted = torch.cat([model(part).argmax(1) for part in pixels.split(500)])
    return int((predicted == torch.tensor(data.targets[:images])).sum())


@pytest.mark.parametrize(("name", "right"), [("resnet20", 915), ("resnet8", 881)])
def test_accuracy_on_the_first_thousand_test_images(name: str, right: int) -> None:
    """How many a run that reproduced the published accuracies on all 10,000 (the test below) got right of these."""
    assert abs(correct_predictions(name, 1000) - right) <= 1


@pytest.mark.validate
@pytest.mark.parametrize(("name", "top1"), [("resnet20", 91.73), ("resnet8", 87.19), ("resnet56", 93.39)])
def test_published_accuracy(name: str, top1: float) -> None:
    assert correct_predictions(name, 10_000) / 100 == pytest.approx(top1, abs=0.02)


def test_digits_are_learnt_the_same_way_each_time() -> None:
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    model, accuracy = train_digits(seed=0)
    assert torch.equal(torch.rand(1), before)  # the caller's random state is untouched
    assert accuracy > 0.95
    assert not model.training
    again, same = train_digits(seed=0)
    assert same == accuracy
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_digits_cnn_has_what_a_machine_should_see() -> None:
    model = DigitsCnn()
    assert model.depthwise.groups == model.depthwise.in_channels
    assert tuple(model(torch.zeros(3, *model.input_shape)).shape) == (3, 10)
