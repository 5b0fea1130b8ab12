"""ONNX files give the layers that PyTorch gives, and wrong files one clear line."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from accel_sim.errors import WorkloadError
from accel_sim.workload.layers import GemmLayer, Workload
from compress import layer_graph, load_workload
from compress.graph.lower import workload_from_graph
from compress.graph.node import total_macs, total_params
from compress.graph.onnx_import import read_onnx


def small_vit() -> nn.Module:
    return torchvision.models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64)


def small_swin() -> nn.Module:
    return torchvision.models.SwinTransformer([2, 2], 16, [2, 2], [2, 2], [3, 3])


def small_convnext() -> nn.Module:
    block = torchvision.models.convnext.CNBlockConfig
    return torchvision.models.ConvNeXt([block(8, 16, 1), block(16, None, 1)])


SMALL = {"vit": small_vit, "swin": small_swin, "convnext": small_convnext}


def export(model: nn.Module, path: Path, shape: tuple[int, ...], **options: Any) -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, *shape),), buffer, dynamo=False, opset_version=17, **options)
    path.write_bytes(buffer.getvalue())


def randomise(model: nn.Module) -> None:
    """Different values everywhere, so that the exporter does not merge parameters that are equal."""
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.normal_()
        for name, tensor in model.named_buffers():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)


def gemms(workload: Workload) -> list[GemmLayer]:
    return [layer for layer in workload.layers if isinstance(layer, GemmLayer)]


def what_is_simulated(workload: Workload) -> tuple[list[Any], Counter[Any]]:
    products = [
        (x.op, x.groups, x.m, x.n, x.k, x.a_signed, x.w_signed, x.static_weights, x.conv) for x in gemms(workload)
    ]
    vectors = Counter(
        (x.op, x.operations, tuple(sorted(x.input_elements)), x.output_elements)
        for x in workload.layers
        if not isinstance(x, GemmLayer)
    )
    return products, vectors


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "vit", "swin", "convnext"])
def test_the_same_layers_as_from_pytorch(tmp_path: Path, name: str) -> None:
    check_same_layers(tmp_path, SMALL[name]() if name in SMALL else torchvision.models.get_model(name, weights=None))


@pytest.mark.validate
@pytest.mark.parametrize(
    "name", ["mobilenet_v3_small", "shufflenet_v2_x0_5", "efficientnet_b0", "densenet121", "convnext_tiny", "swin_t"]
)
def test_the_same_layers_of_more_networks(tmp_path: Path, name: str) -> None:
    check_same_layers(tmp_path, torchvision.models.get_model(name, weights=None))


def check_same_layers(tmp_path: Path, model: nn.Module) -> None:
    model.eval()
    randomise(model)
    export(model, tmp_path / "net.onnx", (3, 32, 32))
    expected = workload_from_graph(layer_graph(model, (3, 32, 32)), "net")
    assert what_is_simulated(load_workload(str(tmp_path / "net.onnx"))) == what_is_simulated(expected)


def test_the_same_integers_as_from_pytorch(tmp_path: Path) -> None:
    """Batch normalisation that the exporter folds in changes at most the sign of a channel."""
    model = torchvision.models.resnet18().eval()
    randomise(model)
    export(model, tmp_path / "net.onnx", (3, 32, 32))
    torch.save(model.state_dict(), tmp_path / "net.pth")
    ours = load_workload("torchvision:resnet18", weights=tmp_path / "net.pth", input_shape=(3, 32, 32))
    for a, b in zip(gemms(ours), gemms(load_workload(str(tmp_path / "net.onnx"))), strict=True):
        assert a.weights is not None
        assert b.weights is not None
        difference = np.abs(a.weights.astype(int) - b.weights.astype(int))
        assert difference.max() <= 1  # a tie that rounding decides
        assert (difference != 0).mean() < 1e-3


def test_parameters_and_names_before_folding(tmp_path: Path) -> None:
    model = torchvision.models.resnet18().eval()
    randomise(model)
    export(
        model, tmp_path / "net.onnx", (3, 32, 32), training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False
    )
    graph = read_onnx(tmp_path / "net.onnx").graph
    assert total_params(graph) in (11_689_512, 11_689_512 - 4_800)  # with or without batch norm folded into biases
    assert total_macs(graph) == total_macs(layer_graph(model, (3, 32, 32)))
    assert {"conv1", "layer2.0.downsample.0", "fc"} <= set(graph)


def build(
    nodes: Sequence[onnx.NodeProto],
    *,
    shape: Sequence[int | str] = (1, 3, 8, 8),
    constants: dict[str, Any] | None = None,
    opset: int = 20,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [f"out{i}" for i in range(len(shape))])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def save(tmp_path: Path, model: onnx.ModelProto) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    return path


WEIGHT = np.ones((4, 3, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("auto_pad", "before"), [("SAME_UPPER", (0, 0)), ("SAME_LOWER", (1, 1)), ("VALID", (0, 0)), ("NOTSET", (2, 1))]
)
def test_padding_of_a_convolution(tmp_path: Path, auto_pad: str, before: tuple[int, int]) -> None:
    pads = {"pads": [2, 1, 0, 1]} if auto_pad == "NOTSET" else {}
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv", auto_pad=auto_pad, strides=[2, 2], **pads)
    graph = read_onnx(save(tmp_path, build([node], constants={"w": WEIGHT}))).graph
    conv = graph.nodes["conv"]["gemm"].conv
    assert (conv.pad_top, conv.pad_left) == before


def test_open_batch_and_shape(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv")
    path = save(tmp_path, build([node], shape=("N", 3, "H", "W"), constants={"w": WEIGHT}))
    assert load_workload(str(path), batch=2, input_shape=(3, 10, 12)).macs == 2 * 80 * 4 * 27
    with pytest.raises(WorkloadError, match="axis 2 of input 'x' is H; give --input-shape"):
        load_workload(str(path))
    fixed = save(tmp_path, build([node], constants={"w": WEIGHT}))
    with pytest.raises(WorkloadError, match="axis 0 of input 'x' is fixed at 1; a batch of 2 does not fit"):
        load_workload(str(fixed), batch=2)
    with pytest.raises(WorkloadError, match="axis 3 of input 'x' is fixed at 8; a size of 9 does not fit"):
        load_workload(str(fixed), input_shape=(3, 8, 9))


def test_a_decomposed_gelu_is_one_operation(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.SiLU())
    export(model, tmp_path / "net.onnx", (5, 8))
    assert [layer.op for layer in load_workload(str(tmp_path / "net.onnx")).layers] == ["linear", "gelu", "silu"]


@pytest.mark.parametrize(
    ("node", "constants", "message"),
    [
        (helper.make_node("Det", ["x"], ["y"], "odd"), {}, r"node 'odd' of type 'Det' is not known"),
        (
            helper.make_node("Gemm", ["x", "w"], ["y"], "g", transA=1),
            {"w": np.ones((3, 2), np.float32)},
            r"transA is 1",
        ),
        (
            helper.make_node("Conv", ["x", "w"], ["y"], "c"),
            {"w": np.ones((4, 7, 3, 3), np.float32)},
            r"node c \(Conv\): the input has 3 channels; the weights need 7",
        ),
    ],
)
def test_nodes_that_cannot_be_read(tmp_path: Path, node: onnx.NodeProto, constants: Any, message: str) -> None:
    shape = (3, 1) if node.op_type == "Gemm" else (1, 3, 8, 8)
    with pytest.raises(WorkloadError, match=message) as caught:
        read_onnx(save(tmp_path, build([node], shape=shape, constants=constants)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model at all", b"\x08\x09"])
def test_files_that_are_no_models(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(WorkloadError, match="is not a valid ONNX model") as caught:
        read_onnx(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(WorkloadError, match="no such ONNX file"):
        read_onnx(tmp_path)
