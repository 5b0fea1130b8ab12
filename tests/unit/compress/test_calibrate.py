"""Real integer operands: their products are the layers of the float network, to within the steps of the rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import WorkloadError
from accel_sim.operands import layer_operands
from accel_sim.workload.layers import GemmLayer
from compress.calibration import Calibration, calibrate
from compress.calibration.matrices import gemm_matrices
from compress.calibration.ranges import ValueRange, quantize
from compress.data import calibration_batch
from compress.graph.geometry import einsum_view, linear_view, matmul_view
from compress.graph.node import TensorRef
from compress.graph.operations import Facts
from compress.graph.run import run_model
from compress.load import DataRequest, load_workload
from compress.model_sources import initialised_model, load_state_dict
from tests.shared_files import shared_path


class SmallCnn(nn.Module):
    """Grouped, depthwise, strided and dilated convolutions, folded and unfolded batch norms, a linear layer."""

    input_shape = (3, 12, 12)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, (3, 5), stride=2, padding=(1, 2), groups=8)
        self.bn2 = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4)
        self.linear = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.stem(x)))
        x = functional.hardswish(self.bn2(self.depthwise(x)))
        x = functional.relu(self.grouped(x))
        out: Tensor = self.linear(x.mean((2, 3)))
        return out


class TinyVit(nn.Module):
    """A patch embedding and one encoder block."""

    input_shape = (3, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.norm = nn.LayerNorm(8)
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        out: Tensor = self.mlp(x)
        return out


def small_cnn() -> SmallCnn:
    """With batch norms that have something to fold: negative and zero gains, running statistics."""
    torch.manual_seed(0)
    model = SmallCnn().eval()
    with torch.no_grad():
        for norm in (model.bn1, model.bn2):
            norm.weight.uniform_(-1, 2)
            norm.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.3, 2)  # type: ignore[union-attr]
        model.bn1.weight[2] = 0.0
    return model


def products(calibration: Calibration) -> dict[str, GemmLayer]:
    return {layer.name: layer for layer in calibration.workload.layers if isinstance(layer, GemmLayer)}


def folded_weight(model: nn.Module, conv: str, norm: str | None) -> Tensor:
    weight: Tensor = model.get_submodule(conv).weight.detach()  # type: ignore[assignment]
    if norm is None:
        return weight
    bn: Any = model.get_submodule(norm)
    gain = bn.weight / (bn.running_var + bn.eps).sqrt()
    return (weight * gain.reshape(-1, *[1] * (weight.ndim - 1))).detach()


def layer_inputs(model: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What every module reads, by plain forward hooks."""
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _m, args, _o, name=name: seen.update({name: args[0].detach().clone()}))
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return seen


def float_matrices(layer: GemmLayer, x: Tensor, weight: Tensor) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """A (groups, m, k) by unfolding and W (groups, k, n), in float64, with k ordered (row, column, channel)."""
    conv, g = layer.conv, layer.groups
    if conv is None:
        return x.double().reshape(1, layer.m, layer.k).numpy(), weight.double().T[None].numpy()
    taps = conv.kernel_h * conv.kernel_w
    columns = functional.unfold(
        x.double(),
        (conv.kernel_h, conv.kernel_w),
        (conv.dilation_h, conv.dilation_w),
        (conv.pad_top, conv.pad_left),
        (conv.stride_h, conv.stride_w),
    )
    a = columns.reshape(conv.batch, g, conv.in_channels, taps, -1).permute(1, 0, 4, 3, 2).reshape(g, layer.m, layer.k)
    w = weight.double().reshape(g, layer.n, conv.in_channels, taps).permute(0, 3, 2, 1).reshape(g, layer.k, layer.n)
    return a.numpy(), w.numpy()


def integer_products(layer: GemmLayer) -> NDArray[np.int64]:
    operands = layer_operands(layer, 0)
    return np.stack(
        [operands.activations(g).astype(np.int64) @ operands.weights(g).astype(np.int64) for g in range(layer.groups)]
    )


def check_layer(calibration: Calibration, layer: GemmLayer, x: Tensor, weight: Tensor) -> None:
    """``|O - s_a s_w (A·W)| <= Σ_k |a| s_w/2 + |w| s_a/2 + s_a s_w/4``: each operand is off by half a step at most."""
    scales = calibration.scales[layer.name]
    a, w = float_matrices(layer, x, weight)
    exact = a @ w
    approximate = integer_products(layer) * scales.activation * scales.weight[:, None, :]
    half_a, half_w = scales.activation / 2, scales.weight[:, None, :] / 2
    bound = np.abs(a).sum(2, keepdims=True) * half_w + half_a * np.abs(w).sum(1, keepdims=True)
    bound = bound + layer.k * half_a * half_w
    assert (np.abs(exact - approximate) <= bound * 1.0001 + 1e-6).all(), layer.name
    # rounding errors are independent, so their sum is far below the bound
    noise = np.abs(exact - approximate).mean() / np.abs(exact).mean()
    assert noise < 0.02 * 2 ** (8 - min(layer.a_bits, layer.w_bits)), (layer.name, noise)


def check_exact_convolution(layer: GemmLayer) -> None:
    """im2col(A)·W is the convolution of the integers, exactly."""
    conv = layer.conv
    assert conv is not None
    assert layer.activations is not None
    assert layer.weights is not None
    taps = layer.weights.astype(np.int64).transpose(0, 2, 1)
    kernel = taps.reshape(layer.groups * layer.n, conv.kernel_h, conv.kernel_w, conv.in_channels).transpose(0, 3, 1, 2)
    expected = functional.conv2d(
        torch.from_numpy(layer.activations.astype(np.int64)).double(),
        torch.from_numpy(np.ascontiguousarray(kernel)).double(),
        stride=(conv.stride_h, conv.stride_w),
        padding=(conv.pad_top, conv.pad_left),
        dilation=(conv.dilation_h, conv.dilation_w),
        groups=layer.groups,
    )
    found = integer_products(layer).reshape(layer.groups, conv.batch, conv.out_h, conv.out_w, layer.n)
    assert np.array_equal(
        found.transpose(1, 0, 4, 2, 3).reshape(tuple(expected.shape)), expected.numpy().astype(np.int64)
    )


@pytest.mark.parametrize("bits", [(8, 8), (4, 6), (12, 10)])
def test_a_small_cnn(bits: tuple[int, int]) -> None:
    model = small_cnn()
    images = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    calibration = calibrate(model, images, a_bits=bits[0], w_bits=bits[1])
    layers = products(calibration)
    inputs = layer_inputs(model, images)
    norms = {"stem": "bn1", "depthwise": "bn2", "grouped": None, "linear": None}
    assert list(layers) == list(norms)
    for name, norm in norms.items():
        check_layer(calibration, layers[name], inputs[name], folded_weight(model, name, norm))
        if layers[name].conv is not None:
            check_exact_convolution(layers[name])
    stem = layers["stem"].weights
    assert stem is not None
    assert not stem[0, :, 2].any()  # gain 0: the folded weights are 0


def test_only_the_smallest_types_are_kept() -> None:
    images = torch.randn(1, 3, 12, 12)
    for bits, types in ((8, ("int8", "uint8", "int8")), (9, ("int16", "uint16", "int16"))):
        layers = products(calibrate(small_cnn(), images, a_bits=bits, w_bits=bits))
        stem, depthwise = layers["stem"], layers["depthwise"]
        assert stem.activations is not None
        assert depthwise.activations is not None
        assert stem.weights is not None
        assert (str(stem.activations.dtype), str(depthwise.activations.dtype), str(stem.weights.dtype)) == types
        assert (stem.a_signed, depthwise.a_signed) == (True, False)


def test_one_bit_operands_have_no_zero() -> None:
    layers = products(calibrate(small_cnn(), torch.randn(1, 3, 12, 12), a_bits=1, w_bits=1))
    stem, depthwise = layers["stem"], layers["depthwise"]
    assert set(np.unique(stem.activations)) == {-1, 1}  # type: ignore[arg-type]
    assert set(np.unique(stem.weights)) == {-1, 1}  # type: ignore[arg-type]
    assert set(np.unique(depthwise.activations)) == {0, 1}  # type: ignore[arg-type]


def test_attention_products_have_both_operands() -> None:
    torch.manual_seed(3)
    model = TinyVit().eval()
    images = torch.randn(3, 3, 8, 8)
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def observe(name: str, facts: Facts, operands: Any) -> None:
        seen[name] = tuple(part.double().detach().clone() for part in gemm_matrices(facts, operands))  # type: ignore[assignment]

    with torch.no_grad():
        expected = model(images)
    (output,) = run_model(model, images, observe)
    assert torch.allclose(output, expected, atol=1e-6)
    calibration = calibrate(model, images, a_bits=8, w_bits=8)
    layers = products(calibration)
    assert list(layers) == ["embed", "attn.in_proj", "attn.matmul", "attn.matmul_1", "attn.out_proj", "mlp"]
    for name in list(layers)[1:]:
        layer, (a, w) = layers[name], seen[name]
        scales = calibration.scales[name]
        exact = (a @ w).numpy()
        found = integer_products(layer) * scales.activation * scales.weight[:, None, :]
        assert found.shape == (layer.groups, layer.m, layer.n)
        half_a, half_w = scales.activation / 2, scales.weight[:, None, :] / 2
        bound = a.abs().sum(2, keepdim=True).numpy() * half_w + half_a * w.abs().sum(1, keepdim=True).numpy()
        assert (np.abs(exact - found) <= 1.0001 * (bound + layer.k * half_a * half_w) + 1e-6).all(), name
    mixed = layers["attn.matmul_1"]
    assert mixed.activations is not None
    assert mixed.activations.dtype == np.uint8  # softmax is not negative
    assert mixed.activations.shape == (6, 4, 4)
    assert np.abs(mixed.activations.astype(int).sum(2) * calibration.scales[mixed.name].activation - 1).max() < 0.02


def test_attention_runs_with_its_scale_and_masks() -> None:
    class Masked(nn.Module):
        def __init__(self, **options: Any) -> None:
            super().__init__()
            self.options = options

        def forward(self, x: Tensor) -> Tensor:
            return functional.scaled_dot_product_attention(x, x * 2, x, **self.options)

    x = torch.randn(2, 2, 5, 4)
    keep = torch.ones(5, 5, dtype=torch.bool).tril(1)
    for options in ({"is_causal": True}, {"attn_mask": keep}, {"attn_mask": torch.randn(5, 5)}, {"scale": 3.0}):
        model = Masked(**options)
        (output,) = run_model(model, x, lambda *_: None)
        assert torch.allclose(output, model(x), atol=1e-6), options


def test_ranges_come_from_all_images_and_operands_from_the_first() -> None:
    model = small_cnn()
    images = torch.randn(20, 3, 12, 12)
    images[19] *= 10
    alone, with_others = calibrate(model, images[:2]), calibrate(model, images, batch=2)
    assert with_others.workload.layers[0].activations.shape == (2, 3, 12, 12)  # type: ignore[union-attr, operator]
    assert with_others.scales["stem"].activation == pytest.approx(images.abs().max().item() / 127)
    assert with_others.scales["grouped"].activation > alone.scales["grouped"].activation
    assert np.array_equal(with_others.scales["stem"].weight, alone.scales["stem"].weight)


def test_a_batch_larger_than_the_images_is_refused() -> None:
    with pytest.raises(WorkloadError, match="a batch of 3 cannot be taken from 2 images"):
        calibrate(small_cnn(), torch.randn(2, 3, 12, 12), batch=3)


def test_the_model_is_left_as_it_was() -> None:
    model = small_cnn().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    images = torch.randn(2, 3, 12, 12)
    kept = images.clone()
    calibrate(model, images)
    assert all(module.training for module in model.modules())
    assert torch.equal(images, kept)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("a", "b"),
    [((5, 4), (4, 3)), ((2, 3, 5, 4), (4, 3)), ((2, 3, 5, 4), (3, 4, 6)), ((5, 4), (7, 4, 3)), ((4,), (4, 3))],
)
@pytest.mark.parametrize("a_constant", [False, True])
def test_matrices_of_a_product(a: tuple[int, ...], b: tuple[int, ...], a_constant: bool) -> None:
    left, right = torch.randn(a), torch.randn(b)
    view = matmul_view(a, b, a_constant=a_constant)
    product = gemm_matrices(Facts("matmul", (), gemm=view), (left, right))
    assert product.activations.shape == (view.groups, view.m, view.k)
    assert product.weights.shape == (view.groups, view.k, view.n)
    found = (product.activations @ product.weights).sort(-1).values.sum()
    assert found.item() == pytest.approx((left @ right).sum().item(), rel=1e-4)
    values = np.sort((product.activations @ product.weights).numpy().reshape(-1))
    assert np.allclose(values, np.sort((left @ right).numpy().reshape(-1)), atol=1e-5)


def test_matrices_of_an_einsum_and_a_linear_layer() -> None:
    left, right = torch.randn(2, 5, 3, 4), torch.randn(2, 7, 3, 4)
    equation = "b i h d, b j h d -> b h i j"
    refs = (TensorRef((2, 5, 3, 4), "x"), TensorRef((2, 7, 3, 4), "y"))
    facts = Facts(
        "matmul", refs, gemm=einsum_view(equation, *(r.shape for r in refs)), attributes={"equation": equation}
    )
    product = gemm_matrices(facts, (left, right))
    expected = torch.einsum(equation, left, right).reshape(6, 5, 7)
    assert torch.allclose(product.activations @ product.weights, expected, atol=1e-5)
    weight = torch.randn(3, 4)
    rows = gemm_matrices(Facts("linear", refs, gemm=linear_view((2, 5, 3, 4), (3, 4))), (left, weight))
    assert torch.allclose(rows.activations @ rows.weights, functional.linear(left, weight).reshape(1, 30, 3), atol=1e-5)


def test_rounding_of_a_tensor() -> None:
    x = torch.tensor([-2.0, -0.4, 0.0, 0.9])
    signed = quantize(x, ValueRange.of(x), 4, signed=True)
    assert signed.integers.tolist() == [-7, -1, 0, 3]
    assert signed.scale == pytest.approx(2 / 7)
    clipped = quantize(x, ValueRange(-1.0, 1.0, 0.5), 4, signed=True)
    assert clipped.integers.tolist() == [-7, -3, 0, 6]
    zeros = torch.zeros(3)
    assert quantize(zeros, ValueRange.of(zeros), 8, signed=False).integers.tolist() == [0, 0, 0]


def test_every_layer_of_resnet20_with_real_weights_and_images() -> None:
    data = f"cifar10:{shared_path('data/cifar')}"
    source = initialised_model("compress.models:resnet20", seed=0)
    load_state_dict(shared_path("data/weights/cifar10/resnet20.pth"), source.model, "resnet20")
    images = calibration_batch(data, source.model, 2, seed=0)
    calibration = calibrate(source.model, images)
    inputs = layer_inputs(source.model.eval(), images)
    layers = products(calibration)
    assert len(layers) == 20
    for name, layer in layers.items():
        norm = None if name == "linear" else name.replace("conv", "bn")
        check_layer(calibration, layer, inputs[name], folded_weight(source.model, name, norm))
        if layer.conv is not None:
            check_exact_convolution(layer)


def test_loading_with_data_gives_the_same_layers_and_says_where_from() -> None:
    plain = load_workload("compress.models:digits_cnn", batch=2)
    filled = load_workload("compress.models:digits_cnn", batch=2, data=DataRequest("fake:10x1x8x8", images=3, seed=5))
    assert filled.layers == plain.layers  # operands apart
    assert all(layer.activations is not None for layer in filled.layers if isinstance(layer, GemmLayer))
    assert dict(filled.metadata) == {
        "weights": "initial weights (seed 5)",
        "activations": "2 images of fake, ranges from 3",
    }
    again = load_workload("compress.models:digits_cnn", batch=2, data=DataRequest("fake:10x1x8x8", images=3, seed=5))
    other = load_workload("compress.models:digits_cnn", batch=2, data=DataRequest("fake:10x1x8x8", images=3, seed=6))
    for first, same, different in zip(filled.layers, again.layers, other.layers, strict=True):
        if isinstance(first, GemmLayer) and isinstance(same, GemmLayer) and isinstance(different, GemmLayer):
            assert np.array_equal(first.weights, same.weights)  # type: ignore[arg-type]
            assert np.array_equal(first.activations, same.activations)  # type: ignore[arg-type]
            assert not np.array_equal(first.activations, different.activations)  # type: ignore[arg-type]
