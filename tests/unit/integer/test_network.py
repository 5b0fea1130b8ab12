"""Integer networks against the fake-quantised ones, and their sums against the simulator's reference engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import WorkloadError
from accel_sim.reference import ArraySpec, run_reference
from compress.compressed import CompressedModel, compress_model
from compress.graph.trace import layer_graph
from compress.integer import IntegerNetwork, ProductRun, integer_network
from compress.policy import Policy
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, Grid
from tests.shared_files import shared_path

Quantised = FakeQuantConv2d | FakeQuantLinear


class Everything(nn.Module):
    """A sum, a concatenation, gates, both poolings, an average, normalisation that cannot be folded, padding."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.pointwise = nn.Conv2d(8, 8, 1)
        self.bn = nn.BatchNorm2d(16)
        self.gate = nn.Conv2d(16, 16, 1)
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.strided = nn.Conv2d(16, 12, 3, stride=2)
        self.pool = nn.AvgPool2d(2)
        self.linear = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self.first(x))
        y = x + self.pointwise(self.depthwise(x).relu())
        z = torch.cat([y, functional.max_pool2d(x, 3, 1, 1)], 1)
        z = self.bn(z).relu()
        z = z * self.gate(z.mean((2, 3), keepdim=True)).sigmoid()
        return self.linear(torch.flatten(self.pool(self.strided(self.pad(z)).clamp(-1, 2)), 1))


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(32, 3, 6, 6, generator=torch.Generator().manual_seed(1)) - 0.2


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(3)
    made = Everything()
    made.bn.running_mean.uniform_(-0.2, 0.2)
    made.bn.weight.data.uniform_(-1.5, 1.5)  # a negative gain turns the order round
    return made.eval()


def compressed(model: nn.Module, images: Tensor, **fields: object) -> CompressedModel:
    return compress_model(model, Policy.model_validate(fields), images)


def layers_of(found: CompressedModel) -> dict[str, Quantised]:
    return {name: layer for name, layer in found.model.named_modules() if isinstance(layer, Quantised)}


def check_layers(found: CompressedModel, products: dict[str, ProductRun]) -> None:
    """Every layer's output is within a step of 8 bits of the fake-quantised layer's on the same integers."""
    for name, layer in layers_of(found).items():
        run = products[name]
        expected = layer(layer.input_grid.dequantize(run.integers))
        grid = Grid(float(expected.abs().max()) / 127, 0, 8, signed=True)
        (value, again) = _product(name, layer).run(run.integers)
        assert torch.equal(again.accumulators, run.accumulators)
        assert (value.on(grid) - grid.quantize(expected)).abs().max() <= 1, name


def _product(name: str, layer: Quantised):
    from compress.integer import IntegerProduct

    return IntegerProduct(name, layer)


def check_sums(found: CompressedModel, products: dict[str, ProductRun], images: int, **array: object) -> None:
    """Accumulators equal what the simulated array's PEs add up, bit for bit."""
    for name, layer in layers_of(found).items():
        run, grid = products[name], layer.input_grid
        spec = ArraySpec(
            rows=8, cols=8, a_bits=grid.bits, w_bits=layer.w_bits, a_signed=grid.signed, w_signed=True, **array
        )
        if isinstance(layer, FakeQuantLinear):
            moving, groups, sums = run.integers[:images].numpy()[None], 1, run.accumulators[:images].numpy()[None]
        else:
            padded = functional.pad(run.integers[:images].double(), layer.around, value=float(grid.zero_point))
            columns = functional.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride).long()
            groups = layer.groups
            parts = columns.reshape(images, groups, -1, columns.shape[-1]).permute(1, 0, 3, 2)
            moving = parts.reshape(groups, -1, parts.shape[-1]).numpy()
            sums = run.accumulators[:images].reshape(images, groups, -1, columns.shape[-1]).permute(1, 0, 3, 2)
            sums = sums.reshape(groups, -1, sums.shape[-1]).numpy()
        weights = layer.weight_integers.flatten(1).reshape(groups, sums.shape[-1], -1).transpose(1, 2).long().numpy()
        assert np.array_equal(run_reference(moving, weights, spec).outputs, sums), name


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [(8, 8), (3, 5), (16, 12)])
def test_everything_in_integers(model, images, bits: tuple[int, int], symmetric: bool) -> None:
    found = compressed(
        model,
        images,
        defaults={"w_bits": bits[0], "a_bits": bits[1]},
        layers={"pointwise": {"algorithm": "level", "ratio": 0.5}, "linear": {"w_bits": 1}},
        quantization={"activation_symmetric": symmetric},
    )
    run = integer_network(found, images).run(images)
    with torch.no_grad():
        fake = found.model(images)
    step = max(bits[1], 5)
    assert (run.logits - fake).abs().max() < 4 * fake.abs().max() / 2**step
    check_layers(found, run.products)


def test_sums_are_what_the_array_adds_up(model, images) -> None:
    widths = {"first": {"a_bits": 8, "w_bits": 2}, "depthwise": {"algorithm": "level", "ratio": 0.4, "a_bits": 3}}
    found = compressed(
        model,
        images,
        defaults={"w_bits": 5, "a_bits": 6},
        layers={**widths, "pointwise": {"w_bits": 1, "a_bits": 1}},
        quantization={"activation_symmetric": False},
    )
    products = integer_network(found, images).run(images[:2]).products
    assert any(layer.input_grid.zero_point for layer in layers_of(found).values())
    check_sums(found, products, 2)
    check_sums(found, products, 1, arithmetic="term_serial_act", dataflow="os")


def test_nothing_but_integers_reaches_a_layer_and_threads_agree(model, images) -> None:
    found = compressed(model, images, defaults={"a_bits": 4})
    network = integer_network(found, images)
    run = network.run(images)
    for name, layer in layers_of(found).items():
        read = run.products[name].integers
        assert read.dtype == torch.int64
        assert layer.input_grid.low <= int(read.min())
        assert int(read.max()) <= layer.input_grid.high
    assert torch.equal(network(images), run.logits)


def test_sums_that_do_not_fit_are_refused(model, images) -> None:
    found = compressed(model, images)
    with pytest.raises(WorkloadError, match=r"layer first: a sum is -?\d+; allowed in accumulators of 12 bits: -2048"):
        integer_network(found, images, acc_bits=12)


def test_what_has_no_integer_arithmetic_is_named(images) -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.q(x).flatten(2)
            return (y @ y.transpose(1, 2)).flatten(1)

    found = compressed(Attention().eval(), images)
    with pytest.raises(WorkloadError, match=r"^operation 'matmul' in node matmul has no integer arithmetic; [^\n]*$"):
        integer_network(found, images)
    with pytest.raises(WorkloadError, match="does not quantise"):
        integer_network(compressed(Attention().eval(), images, quantization={"enabled": False}), images)


def agreement(network: IntegerNetwork, found: CompressedModel, inputs: Tensor) -> float:
    """Share of images that both put into the same class."""
    with torch.no_grad():
        return float((network(inputs).argmax(1) == found.model(inputs).argmax(1)).float().mean())


def test_digits_agree_on_every_class() -> None:
    from compress.models.digits_cnn import digits_data, train_digits

    model, _ = train_digits(epochs=3)
    (images, _), (test_images, _) = digits_data()
    found = compressed(model, images[:128], defaults={"w_bits": 8, "a_bits": 8})
    assert agreement(integer_network(found, images[:128]), found, test_images) == 1


@pytest.mark.validate
@pytest.mark.parametrize(
    ("defaults", "least"), [({}, 0.995), ({"w_bits": 4, "a_bits": 6, "algorithm": "level", "ratio": 0.3}, 0.98)]
)
def test_resnet20(defaults: dict[str, object], least: float) -> None:
    from compress.data import open_labelled
    from compress.model_sources import trained_model

    model = trained_model("compress.models:resnet20", Path(shared_path("data/weights/cifar10/resnet20.pth")), 0).model
    spec = f"cifar10:{shared_path('data/cifar')}"
    calibration = open_labelled(spec, "calibration").sample(128).inputs(model)
    inputs = open_labelled(spec, "report").stratified(1000).inputs(model)
    mixed = {
        "layer1.0.conv1": {"w_bits": 2},
        "layer2.0.conv2": {"a_bits": 3},
        "layer3.0.conv1": {"w_bits": 1, "algorithm": "none", "ratio": 0},
    }
    found = compressed(model, calibration, defaults=defaults, layers=mixed if defaults else {})
    network = integer_network(found, calibration)
    assert agreement(network, found, inputs) >= least
    products = network.run(inputs[:2]).products
    check_layers(found, products)
    check_sums(found, products, 1)


@pytest.mark.validate
@pytest.mark.parametrize(
    "name", ["vgg11_bn", "mobilenet_v2", "squeezenet1_1", "densenet121", "resnet18", "efficientnet_b0"]
)
def test_public_architectures(name: str) -> None:
    """Initial weights, few images: what counts is that every operation is there and close."""
    import torchvision

    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, num_classes=10).eval()
    size = 224 if name == "vgg11_bn" else 64  # its average to 7×7 needs a multiple of that
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(2))
    assert layer_graph(model, images[:1])
    found = compressed(model, images, quantization={"rounding": "nearest", "reconstruction": "none"})
    run = integer_network(found, images).run(images)
    with torch.no_grad():
        fake = found.model(images)
    assert (run.logits - fake).abs().max() < 0.1 * fake.abs().max() + 1e-3
    check_layers(found, run.products)
