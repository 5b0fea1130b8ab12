"""What each PyTorch operation is: a registry from its name to a handler that describes it.

Functions (``torch.relu``, ``F.relu``), tensor methods (``x.relu_()``) and ATen overloads (``aten.relu.default``) share
one name and, as far as it matters here, one order of arguments. A handler turns a :class:`Call` into :class:`Facts`;
an operation without a handler is an error that names it. Nothing here needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from accel_sim.errors import WorkloadError
from compress.graph.geometry import adaptive_window_elements, conv2d_view, einsum_view, linear_view, matmul_view, pair
from compress.graph.node import GemmView, Shape, TensorRef

__all__ = ["CONSTANT_FACTORIES", "HANDLERS", "Call", "Facts", "describe", "known_operation"]


@dataclass(frozen=True)
class Call:
    """One operation as it is called: tensors are :class:`TensorRef`, everything else its value."""

    op: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Shape, ...]

    def arg(self, position: int, name: str, default: Any = None) -> Any:
        """An argument by position or by name."""
        return self.args[position] if position < len(self.args) else self.kwargs.get(name, default)

    @property
    def tensors(self) -> tuple[TensorRef, ...]:
        """Every tensor among the arguments, in order."""
        return tuple(_tensors_of((self.args, tuple(self.kwargs.values()))))


@dataclass(frozen=True)
class Facts:
    """What an operation is: the handler's result, the attributes of a node of the layer graph."""

    kind: str
    operands: tuple[TensorRef, ...]
    roles: Mapping[str, TensorRef] = field(default_factory=dict)
    gemm: GemmView | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


Handler = Callable[[Call], Facts]
HANDLERS: dict[str, Handler] = {}

CONSTANT_FACTORIES = frozenset(
    [
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "zeros",
        "ones",
        "full",
        "arange",
    ]
)
"""Operations that read no more of a tensor than its shape and type."""


def known_operation(op: str) -> bool:
    """Whether there is a handler."""
    return op in HANDLERS


def describe(call: Call, module: str) -> Facts:
    """What an operation is; an operation that is not known is an error that names it and its module."""
    handler = HANDLERS.get(call.op)
    if handler is None:
        raise WorkloadError(
            f"operation {call.op!r} in module {module or '(the model itself)'!r} is not known; "
            "it has to be added to compress.graph.operations before the model can be simulated"
        )
    return handler(call)


def _operation(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def _simple(kind: str, **attributes: Any) -> Handler:
    """A handler for an operation that its kind and its tensors describe."""
    return lambda call: Facts(kind, call.tensors, attributes=attributes)


def _tensors_of(value: Any) -> Iterator[TensorRef]:
    if isinstance(value, TensorRef):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors_of(item)


def _roles(**refs: TensorRef | None) -> dict[str, TensorRef]:
    return {role: ref for role, ref in refs.items() if ref is not None and ref.constant}


ALIASES: dict[str, tuple[str, ...]] = {
    # kind -> names of operations that need no more than their tensors
    "relu": ("relu",),
    "relu6": ("relu6",),
    "hardswish": ("hardswish",),
    "hardsigmoid": ("hardsigmoid",),
    "sigmoid": ("sigmoid",),
    "silu": ("silu",),
    "gelu": ("gelu",),
    "tanh": ("tanh",),
    "elu": ("elu", "selu", "celu"),
    "leaky_relu": ("leaky_relu", "prelu"),
    "softplus": ("softplus",),
    "mish": ("mish",),
    "exp": ("exp",),
    "log": ("log",),
    "sqrt": ("sqrt",),
    "rsqrt": ("rsqrt",),
    "reciprocal": ("reciprocal",),
    "abs": ("abs",),
    "neg": ("neg",),
    "pow": ("pow",),
    "maximum": ("maximum",),
    "minimum": ("minimum",),
    "softmax": ("softmax",),
    "log_softmax": ("log_softmax",),
    "norm": ("linalg_vector_norm", "norm"),
    "sum": ("sum",),
    "amax": ("amax",),
    "dropout": ("dropout", "dropout2d", "alpha_dropout", "feature_dropout", "stochastic_depth"),
    "identity": (
        *("identity", "contiguous", "clone", "detach", "alias", "lift_fresh_copy", "lift_fresh"),
        *("float", "half", "bfloat16", "double", "type_as", "to", "to_copy"),
    ),
    "cat": ("cat", "concat", "concatenate", "stack"),
    "chunk": ("chunk", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split"),
    "slice": ("getitem", "slice", "select", "narrow"),
    "roll": ("roll",),
    "pad": ("pad", "constant_pad_nd"),
}
for _kind, _names in ALIASES.items():
    HANDLERS.update(dict.fromkeys(_names, _simple(_kind)))

_VIEWS = "view view_as reshape reshape_as flatten unflatten unsqueeze squeeze expand expand_as unsafe_view"
_MOVES = "permute transpose swapaxes swapdims t numpy_T movedim moveaxis flip repeat tile channel_shuffle pixel_shuffle"
HANDLERS.update(dict.fromkeys(_VIEWS.split(), _simple("layout", moves=False)))
HANDLERS.update(dict.fromkeys(_MOVES.split(), _simple("layout", moves=True)))


@_operation("conv2d", "convolution")
def _conv2d(call: Call) -> Facts:
    image, weight = call.arg(0, "input"), call.arg(1, "weight")
    bias = call.arg(2, "bias")
    transposed, groups_at = (call.arg(6, "transposed", False), 8) if call.op == "convolution" else (False, 6)
    if transposed or len(weight.shape) != 4:
        raise WorkloadError(
            f"a {'transposed ' if transposed else ''}convolution over {len(weight.shape) - 2} axes is not known; "
            "allowed: two axes, not transposed"
        )
    dilation = pair(call.arg(5, "dilation", 1))
    padding = call.arg(4, "padding", 0)
    pad = _named_padding(padding, weight.shape, dilation) if isinstance(padding, str) else pair(padding)
    stride, groups = pair(call.arg(3, "stride", 1)), call.arg(groups_at, "groups", 1)
    view = conv2d_view(
        image.shape, weight.shape, call.outputs[0], stride=stride, pad=pad, dilation=dilation, groups=groups
    )
    return Facts("conv2d", (image, weight), _roles(weight=weight, bias=bias), view)


def _named_padding(padding: str, weight: Shape, dilation: tuple[int, int]) -> tuple[int, int]:
    if padding == "valid":
        return 0, 0
    return dilation[0] * (weight[2] - 1) // 2, dilation[1] * (weight[3] - 1) // 2


@_operation("linear")
def _linear(call: Call) -> Facts:
    rows, weight, bias = call.arg(0, "input"), call.arg(1, "weight"), call.arg(2, "bias")
    return Facts("linear", (rows, weight), _roles(weight=weight, bias=bias), linear_view(rows.shape, weight.shape))


@_operation("matmul", "mm", "bmm")
def _matmul(call: Call) -> Facts:
    return _product(call.args[0], call.arg(1, "mat2", call.kwargs.get("other")))


@_operation("addmm", "baddbmm")
def _addmm(call: Call) -> Facts:
    bias, a, b = call.args[:3]
    if not bias.constant:
        raise WorkloadError(f"{call.op} with a computed addend is not known; allowed: a constant one (a bias)")
    facts = _product(a, b)
    return Facts(facts.kind, facts.operands, {**facts.roles, **_roles(bias=bias)}, facts.gemm)


def _product(a: TensorRef, b: TensorRef) -> Facts:
    view = matmul_view(a.shape, b.shape, a_constant=a.constant)
    return Facts("matmul", (a, b), _roles(weight=a if a.constant else b), view)


@_operation("einsum")
def _einsum(call: Call) -> Facts:
    operands = tuple(_tensors_of(call.args[1:]))
    if len(operands) != 2:
        raise WorkloadError(f"einsum of {len(operands)} operands is not known; allowed: 2")
    a, b = operands
    view = einsum_view(call.args[0], a.shape, b.shape, a_constant=a.constant)
    return Facts("matmul", operands, _roles(weight=a if a.constant else b), view, {"equation": call.args[0]})


@_operation("batch_norm", "native_batch_norm_legit_no_training")
def _batch_norm(call: Call) -> Facts:
    if call.op == "batch_norm":
        mean, variance, weight, bias = (call.arg(i + 1, n) for i, n in enumerate(_BATCH_NORM))
    else:
        weight, bias, mean, variance = call.args[1:5]
    eps = call.arg(7 if call.op == "batch_norm" else 6, "eps", 1e-5)
    roles = _roles(weight=weight, bias=bias, running_mean=mean, running_var=variance)
    return Facts("batch_norm", (call.args[0],), roles, attributes={"eps": eps})


_BATCH_NORM = ("running_mean", "running_var", "weight", "bias")


@_operation("layer_norm", "rms_norm")
def _layer_norm(call: Call) -> Facts:
    roles = _roles(weight=call.arg(2, "weight"), bias=call.arg(3, "bias") if call.op == "layer_norm" else None)
    return Facts("layer_norm", (call.args[0],), roles)


@_operation("group_norm")
def _group_norm(call: Call) -> Facts:
    return Facts("group_norm", (call.args[0],), _roles(weight=call.arg(2, "weight"), bias=call.arg(3, "bias")))


@_operation("max_pool2d", "avg_pool2d", "max_pool2d_with_indices")
def _pool2d(call: Call) -> Facts:
    kernel = pair(call.arg(1, "kernel_size"))
    kind = "avg_pool2d" if call.op == "avg_pool2d" else "max_pool2d"
    stride = call.arg(2, "stride") or kernel
    attributes = {
        "kernel": kernel,
        "stride": pair(stride),
        "pad": pair(call.arg(3, "padding", 0)),
        "window_elements": prod(call.outputs[0]) * prod(kernel),
    }
    return Facts(kind, (call.args[0],), attributes=attributes)


@_operation("adaptive_avg_pool2d", "adaptive_max_pool2d")
def _adaptive_pool2d(call: Call) -> Facts:
    image = call.args[0]
    kind = "adaptive_avg_pool" if call.op == "adaptive_avg_pool2d" else "adaptive_max_pool"
    return Facts(kind, (image,), attributes={"window_elements": adaptive_window_elements(image.shape, call.outputs[0])})


@_operation("gather_channels", "scatter_channels")
def _select_channels(call: Call) -> Facts:
    """Channels left out, or put into a wider tensor with zeros between: addresses, no moves."""
    return Facts("layout", call.args[:1], attributes={"moves": False, "index": call.args[1], "axis": call.args[2]})


@_operation("mean")
def _mean(call: Call) -> Facts:
    return Facts("mean", call.tensors, attributes={"axes": call.arg(1, "dim")})


@_operation("hardtanh", "clamp", "clip", "clamp_min", "clamp_max")
def _clamp(call: Call) -> Facts:
    low = None if call.op == "clamp_max" else call.arg(1, "min_val" if call.op == "hardtanh" else "min")
    high = None if call.op == "clamp_min" else call.arg(1 if call.op == "clamp_max" else 2, "max")
    if call.op == "hardtanh":
        low, high = (-1.0 if low is None else low), call.arg(2, "max_val", 1.0)
    kind = "relu6" if (low, high) == (0, 6) else "clamp"
    return Facts(kind, call.tensors, attributes={"low": low, "high": high})


@_operation("add", "sub", "rsub", "mul", "div")
def _arithmetic(call: Call) -> Facts:
    """Scaling by a number is ``scale``; adding one is ``add`` with attribute ``constant``."""
    kind = {"rsub": "sub"}.get(call.op, call.op)
    numbers = [value for value in call.args[:2] if not isinstance(value, TensorRef)]
    if not numbers:
        return Facts(kind, call.tensors)
    number = float(numbers[0])
    if kind == "mul" or (kind == "div" and isinstance(call.args[0], TensorRef)):
        return Facts("scale", call.tensors, attributes={"factor": number if kind == "mul" else 1 / number})
    return Facts(kind, call.tensors, attributes={"constant": number})


@_operation("upsample_nearest2d", "upsample_bilinear2d")
def _upsample(call: Call) -> Facts:
    return Facts(call.op, (call.args[0],))
