"""The layer graph of PyTorch models: nodes, names, products, and what cannot be traced."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import WorkloadError
from compress import layer_graph
from compress.graph.node import TensorUse, total_macs, total_params
from compress.model_sources import load_model


def kinds(graph: nx.DiGraph) -> list[str]:
    return [kind for _, kind in graph.nodes(data="kind")]


class Attention(nn.Module):
    def __init__(self, heads: int = 2, width: int = 8) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.attn(x, x, x, need_weights=False)[0]
        return out


class OwnAttention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x, x)


class ShapeDependent(nn.Module):
    """Control flow that torch.fx cannot follow and torch.export can."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] > 4:
            x = x * 2.0
        return self.head(self.block(x).mean((2, 3)))  # type: ignore[no-any-return]


class ValueDependent(nn.Module):
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + 1 if x.sum() > 0 else x

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 3, 1)
        self.branch = self.Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(self.stem(x))  # type: ignore[no-any-return]


class Forward(nn.Module):
    """A module of one function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)  # type: ignore[no-any-return]


def test_node_attributes_and_edges() -> None:
    model = torchvision.models.resnet18()
    graph = layer_graph(model, (3, 64, 64), batch=2)
    conv = graph.nodes["layer2.0.downsample.0"]
    assert conv["kind"] == "conv2d"
    assert conv["parameters"] == {"weight": "layer2.0.downsample.0.weight"}
    assert conv["input_shapes"] == ((2, 64, 16, 16), (128, 64, 1, 1))
    assert conv["output_shapes"] == ((2, 128, 8, 8),)
    view = conv["gemm"]
    assert (view.groups, view.m, view.n, view.k) == (1, 2 * 64, 128, 64)
    assert conv["macs"] == 2 * 64 * 128 * 64
    assert conv["params"] == 128 * 64
    norm = graph.nodes["layer2.0.downsample.1"]
    assert norm["params"] == 256  # running statistics are no parameters
    assert set(norm["parameters"]) == {"weight", "bias", "running_mean", "running_var"}
    total = graph.nodes["layer2.0.add"]
    assert total["module"] == "layer2.0"
    assert graph.edges["layer2.0.downsample.1", "layer2.0.add"]["uses"] == (TensorUse(1, 0, (2, 128, 8, 8)),)
    assert graph.edges["layer2.0.bn2", "layer2.0.add"]["uses"] == (TensorUse(0, 0, (2, 128, 8, 8)),)
    assert nx.is_directed_acyclic_graph(graph)
    assert total_params(graph) == sum(p.numel() for p in model.parameters())


def test_reused_modules_get_names_of_their_own() -> None:
    graph = layer_graph(torchvision.models.resnet50(), (3, 32, 32))
    assert {"layer1.0.relu", "layer1.0.relu_1", "layer1.0.relu_2"} <= set(graph)


def test_multihead_attention_becomes_products() -> None:
    graph = layer_graph(Attention(), (5, 8), batch=3)
    products = {n: d["gemm"] for n, d in graph.nodes(data=True) if d["gemm"] is not None}
    assert list(products) == ["attn.in_proj", "attn.matmul", "attn.matmul_1", "attn.out_proj"]
    sizes = [(v.groups, v.m, v.n, v.k) for v in products.values()]
    assert sizes == [(1, 15, 24, 8), (6, 5, 5, 4), (6, 5, 4, 5), (1, 15, 8, 8)]
    assert graph.nodes["attn.in_proj"]["parameters"] == {"weight": "attn.in_proj_weight", "bias": "attn.in_proj_bias"}


def test_scaled_dot_product_attention_becomes_products() -> None:
    graph = layer_graph(OwnAttention(), (2, 7, 4), batch=3)
    assert [k for k in kinds(graph) if k in ("matmul", "softmax")] == ["matmul", "softmax", "matmul"]
    assert total_macs(graph) == 2 * 3 * 2 * 7 * 7 * 4


def test_shifted_windows_have_products_and_their_bias_table() -> None:
    model = torchvision.models.swin_t(weights=None)
    graph = layer_graph(model, (3, 224, 224))
    assert kinds(graph).count("matmul") == 2 * 12
    assert graph.nodes["features.1.1.attn.qkv"]["gemm"].n == 3 * 96
    add = next(d for d in graph.nodes.values() if "relative_position_bias_table" in d["parameters"])
    assert add["kind"] == "add"
    assert total_params(graph) == sum(p.numel() for p in model.parameters())


def test_an_operation_in_place_is_seen_by_later_readers() -> None:
    def function(x: Tensor) -> Tensor:
        functional.relu_(x)
        return torch.sigmoid(x)

    graph = layer_graph(Forward(function), (4,))
    assert list(nx.topological_sort(graph)) == ["input", "relu", "sigmoid"]


def test_what_no_output_needs_is_left_out() -> None:
    def function(x: Tensor) -> Tensor:
        torch.exp(x)
        return torch.sigmoid(x)

    assert kinds(layer_graph(Forward(function), (4,))) == ["input", "sigmoid"]


def test_two_outputs_of_a_split_are_told_apart() -> None:
    def function(x: Tensor) -> Tensor:
        a, b = x.chunk(2, 1)
        return b - a

    graph = layer_graph(Forward(function), (4,))
    assert graph.edges["chunk", "sub"]["uses"] == (TensorUse(0, 1, (1, 2)), TensorUse(1, 0, (1, 2)))


def test_export_takes_over_where_fx_cannot() -> None:
    graph = layer_graph(ShapeDependent(), (3, 8, 8))
    assert kinds(graph) == ["input", "scale", "conv2d", "batch_norm", "relu", "mean", "linear"]
    assert graph.nodes["block.0"]["parameters"]["weight"] == "block.0.weight"
    assert graph.nodes["head"]["macs"] == 8
    assert total_params(graph) == sum(p.numel() for p in ShapeDependent().parameters())


def test_a_model_that_cannot_be_traced_names_the_module() -> None:
    with pytest.raises(WorkloadError, match=r"cannot be traced in module 'branch'") as caught:
        layer_graph(ValueDependent(), (3, 8, 8))
    assert "\n" not in str(caught.value)


def test_an_unknown_operation_is_named_with_its_module() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), nn.FractionalMaxPool2d(2, output_size=2)))
    with pytest.raises(WorkloadError, match=r"operation 'fractional_max_pool2d' in module '1\.1' is not known"):
        layer_graph(model, (3, 8, 8))


def test_transposed_and_one_dimensional_convolutions_are_refused() -> None:
    with pytest.raises(WorkloadError, match=r"is not known"):
        layer_graph(nn.Sequential(nn.ConvTranspose2d(3, 4, 3)), (3, 8, 8))
    with pytest.raises(WorkloadError, match=r"is not known"):
        layer_graph(nn.Sequential(nn.Conv1d(3, 4, 3)), (3, 8))


def test_an_input_that_does_not_fit_names_the_module() -> None:
    with pytest.raises(WorkloadError, match=r"module 'conv1' cannot take inputs .*\(1, 4, 32, 32\)") as caught:
        layer_graph(torchvision.models.resnet18(), (4, 32, 32))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("shape", "batch"), [((3, 0, 8), 1), ((3, 8, 8), 0), ((3, -1, 8), 1)])
def test_sizes_below_one_are_refused(shape: tuple[int, ...], batch: int) -> None:
    with pytest.raises(WorkloadError, match="allowed: integers from 1"):
        layer_graph(nn.Sequential(nn.Conv2d(3, 4, 3)), shape, batch)


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    layer_graph(model, torch.zeros(2, 3, 8, 8))
    assert [module.training for module in model] == [True, False, True]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "name",
    [
        *("alexnet", "googlenet", "inception_v3", "mnasnet0_5", "shufflenet_v2_x0_5", "regnet_y_400mf"),
        *("resnext50_32x4d", "maxvit_t", "swin_v2_t", "efficientnet_v2_s", "vit_b_32"),
    ],
)
def test_every_family_of_torchvision_is_known(name: str) -> None:
    """The families that tests/validation does not count already; all 80 models run in the marked test below."""
    check_family(name)


@pytest.mark.validate
@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
def test_every_model_of_torchvision_is_known(name: str) -> None:
    check_family(name)


def check_family(name: str) -> None:
    source = load_model(f"torchvision:{name}")
    assert source.input_shape is not None
    graph = layer_graph(source.model, source.input_shape)
    auxiliary = sum(p.numel() for n, p in source.model.named_parameters() if "aux" in n.lower())
    assert total_params(graph) == sum(p.numel() for p in source.model.parameters()) - auxiliary
    assert total_macs(graph) > 0
