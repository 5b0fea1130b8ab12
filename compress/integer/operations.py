"""What an integer network does between its products, operation by operation.

What only moves values, clips them or takes the largest keeps their meaning and works on accumulators as they are. What
mixes channels or tensors reads 16-bit copies (:data:`~compress.policy.bits.STREAM_BITS`). Tables (sigmoid and the like)
read and write such copies and are computed in floating point in between: no machine has integer arithmetic for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
import torch
from torch import Tensor

from accel_sim.errors import WorkloadError
from compress.integer.tensor import IntegerTensor
from compress.policy.bits import STREAM_BITS
from compress.quantization import Grid

__all__ = ["OPERATIONS", "Call", "run_operation", "stream_grid"]

STREAM_HEADROOM = 2.0
"""How much wider than the range seen in calibration a 16-bit copy is."""
SUM_BITS = 8
"""Bits behind the point of a 16-bit copy while tensors are added up."""


def stream_grid(largest: float) -> Grid:
    """The grid of 16-bit copies of a tensor whose magnitudes in calibration are up to ``largest``."""
    extent = STREAM_HEADROOM * largest or 1.0
    return Grid(float(np.float32(extent / ((1 << (STREAM_BITS - 1)) - 1))), 0, STREAM_BITS, signed=True)


@dataclass(frozen=True, eq=False)
class Call:
    """One operation.

    Attributes:
        name: of the operation.
        args, kwargs: tensors are :class:`IntegerTensor`.
        function: does the same to plain tensors; a module, a function, or a tensor's method.
        result_grid, argument_grid: of the 16-bit copy of the result, and of the argument at a position.
        where: for messages.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    function: Callable[..., Any]
    result_grid: Callable[[], Grid]
    argument_grid: Callable[[int], Grid]
    where: str

    @property
    def x(self) -> IntegerTensor:
        """The first argument."""
        found: IntegerTensor = self.args[0]
        return found

    def stream(self, position: int = 0) -> IntegerTensor:
        """A tensor argument as its 16-bit copy; one that is stored already stays as it is."""
        value: IntegerTensor = self.args[position]
        if value.is_uniform and value.largest < 1 << (STREAM_BITS - 1) and (value.low, value.high) == (-inf, inf):
            return value
        grid = self.argument_grid(position)
        return IntegerTensor.stored(value.on(grid), grid)

    def store(self, values: Tensor) -> IntegerTensor:
        """Numbers as a 16-bit copy on the result's grid."""
        grid = self.result_grid()
        return IntegerTensor.stored(grid.centred(values).long(), grid)


Handler = Callable[[Call], Any]
OPERATIONS: dict[str, Handler] = {}


def run_operation(call: Call) -> Any:
    """The result of an operation.

    Raises:
        WorkloadError: there is no integer arithmetic for it.
    """
    handler = OPERATIONS.get(call.name)
    if handler is None:
        raise WorkloadError(
            f"operation {call.name!r} in {call.where} has no integer arithmetic; the network runs fake-quantised only"
        )
    return handler(call)


def _operation(*names: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        OPERATIONS.update(dict.fromkeys(names, handler))
        return handler

    return register


@_operation(
    "identity", "dropout", "dropout2d", "stochasticdepth", "stochastic_depth", "contiguous", "clone", "detach", "float"
)
def _same(call: Call) -> IntegerTensor:
    return call.x


@_operation("relu", "relu_")
def _relu(call: Call) -> IntegerTensor:
    return call.x.clipped(0.0, inf)


@_operation("relu6")
def _relu6(call: Call) -> IntegerTensor:
    return call.x.clipped(0.0, 6.0)


@_operation("max_pool2d", "maxpool2d", "boolean_dispatch")
def _max_pool(call: Call) -> IntegerTensor:
    x = call.x if (call.x.scales > 0).all() else call.stream()
    return x.with_integers(call.function(x.integers.double(), *call.args[1:], **call.kwargs).long())


_VIEWS = "flatten view reshape permute transpose unsqueeze squeeze getitem chunk split unbind select narrow roll flip"


@_operation(*_VIEWS.split(), "gatherchannels", "scatterchannels", "channelshuffle", "zeropad2d", "pad", "expand")
def _move(call: Call) -> Any:
    """Channels may end up anywhere, so all must have one scale; zeros that are put in stand for zero."""
    if isinstance(call.x, tuple | list):
        return call.function(*call.args, **call.kwargs)
    x = call.x if call.x.is_uniform else call.stream()
    moved = call.function(x.integers, *call.args[1:], **call.kwargs)
    if isinstance(moved, tuple | list):
        return tuple(x.with_integers(part) for part in moved)
    return x.with_integers(moved)


@_operation("add", "iadd", "add_", "sub")
def _add(call: Call) -> IntegerTensor:
    """Both operands on the result's grid with a few bits behind the point, added, rounded once."""
    sign = -1 if call.name == "sub" else 1
    if not all(isinstance(value, IntegerTensor) for value in call.args[:2]):
        raise WorkloadError(
            f"operation {call.name!r} of a tensor and a number in {call.where} has no integer arithmetic"
        )
    grid = call.result_grid()
    step, bits = grid.scale / (1 << SUM_BITS), STREAM_BITS + SUM_BITS
    first, second = (value.in_steps(step, bits) for value in call.args[:2])
    return IntegerTensor.stored(_single(first + sign * second, step, 1 << (bits + 1)).on(grid), grid)


@_operation("cat", "concat")
def _cat(call: Call) -> IntegerTensor:
    grid = call.result_grid()
    parts: Sequence[IntegerTensor] = call.args[0]
    return IntegerTensor.stored(call.function([part.on(grid) for part in parts], *call.args[1:], **call.kwargs), grid)


@_operation("avg_pool2d", "avgpool2d", "adaptive_avg_pool2d", "adaptiveavgpool2d", "mean")
def _average(call: Call) -> IntegerTensor:
    """A sum of integers; the division is part of the requantisation that follows."""
    x = call.stream()
    means = call.function(x.integers.double(), *call.args[1:], **call.kwargs)
    count = _window(call, x.integers, means)
    sums = (means * count).round().long()
    return IntegerTensor(sums, x.scales / count, x.constants, x.corrections, x.largest * count, x.axis)


def _window(call: Call, integers: Tensor, means: Tensor) -> int:
    """How many values each average is of."""
    ones = call.function(torch.ones_like(integers[:1]).double(), *call.args[1:], **call.kwargs)
    if not bool((ones == 1).all()):
        raise WorkloadError(f"averages over padding in {call.where} have no integer arithmetic")
    if call.name in ("avg_pool2d", "avgpool2d"):
        impulse = torch.zeros_like(integers[:1, :1]).double()
        impulse[..., 0, 0] = 1.0
        return round(1 / float(call.function(impulse, *call.args[1:], **call.kwargs).max()))
    if call.name == "mean":
        return integers.numel() // means.numel()
    (height, width), (out_h, out_w) = integers.shape[-2:], means.shape[-2:]
    if height % out_h or width % out_w:
        raise WorkloadError(f"averages of windows of several sizes in {call.where} have no integer arithmetic")
    return int(height // out_h * (width // out_w))


@_operation("mul", "imul")
def _multiply(call: Call) -> IntegerTensor:
    """Of two tensors: products of their 16-bit copies; by a number: another scale."""
    first, second = call.args[:2]
    if not isinstance(second, IntegerTensor):
        return _scaled(first, float(second))
    x, y = call.stream(0), call.stream(1)
    return _single(x.integers * y.integers, float(x.scales[0] * y.scales[0]), x.largest * y.largest)


def _scaled(x: IntegerTensor, factor: float) -> IntegerTensor:
    low, high = sorted(bound * factor if factor else 0.0 for bound in (x.low, x.high))
    return replace(x, scales=x.scales * factor, constants=x.constants * factor, low=low, high=high)


@_operation("batchnorm2d", "batchnorm1d")
def _batch_norm(call: Call) -> IntegerTensor:
    """A scale and a constant per channel of the 16-bit copy, exact until the next requantisation."""
    x, module = call.stream(), call.function
    channels = x.integers.shape[1]
    probe = torch.zeros(1, channels, *[1] * (x.integers.ndim - 2))
    shift = module(probe).double().flatten().numpy()
    gain = module(probe + 1).double().flatten().numpy() - shift
    none = np.zeros(channels, np.int64)
    return IntegerTensor(x.integers, x.scales * gain, shift, none, x.largest)


_TABLES = "sigmoid hardsigmoid hardswish silu gelu tanh softmax elu leakyrelu leaky_relu softplus mish layernorm"


@_operation(*_TABLES.split())
def _table(call: Call) -> IntegerTensor:
    values = call.stream().values().float()
    return call.store(call.function(values, *call.args[1:], **call.kwargs).double())


@_operation("size", "dim", "getattr", "floordiv", "eq", "_assert")
def _shape(call: Call) -> Any:
    """What a model asks of a tensor's shape."""
    args = tuple(value.integers if isinstance(value, IntegerTensor) else value for value in call.args)
    return call.function(*args, **call.kwargs)


@_operation("clamp", "clip", "hardtanh")
def _clamp(call: Call) -> IntegerTensor:
    bounds = [call.kwargs.get(key) for key in ("min", "max")]
    given = list(call.args[1:3]) + bounds[len(call.args[1:3]) :]
    low, high = (default if value is None else float(value) for value, default in zip(given, (-inf, inf), strict=True))
    return call.x.clipped(low, high)


def _single(integers: Tensor, scale: float, largest: int) -> IntegerTensor:
    none = np.zeros(1)
    return IntegerTensor(integers, np.array([scale]), none, none.astype(np.int64), largest)
