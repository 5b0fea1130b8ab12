"""The networks of our own: trained weights fit, and the digits CNN learns."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import pytest
import torch
import torchvision
from torch import nn

from compress import Accuracy, evaluate, layer_graph, models
from compress.data import open_labelled
from compress.graph.node import total_macs, total_params
from compress.models.digits_cnn import DigitsCnn, train_digits
from tests.shared_files import shared_path


@dataclass(frozen=True)
class Published:
    """A network of the shared weight files as their README describes it."""

    name: str
    weights: str
    parameters: int
    outputs: int
    macs: int
    top1: dict[str, float]
    top5: dict[str, float]


NO_LICENCE = "no-licence-stated/"


def imagenet(top1: tuple[float, float], top5: tuple[float, float]) -> dict[str, dict[str, float]]:
    """Of the whole image scaled, and of its centre."""
    kinds = ("imagenet-compat", "imagenet-compat-crop")
    return {"top1": dict(zip(kinds, top1, strict=True)), "top5": dict(zip(kinds, top5, strict=True))}


def cifar(classes: int, top1: float, top5: float) -> dict[str, dict[str, float]]:
    return {"top1": {f"cifar{classes}": top1}, "top5": {f"cifar{classes}": top5}}


# macs: fvcore 0.1.5 counts them (test_fvcore_still_counts_the_same)
NETWORKS = [
    Published("resnet8", "cifar10/resnet8", 78_186, 10, 12_501_632, **cifar(10, 87.19, 99.38)),
    Published("resnet20", "cifar10/resnet20", 269_722, 10, 40_551_040, **cifar(10, 91.73, 99.66)),
    Published("resnet32", "cifar10/resnet32", 464_154, 10, 68_862_592, **cifar(10, 92.63, 99.78)),
    Published("resnet56", "cifar10/resnet56", 853_018, 10, 125_485_696, **cifar(10, 93.39, 99.77)),
    Published(
        "cifar10_squeezenet_bn",
        NO_LICENCE + "cifar10_squeezenet_bn",
        700_122,
        10,
        12_578_816,
        **cifar(10, 77.54, 98.47),
    ),
    Published(
        "cifar10_mobilenetv2",
        NO_LICENCE + "cifar10_mobilenetv2_sparse8bit",
        2_236_682,
        10,
        296_473_088,
        **cifar(10, 94.47, 99.92),
    ),
    Published(
        "cifar100_densenet_bc_100_12",
        NO_LICENCE + "cifar100_densenet_bc_100_12",
        800_032,
        100,
        287_960_472,
        **cifar(100, 76.38, 94.14),
    ),
    Published(
        "cifar100_resnet20_s64",
        NO_LICENCE + "cifar100_resnet20_s64",
        306_884,
        100,
        50_291_712,
        **cifar(100, 69.69, 91.94),
    ),
    Published(
        "mobilenetv2_1_0_224",
        "imagenet/mobilenetv2_1.0_224",
        3_504_872,
        1000,
        300_774_272,
        **imagenet((81.34, 77.28), (96.27, 94.40)),
    ),
    Published(
        "mobilenetv1_0_75_224",
        "imagenet/mobilenetv1_0.75_224",
        2_585_560,
        1000,
        325_400_448,
        **imagenet((76.73, 71.90), (94.29, 92.43)),
    ),
    Published(
        "squeezenet1_1",
        "imagenet/squeezenet1_1",
        1_235_496,
        1000,
        349_151_936,
        **imagenet((60.26, 61.80), (83.97, 86.17)),
    ),
    Published(
        "squeezenet1_0_deepcompressed",
        "imagenet/squeezenet1_0_deepcompressed",
        1_248_424,
        1000,
        861_339_936,
        **imagenet((54.88, 53.02), (81.23, 78.16)),
    ),
]
BY_NAME = {network.name: network for network in NETWORKS}
FOLDERS = {
    "cifar10": "data/cifar",
    "cifar100": "data/cifar",
    "imagenet-compat": "data/imagenet-compat",
    "imagenet-compat-crop": "data/imagenet-compat",
}
by_name = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def trained(network: Published) -> nn.Module:
    model: nn.Module = getattr(models, network.name)()
    state = torch.load(shared_path(f"data/weights/{network.weights}.pth"), weights_only=True)
    model.load_state_dict(state, strict=True)
    return model.eval()


@by_name
def test_public_weights_load_with_all_keys(network: Published) -> None:
    model = trained(network)
    assert sum(p.numel() for p in model.parameters()) == network.parameters
    with torch.inference_mode():
        assert tuple(model(torch.zeros(1, *model.input_shape)).shape) == (1, network.outputs)  # type: ignore[arg-type]


@by_name
def test_macs_are_those_of_fvcore(network: Published) -> None:
    """Of layer graphs; the networks themselves would have to compute what fvcore counts (the test below does)."""
    model = getattr(models, network.name)()
    graph = layer_graph(model.to("meta"), model.input_shape)
    assert total_macs(graph) == network.macs
    assert total_params(graph) == network.parameters


def fvcore_macs(name: str) -> int:
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    model = getattr(models, name)().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = FlopCountAnalysis(model, torch.zeros(1, *model.input_shape)).by_operator()
    return int(sum(counted[product] for product in ("conv", "linear", "addmm", "matmul")))


@pytest.mark.validate
@by_name
def test_fvcore_still_counts_the_same(network: Published) -> None:
    pytest.importorskip("fvcore.nn")
    assert fvcore_macs(network.name) == network.macs


class _Cifar10(torchvision.datasets.CIFAR10):
    """torchvision insists on all five training files; the shared data has one."""

    train_list = torchvision.datasets.CIFAR10.train_list[:1]


def test_accuracy_agrees_with_a_loop_over_torchvisions_data() -> None:
    """The first 200 test images of ResNet-20, read, normalised and counted without our code."""
    model = trained(BY_NAME["resnet20"])
    root = shared_path("data/cifar")
    data = _Cifar10(str(root), train=False)
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    pixels = torch.from_numpy(data.data[:200]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        best = model((pixels - mean[:, None, None]) / std[:, None, None]).topk(5).indices
    hits = best == torch.tensor(data.targets[:200])[:, None]
    accuracy = evaluate(model, open_labelled(f"cifar10:{root}", "test").take(range(200)))
    assert accuracy == Accuracy(hits[:, 0].sum().item() / 2, hits.any(1).sum().item() / 2, 200)
    assert accuracy.top1_percent > 85


def test_photographs_are_classified() -> None:
    """60 of them; a wrong order of classes or of labels would leave a hit or none."""
    images = open_labelled(f"imagenet-compat:{shared_path('data/imagenet-compat')}", "search").take(range(60))
    accuracy = evaluate(trained(BY_NAME["squeezenet1_1"]), images, batch=30)
    assert accuracy.top1_percent > 40
    assert accuracy.top5_percent > 70


@pytest.mark.validate
@pytest.mark.parametrize(
    ("network", "data"),
    [(network, data) for network in NETWORKS for data in network.top1],
    ids=lambda item: item if isinstance(item, str) else item.name,
)
def test_published_accuracy(network: Published, data: str) -> None:
    """On all test images: within 0.1 point on CIFAR, 0.3 on photographs, where decoder and scaling matter."""
    accuracy = evaluate(trained(network), open_labelled(f"{data}:{shared_path(FOLDERS[data])}", "test"))
    tolerance = 0.3 if data.startswith("imagenet") else 0.1
    assert accuracy.top1_percent == pytest.approx(network.top1[data], abs=tolerance)
    assert accuracy.top5_percent == pytest.approx(network.top5[data], abs=tolerance)


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
