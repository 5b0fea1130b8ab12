"""What each ONNX operator is: a registry from its type to a handler that describes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from numpy.typing import NDArray

from accel_sim.errors import WorkloadError
from compress.graph.geometry import conv2d_view, einsum_view, linear_view, matmul_view
from compress.graph.node import Shape, TensorRef
from compress.graph.operations import Facts

__all__ = ["ONNX_HANDLERS", "OnnxCall"]


@dataclass(frozen=True)
class OnnxCall:
    """One ONNX node: inputs in order (``None`` where one is left out), attributes, constants by position."""

    name: str
    op: str
    inputs: tuple[TensorRef | None, ...]
    attributes: Mapping[str, Any]
    outputs: tuple[Shape, ...]
    constants: Mapping[int, NDArray[Any]]

    def tensor(self, position: int) -> TensorRef:
        """An input that has to be there."""
        ref = self.optional(position)
        if ref is None:
            raise WorkloadError(f"node {self.name} ({self.op}): input {position} is missing")
        return ref

    def optional(self, position: int) -> TensorRef | None:
        """An input that may be left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    @property
    def data(self) -> tuple[TensorRef, ...]:
        """Every input that is there."""
        return tuple(ref for ref in self.inputs if ref is not None)

    def number(self, position: int) -> float | None:
        """A constant input of one element."""
        values = self.constants.get(position)
        return float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None


Handler = Callable[[OnnxCall], Facts]
ONNX_HANDLERS: dict[str, Handler] = {}


def _operator(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ONNX_HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def _simple(kind: str, **attributes: Any) -> Handler:
    return lambda call: Facts(kind, call.data, attributes=attributes)


def _first(kind: str, **attributes: Any) -> Handler:
    """A handler for an operator whose other inputs (axes, shapes, sizes) are no tensors of the network."""
    return lambda call: Facts(kind, (call.tensor(0),), attributes=attributes)


_SIMPLE = {
    **{"Relu": "relu", "HardSwish": "hardswish", "HardSigmoid": "hardsigmoid", "Sigmoid": "sigmoid", "Tanh": "tanh"},
    **{"Gelu": "gelu", "Elu": "elu", "Selu": "elu", "Celu": "elu", "LeakyRelu": "leaky_relu", "PRelu": "leaky_relu"},
    **{"Swish": "silu", "Softplus": "softplus", "Mish": "mish", "Exp": "exp", "Log": "log", "Sqrt": "sqrt"},
    **{"Reciprocal": "reciprocal", "Abs": "abs", "Neg": "neg", "Pow": "pow"},
    **{"Max": "maximum", "Min": "minimum", "Softmax": "softmax", "LogSoftmax": "log_softmax", "Concat": "cat"},
}
_FIRST = {
    **{"Dropout": "dropout", "Identity": "identity", "Cast": "identity", "Split": "chunk", "Slice": "slice"},
    **{"Gather": "slice", "Pad": "pad", "ReduceSum": "sum", "ReduceMax": "amax", "ReduceL2": "norm"},
    **{"ReduceMean": "mean"},
}
ONNX_HANDLERS.update({name: _simple(kind) for name, kind in _SIMPLE.items()})
ONNX_HANDLERS.update({name: _first(kind) for name, kind in _FIRST.items()})
ONNX_HANDLERS.update(
    dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Expand"), _first("layout", moves=False))
)
ONNX_HANDLERS.update(dict.fromkeys(("Transpose", "DepthToSpace", "SpaceToDepth", "Tile"), _first("layout", moves=True)))


def _roles(**refs: TensorRef | None) -> dict[str, TensorRef]:
    return {role: ref for role, ref in refs.items() if ref is not None and ref.constant}


@_operator("Conv")
def _conv(call: OnnxCall) -> Facts:
    image, weight = call.tensor(0), call.tensor(1)
    if len(weight.shape) != 4:
        raise WorkloadError(
            f"node {call.name} (Conv): a convolution over {len(weight.shape) - 2} axes is not known; allowed: 2"
        )
    groups = call.attributes.get("group", 1)
    if image.shape[1] != weight.shape[1] * groups:
        raise WorkloadError(
            f"node {call.name} (Conv): the input has {image.shape[1]} channels; the weights need "
            f"{weight.shape[1]} in each of {groups} groups"
        )
    stride, dilation = _pair(call, "strides"), _pair(call, "dilations")
    pad = _padding_before(call, image.shape, weight.shape[2:], call.outputs[0], stride, dilation)
    view = conv2d_view(
        image.shape,
        weight.shape,
        call.outputs[0],
        stride=stride,
        pad=pad,
        dilation=dilation,
        groups=groups,
    )
    return Facts("conv2d", (image, weight), _roles(weight=weight, bias=call.optional(2)), view)


def _pair(call: OnnxCall, name: str) -> tuple[int, int]:
    height, width = call.attributes.get(name, (1, 1))
    return height, width


def _padding_before(
    call: OnnxCall, image: Shape, kernel: Shape, output: Shape, stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    """Zeros above and on the left, given or from ``auto_pad``."""
    auto = call.attributes.get("auto_pad", b"NOTSET")
    if auto in (b"NOTSET", b""):
        pads = call.attributes.get("pads", (0, 0, 0, 0))
        return pads[0], pads[1]
    if auto == b"VALID":
        return 0, 0

    def before(axis: int) -> int:
        span = dilation[axis] * (kernel[axis] - 1) + 1
        total = max((output[axis - 2] - 1) * stride[axis] + span - image[axis - 2], 0)
        return total // 2 if auto == b"SAME_UPPER" else total - total // 2

    return before(0), before(1)


@_operator("Gemm")
def _gemm(call: OnnxCall) -> Facts:
    rows, weight = call.tensor(0), call.tensor(1)
    if call.attributes.get("transA", 0):
        raise WorkloadError(f"node {call.name} (Gemm): transA is 1; allowed: 0")
    transposed = bool(call.attributes.get("transB", 0))
    shape = weight.shape if transposed else weight.shape[::-1]
    roles = _roles(weight=weight, bias=call.optional(2))
    layout = "nk" if transposed else "kn"
    return Facts("linear", (rows, weight), roles, linear_view(rows.shape, shape), {"weight_layout": layout})


@_operator("MatMul")
def _matmul(call: OnnxCall) -> Facts:
    """A constant matrix on the right is a linear layer, as in PyTorch before the export."""
    a, b = call.tensor(0), call.tensor(1)
    if b.constant and len(b.shape) == 2:
        view = linear_view(a.shape, b.shape[::-1])
        return Facts("linear", (a, b), _roles(weight=b), view, {"weight_layout": "kn"})
    view = matmul_view(a.shape, b.shape, a_constant=a.constant)
    attributes = {"weight_layout": "nk" if a.constant else "kn"}
    return Facts("matmul", (a, b), _roles(weight=a if a.constant else b), view, attributes)


@_operator("Einsum")
def _einsum(call: OnnxCall) -> Facts:
    a, b = call.tensor(0), call.tensor(1)
    view = einsum_view(call.attributes["equation"].decode(), a.shape, b.shape, a_constant=a.constant)
    return Facts("matmul", (a, b), _roles(weight=a if a.constant else b), view)


@_operator("BatchNormalization")
def _batch_norm(call: OnnxCall) -> Facts:
    names = ("weight", "bias", "running_mean", "running_var")
    roles = {name: call.tensor(i) for i, name in enumerate(names, start=1)}
    return Facts("batch_norm", (call.tensor(0),), roles, attributes={"eps": call.attributes.get("epsilon", 1e-5)})


@_operator("LayerNormalization", "GroupNormalization", "InstanceNormalization")
def _norm(call: OnnxCall) -> Facts:
    kind = "layer_norm" if call.op == "LayerNormalization" else "group_norm"
    return Facts(kind, (call.tensor(0),), _roles(weight=call.tensor(1), bias=call.optional(2)))


@_operator("Clip")
def _clip(call: OnnxCall) -> Facts:
    low = call.attributes.get("min", call.number(1))
    high = call.attributes.get("max", call.number(2))
    kind = "relu6" if (low, high) == (0, 6) else "clamp"
    return Facts(kind, (call.tensor(0),), attributes={"low": low, "high": high})


@_operator("MaxPool", "AveragePool")
def _pool(call: OnnxCall) -> Facts:
    kernel = tuple(call.attributes["kernel_shape"])
    kind = "max_pool2d" if call.op == "MaxPool" else "avg_pool2d"
    attributes = {
        "kernel": kernel,
        "stride": _pair(call, "strides"),
        "pad": tuple(call.attributes.get("pads", (0, 0)))[:2],
        "window_elements": prod(call.outputs[0]) * prod(kernel),
    }
    return Facts(kind, (call.tensor(0),), attributes=attributes)


@_operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(call: OnnxCall) -> Facts:
    kind = "adaptive_avg_pool" if call.op == "GlobalAveragePool" else "adaptive_max_pool"
    return Facts(kind, (call.tensor(0),), attributes={"window_elements": call.tensor(0).elements})


@_operator("Add", "Sub", "Mul", "Div")
def _arithmetic(call: OnnxCall) -> Facts:
    """As in :mod:`compress.graph.operations`: scaling by a number is ``scale``."""
    kind = call.op.lower()
    number, first = next(((call.number(i), i == 0) for i in (0, 1) if call.number(i) is not None), (None, False))
    if number is None:
        return Facts(kind, call.data)
    operands = tuple(ref for ref in call.data if not ref.constant)
    if kind == "mul" or (kind == "div" and not first):
        return Facts("scale", operands, attributes={"factor": number if kind == "mul" else 1 / number})
    return Facts(kind, operands, attributes={"constant": number})


@_operator("Resize", "Upsample")
def _resize(call: OnnxCall) -> Facts:
    mode = call.attributes.get("mode", b"nearest")
    if mode not in (b"nearest", b"linear"):
        raise WorkloadError(f"node {call.name} ({call.op}): mode {mode.decode()!r}; allowed: nearest, linear")
    return Facts("upsample_nearest2d" if mode == b"nearest" else "upsample_bilinear2d", (call.tensor(0),))
