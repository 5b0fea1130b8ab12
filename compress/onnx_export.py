"""Quantised networks as ONNX models with explicit quantisation (QDQ), which any ONNX runtime executes.

What a layer reads passes QuantizeLinear, a Clip where the grid is narrower than the type, and DequantizeLinear; weights
are int8 initialisers with one DequantizeLinear scale per output channel; biases are float. Widths from 1 to 8 bits are
stored in int8 or uint8. Wider operands (ONNX quantises to 16 bits only from opset 21 on) and one-bit activations are
written as the float arithmetic that gives the same numbers.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from accel_sim.errors import WorkloadError
from accel_sim.files import write_atomically
from compress.compressed import CompressedModel
from compress.quantization import FakeQuantConv2d, FakeQuantLinear, Grid

__all__ = ["OPSET", "export_onnx", "onnx_bytes"]

OPSET = 17
BYTE = 8


def export_onnx(compressed: CompressedModel, example_input: Tensor, path: Path) -> None:
    """Write a compressed network as an ONNX model, complete or not at all.

    Args:
        example_input: ``(batch, channels, height, width)``; the batch stays free in the model.

    Raises:
        WorkloadError: an operation that ONNX export does not know (its name is in the message), or ``onnx`` is missing.
        InputError: the file cannot be written.
    """
    write_atomically(path, onnx_bytes(compressed.model, example_input))


def onnx_bytes(model: nn.Module, example_input: Tensor) -> bytes:
    """The model of :func:`export_onnx`."""
    try:
        import onnx
    except ImportError as error:
        raise WorkloadError("ONNX export: onnx is needed; pip install 'bitgrove[onnx]'") from error
    content, talk = io.BytesIO(), io.StringIO()
    try:
        with _quiet(), contextlib.redirect_stdout(talk), torch.no_grad():
            torch.onnx.export(
                _exportable(model, example_input),
                (example_input,),
                content,  # type: ignore[arg-type]  # the one exporter takes files, too
                dynamo=False,
                opset_version=OPSET,
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            )
    except Exception as error:  # the exporter has many ways to fail, each with pages of text
        reason = " ".join(str(error).split())[:200]
        raise WorkloadError(f"ONNX export of {type(model).__name__}: {type(error).__name__}: {reason}") from error
    onnx.checker.check_model(onnx.load_from_string(content.getvalue()))
    return content.getvalue()


@contextlib.contextmanager
def _quiet() -> Any:
    """The exporter warns of its age, and of constants that it folds, at length."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _exportable(model: nn.Module, example_input: Tensor) -> nn.Module:
    twin = copy.deepcopy(model).eval()
    _fix_pooling(twin, example_input)
    for name, module in list(twin.named_modules()):
        if isinstance(module, FakeQuantConv2d | FakeQuantLinear):
            twin.set_submodule(name, _Explicit(module))
    return twin


def _fix_pooling(model: nn.Module, example_input: Tensor) -> None:
    """Adaptive pooling to more than one pixel, which ONNX has not, becomes the plain pooling that it is here."""
    sizes: dict[str, tuple[int, int]] = {}
    handles = [
        module.register_forward_pre_hook(lambda _, x, name=name: sizes.__setitem__(name, tuple(x[0].shape[-2:])))
        for name, module in model.named_modules()
        if isinstance(module, nn.AdaptiveAvgPool2d)
    ]
    model(example_input)
    for handle in handles:
        handle.remove()
    for name, (height, width) in sizes.items():
        wanted = model.get_submodule(name).output_size
        rows, columns = (wanted, wanted) if isinstance(wanted, int) else wanted  # type: ignore[misc]
        if rows and columns and height % rows == 0 and width % columns == 0:
            model.set_submodule(name, nn.AvgPool2d((height // rows, width // columns)))


class _Explicit(nn.Module):
    """A quantised layer with its roundings as operations of their own."""

    def __init__(self, layer: FakeQuantConv2d | FakeQuantLinear) -> None:
        super().__init__()
        self._layer = layer
        self.register_buffer("_integers", layer.weight_integers.to(torch.int8) if layer.w_bits <= BYTE else None)
        self.register_buffer("_zero_points", torch.zeros(len(layer.weight_scales), dtype=torch.int8))

    def forward(self, x: Tensor) -> Tensor:
        layer = self._layer
        read = _fake_quantized(x, layer.input_grid)
        weight = layer.weight
        if layer.w_bits <= BYTE:
            weight = _Dequantize.apply(self._integers, layer.weight_scales, self._zero_points)
        if isinstance(layer, FakeQuantLinear):
            return functional.linear(read, weight, layer.bias)
        padding = layer.padding
        if layer.padding_mode != "zeros":
            read, padding = functional.pad(read, layer.around, mode=layer.padding_mode), (0, 0)
        return functional.conv2d(read, weight, layer.bias, layer.stride, padding, layer.dilation, layer.groups)


def _fake_quantized(x: Tensor, grid: Grid) -> Tensor:
    if grid.binary or grid.bits > BYTE:
        return grid.fake_quantize(x)
    result: Tensor = _QuantizeDequantize.apply(x, grid)
    return result


class _QuantizeDequantize(torch.autograd.Function):
    """To the grid and back."""

    @staticmethod
    def forward(_: Any, x: Tensor, grid: Grid) -> Tensor:
        return grid.fake_quantize(x)

    @staticmethod
    def symbolic(g: Any, x: Any, grid: Grid) -> Any:
        kind = torch.int8 if grid.signed else torch.uint8
        scale = g.op("Constant", value_t=torch.tensor(grid.scale, dtype=torch.float32))
        zero_point = g.op("Constant", value_t=torch.tensor(grid.zero_point, dtype=kind))
        steps = g.op("QuantizeLinear", x, scale, zero_point)
        if (grid.low, grid.high) != (torch.iinfo(kind).min, torch.iinfo(kind).max):
            low, high = (g.op("Constant", value_t=torch.tensor(end, dtype=kind)) for end in (grid.low, grid.high))
            steps = g.op("Clip", steps, low, high)
        return g.op("DequantizeLinear", steps, scale, zero_point).setType(x.type())


class _Dequantize(torch.autograd.Function):
    """Integer weights times their channels' scales."""

    @staticmethod
    def forward(_: Any, integers: Tensor, scales: Tensor, zero_points: Tensor) -> Tensor:
        del zero_points
        return integers.float() * scales.reshape(-1, *[1] * (integers.ndim - 1))

    @staticmethod
    def symbolic(g: Any, integers: Any, scales: Any, zero_points: Any) -> Any:
        values = g.op("DequantizeLinear", integers, scales, zero_points, axis_i=0)
        return values.setType(integers.type().with_dtype(torch.float32))
