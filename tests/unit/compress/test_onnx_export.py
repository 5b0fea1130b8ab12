"""Exported networks answer like the quantised ones in another engine, onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from accel_sim.errors import WorkloadError
from accel_sim.workload import GemmLayer
from compress.compressed import CompressedModel, compress_model
from compress.compressed_workload import compressed_workload
from compress.load import load_workload
from compress.onnx_export import export_onnx, onnx_bytes
from compress.policy import Policy
from tests.shared_files import shared_path
from tests.unit.compress.test_compressed import EVERYTHING, images, model
from tests.validation.accuracy.networks import NETWORKS

__all__ = ["images", "model"]  # fixtures


def answers(path: Path, inputs: Tensor) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    # fusing dequantise-multiply-quantise into integer kernels rounds elsewhere
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": inputs.numpy()})[0]


def compressed(network: nn.Module, inputs: Tensor, policy: dict[str, object]) -> CompressedModel:
    return compress_model(network, Policy.model_validate(policy), inputs)


@pytest.mark.parametrize("bits", [1, 2, 3, 5, 8, 9, 16])
@pytest.mark.parametrize("symmetric", [True, False])
def test_every_width_gives_the_same_answers(model, images, tmp_path, bits, symmetric) -> None:
    policy = {"defaults": {"w_bits": bits, "a_bits": bits}, "quantization": {"activation_symmetric": symmetric}}
    found = compressed(model, images, policy)
    export_onnx(found, images[:1], tmp_path / "net.onnx")
    with torch.no_grad():
        wanted = found.model(images).numpy()
    # a value between two steps may fall to either side in another engine
    close = np.isclose(answers(tmp_path / "net.onnx", images), wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())
    assert close.mean() > 0.9


def test_a_pruned_and_shrunk_network(model, images, tmp_path) -> None:
    found = compressed(model, images, {"layers": EVERYTHING})
    export_onnx(found, images[:1], tmp_path / "net.onnx")
    with torch.no_grad():
        wanted = found.model(images).numpy()
    ours = answers(tmp_path / "net.onnx", images)
    assert (ours.argmax(1) == wanted.argmax(1)).mean() > 0.95
    assert np.isclose(ours, wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max()).mean() > 0.9


def test_weights_are_integers_with_a_scale_per_channel(model, images) -> None:
    graph = onnx.load_from_string(onnx_bytes(compressed(model, images, {}).model, images[:1])).graph
    integers = [one for one in graph.initializer if one.data_type == onnx.TensorProto.INT8 and len(one.dims) > 1]
    assert sorted(tuple(one.dims) for one in integers) == sorted(
        tuple(model.get_submodule(name).weight.shape) for name in ("stem", "first", "second", "down", "head")
    )
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QuantizeLinear") == 5
    assert kinds.count("DequantizeLinear") == 10


def test_what_cannot_be_exported_is_one_line(images, tmp_path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.i0(x)

    with pytest.raises(WorkloadError, match="ONNX export of Odd") as error:
        onnx_bytes(Odd(), images[:1])
    assert "\n" not in str(error.value)


@pytest.mark.validate
@pytest.mark.parametrize(("name", "count"), [("resnet20", 200), ("resnet8", 200), ("mobilenetv2_1.0_224", 40)])
def test_trained_networks_have_the_same_top1(name, count, tmp_path) -> None:
    shared = shared_path("data").parent
    network = NETWORKS[name].load(shared)
    calibration = NETWORKS[name].open(shared, "calibration").sample(64).inputs(network)
    found = compressed(network, calibration, {})
    export_onnx(found, calibration[:1], tmp_path / "net.onnx")
    report = NETWORKS[name].open(shared, "report").sample(count)
    inputs = report.inputs(network)
    with torch.no_grad():
        wanted = found.model(inputs).argmax(1)
    agree = (torch.from_numpy(answers(tmp_path / "net.onnx", inputs)).argmax(1) == wanted).float().mean().item()
    assert agree >= 0.99


@pytest.mark.parametrize(("w_bits", "a_bits"), [(8, 8), (4, 6), (3, 5), (2, 8)])
@pytest.mark.parametrize("symmetric", [True, False])
def test_what_is_exported_is_read_back(model, images, tmp_path, w_bits, a_bits, symmetric) -> None:
    """The file has the layers, widths, signs and integer weights of the network that it was made of."""
    policy = {
        "defaults": {"w_bits": w_bits, "a_bits": a_bits},
        "quantization": {"activation_symmetric": symmetric},
    }
    found = compressed(model, images, policy)
    export_onnx(found, images[:1], tmp_path / "net.onnx")
    ours, read = compressed_workload(found, images[:1], "net"), load_workload(str(tmp_path / "net.onnx"))
    wanted = [layer for layer in ours.layers if isinstance(layer, GemmLayer)]
    products = [layer for layer in read.layers if isinstance(layer, GemmLayer)]
    assert len(products) == len(wanted) > 2
    for layer, other in zip(products, wanted, strict=True):
        assert (layer.groups, layer.m, layer.n, layer.k) == (other.groups, other.m, other.n, other.k)
        assert (layer.a_bits, layer.a_signed, layer.out_bits) == (other.a_bits, other.a_signed, other.out_bits)
        assert layer.w_bits <= other.w_bits  # what the integers need, which may be less
        assert np.array_equal(layer.weights, other.weights)
    assert len(read.layers) == len(ours.layers)
    assert [layer.out_bits for layer in read.layers] == [layer.out_bits for layer in ours.layers]
