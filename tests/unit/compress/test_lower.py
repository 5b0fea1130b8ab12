"""What becomes of each operation when a layer graph is lowered to a workload."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import GemmLayer, Layer, VectorLayer, Workload
from compress import layer_graph
from compress.graph.lower import workload_from_graph
from compress.graph.vector_costs import vector_operations


class Forward(nn.Module):
    """Named modules and a function of them and the input."""

    def __init__(self, function: Any, **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)  # type: ignore[no-any-return]


def lower(model: nn.Module, shape: tuple[int, ...], **options: Any) -> Workload:
    return workload_from_graph(layer_graph(model, shape), "net", **options)


def named(workload: Workload) -> dict[str, Layer]:
    return {layer.name: layer for layer in workload.layers}


def gemm_layer(layer: Layer) -> GemmLayer:
    assert isinstance(layer, GemmLayer)
    return layer


def vector_layer(layer: Layer) -> VectorLayer:
    assert isinstance(layer, VectorLayer)
    return layer


def test_grouped_convolution_per_group() -> None:
    layer = gemm_layer(lower(nn.Sequential(nn.Conv2d(12, 8, (3, 5), 2, (1, 2), groups=4)), (12, 9, 10)).layers[0])
    assert (layer.groups, layer.m, layer.n, layer.k) == (4, 5 * 5, 2, 3 * 15)
    assert layer.conv is not None
    assert (layer.conv.in_channels, layer.conv.pad_top, layer.conv.pad_left, layer.conv.stride_h) == (3, 1, 2, 2)
    assert (layer.a_bits, layer.w_bits, layer.static_weights, layer.inputs) == (8, 8, True, ())


def test_batch_norm_folds_only_where_nothing_else_reads_the_convolution() -> None:
    folded = lower(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()), (3, 8, 8))
    assert [layer.name for layer in folded.layers] == ["0", "2"]
    assert folded.layers[1].inputs == ("0",)

    def twice(m: Any, x: Tensor) -> Tensor:
        y = m.conv(x)
        return m.norm(y) + y  # type: ignore[no-any-return]

    kept = named(lower(Forward(twice, conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4)), (3, 8, 8)))
    assert vector_layer(kept["norm"]).operations == 2 * 4 * 36
    before = named(lower(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3)), (3, 8, 8)))
    assert vector_layer(before["0"]).inputs == ("",)


def test_concatenation_gives_its_reader_several_inputs() -> None:
    def dense(m: Any, x: Tensor) -> Tensor:
        a = functional.relu(m.a(x))
        b = functional.relu(m.b(x))
        both = torch.cat([a, b, x], 1)
        return m.c(both) + functional.max_pool2d(both, 3, 1, 1)[:, :2]  # type: ignore[no-any-return]

    model = Forward(dense, a=nn.Conv2d(1, 4, 1), b=nn.Conv2d(1, 2, 1), c=nn.Conv2d(7, 2, 1))
    layers = named(lower(model, (1, 4, 4)))
    assert gemm_layer(layers["c"]).inputs == ("relu", "relu_1", "")
    assert gemm_layer(layers["c"]).a_signed  # the image is among them
    pool = vector_layer(layers["max_pool2d"])
    assert pool.inputs == ("relu", "relu_1", "")
    assert pool.input_elements == (64, 32, 16)
    assert pool.operations == 9 * 7 * 16
    assert vector_layer(layers["add"]).input_elements == (32, 32)


def test_views_dropout_and_scaling_vanish() -> None:
    def function(m: Any, x: Tensor) -> Tensor:
        return m.fc(m.drop(torch.flatten(m.conv(x) * 0.5, 1)).view(1, -1))  # type: ignore[no-any-return]

    workload = lower(Forward(function, conv=nn.Conv2d(1, 2, 3), drop=nn.Dropout(), fc=nn.Linear(8, 3)), (1, 4, 4))
    assert [(layer.name, layer.inputs) for layer in workload.layers] == [("conv", ()), ("fc", ("conv",))]


def test_permutations_cost_only_away_from_products() -> None:
    def before_product(m: Any, x: Tensor) -> Tensor:
        return m.fc(functional.relu(x).permute(0, 2, 1))  # type: ignore[no-any-return]

    def behind_product(m: Any, x: Tensor) -> Tensor:
        return functional.relu(m.fc(x).permute(0, 2, 1))

    def alone(m: Any, x: Tensor) -> Tensor:
        return m.fc(functional.relu(functional.relu(x).permute(0, 2, 1)))  # type: ignore[no-any-return]

    def ops(function: Any) -> list[str]:
        return [layer.op for layer in lower(Forward(function, fc=nn.Linear(6, 6)), (6, 6)).layers]

    assert ops(before_product) == ["relu", "linear"]
    assert ops(behind_product) == ["linear", "relu"]
    assert ops(alone) == ["relu", "layout", "relu", "linear"]


@pytest.mark.parametrize(
    ("function", "signed"),
    [
        (lambda x: x, True),
        (functional.relu, False),
        (functional.relu6, False),
        (lambda x: torch.clamp(x, min=0), False),
        (lambda x: torch.clamp(x, min=-1), True),
        (torch.sigmoid, False),
        (functional.hardsigmoid, False),
        (lambda x: torch.softmax(x, -1), False),
        (functional.gelu, True),
        (functional.silu, True),
        (functional.hardswish, True),
        (torch.tanh, True),
        (lambda x: functional.max_pool2d(functional.relu(x), 2), False),
        (lambda x: functional.max_pool2d(x, 2), True),
        (lambda x: functional.relu(x) + functional.relu(x), False),
        (lambda x: functional.relu(x) + x, True),
        (lambda x: functional.relu(x) - functional.relu(x), True),
        (lambda x: functional.relu(x) * -2.0, True),
        (lambda x: functional.relu(x) * 2.0, False),
        (lambda x: torch.cat([functional.relu(x), torch.sigmoid(x)], 1)[:, :1], False),
        (lambda x: functional.relu(x).flatten(1).view(1, 1, 4, 4), False),
        (lambda x: functional.layer_norm(functional.relu(x), (4,)), True),
    ],
)
def test_the_sign_of_what_a_product_reads(function: Any, signed: bool) -> None:
    model = Forward(lambda m, x: m.conv(function(x)), conv=nn.Conv2d(1, 1, 1))
    assert gemm_layer(lower(model, (1, 4, 4)).layers[-1]).a_signed is signed


def test_attention_has_no_static_weights() -> None:
    model = Forward(lambda m, x: m.attn(x, x, x)[0], attn=nn.MultiheadAttention(8, 2, batch_first=True))
    layers = named(lower(model, (5, 8), a_bits=6, w_bits=4))
    scores, mixed = gemm_layer(layers["attn.matmul"]), gemm_layer(layers["attn.matmul_1"])
    assert (scores.static_weights, scores.inputs, scores.weight_inputs) == (False, ("attn.in_proj",), ("attn.in_proj",))
    assert (scores.a_bits, scores.w_bits, scores.a_signed, scores.w_signed) == (6, 6, True, True)
    assert (mixed.a_signed, mixed.inputs, mixed.weight_inputs) == (False, ("attn.softmax",), ("attn.in_proj",))
    assert vector_layer(layers["attn.softmax"]).operations == 5 * 2 * 25
    assert gemm_layer(layers["attn.out_proj"]).w_bits == 4


def test_costs_of_windows_and_reductions() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.AvgPool2d(2))
    layers = lower(model, (3, 5, 5)).layers
    assert vector_layer(layers[0]).operations == 3 * 36  # windows of 3 of 5 overlap
    assert vector_layer(layers[1]).operations == 3 * 4
    mean = lower(Forward(lambda _, x: x.mean((2, 3))), (3, 5, 5)).layers[0]
    assert vector_layer(mean).operations == 75


def test_an_unknown_cost_is_an_error() -> None:
    with pytest.raises(WorkloadError, match=r"operation x: what a 'fft' costs"):
        vector_operations("x", {"kind": "fft", "output_shapes": ((1,),), "input_shapes": ((1,),)})


def test_nothing_to_simulate_is_an_error() -> None:
    with pytest.raises(WorkloadError, match="no layer to simulate"):
        lower(nn.Sequential(nn.Flatten()), (3, 4, 4))


@pytest.mark.parametrize("options", [{"a_bits": 0}, {"w_bits": 17}])
def test_bits_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(WorkloadError, match=r"layer 0: ._bits is \d+; allowed: 1 to 16"):
        lower(nn.Sequential(nn.Linear(2, 2)), (2,), **options)


def test_integer_weights_compute_the_layer() -> None:
    """Integers times each channel's scale are the weights, up to half a step, in the order of the product."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(24, 5))
    with torch.no_grad():
        model[1].weight[1] = -1.0
        model[0].weight[2] = 0.0
    weights = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
    conv, linear = (gemm_layer(layer).weights for layer in lower(model, (4, 4, 4), w_bits=5, weights=weights).layers)
    assert conv is not None
    assert linear is not None
    assert conv.shape == (2, 18, 3)
    assert linear.shape == (1, 24, 5)
    assert abs(conv).max() == 15
    for channel in range(6):
        values = model[0].weight[channel].permute(1, 2, 0).flatten().detach()
        expected = torch.round(values / values.abs().max().clamp(min=1e-9) * 15) * (-1 if channel == 1 else 1)
        assert conv[channel // 3, :, channel % 3].tolist() == expected.tolist()
    one_bit = gemm_layer(lower(model, (4, 4, 4), w_bits=1, weights=weights).layers[0]).weights
    assert one_bit is not None
    assert set(one_bit.flatten().tolist()) == {-1, 1}
