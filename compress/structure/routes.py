"""Which channel of each operand becomes which channel of the result, operation by operation.

Every tensor of a layer graph either has a *channel axis*, along which its channels can be told apart, or is *opaque*.
Convolutions and linear layers make channels. What moves data is asked itself where things go: it is run once on a
tensor that holds channel numbers. What mixes channels (layer normalisation, softmax, products of two computed tensors)
or splits the channel axis into several makes its result opaque and wants its operands whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from typing import Any

import networkx as nx
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from compress.graph.node import Shape, TensorRef

__all__ = ["NO_CHANNEL", "Channels", "Role", "Route", "Zero", "layer_parameter", "routes"]

Index = NDArray[np.int64]
NO_CHANNEL = -1
"""In a route: the channel does not come from this operand."""


class Role(StrEnum):
    """What an operation does to channels."""

    MAKE = "make"
    """reads all input channels, makes new ones: convolution, linear layer"""
    GROUP = "group"
    """a grouped convolution: every group reads its input channels and makes its output channels"""
    NORM = "norm"
    """batch normalisation: a scale and a shift of its own for every channel"""
    PASS = "pass"
    """moves channels or works on each by itself"""
    MIX = "mix"
    """wants all channels as they are; the result is opaque"""


class Zero(StrEnum):
    """When a channel of the result is zero."""

    ALL = "all"
    """where it is zero in all operands that have it"""
    ANY = "any"
    """where it is zero in one of them"""
    NEVER = "never"
    """nowhere: f(0) is not 0"""


@dataclass(frozen=True)
class Route:
    """One operand's way into the result.

    Attributes:
        position: among the operands.
        axis: channel axis of the operand.
        source: ``(channels of the result,)`` channel of the operand, or :data:`NO_CHANNEL`.
    """

    position: int
    axis: int
    source: Index


@dataclass(frozen=True)
class Channels:
    """What one operation does to channels.

    Attributes:
        axis: channel axis of the result; ``None``: opaque.
        count: channels of the result, 0 if opaque.
        routes: operands with a channel axis. Of ``MAKE`` and ``GROUP``, at most the one that is read, its source
            the numbers of all input channels.
        groups: of ``GROUP``.
        reason: of ``MIX``: why nothing may be removed from its operands.
    """

    role: Role
    axis: int | None = None
    count: int = 0
    routes: tuple[Route, ...] = ()
    zero: Zero = Zero.ALL
    groups: int = 1
    reason: str = ""


KEEPS_ZERO = frozenset(
    [
        *("relu", "relu6", "hardswish", "silu", "gelu", "tanh", "elu", "leaky_relu", "mish", "sqrt", "abs", "neg"),
        *("scale", "dropout", "identity", "max_pool2d", "avg_pool2d", "adaptive_avg_pool", "adaptive_max_pool"),
        *("upsample_nearest2d", "upsample_bilinear2d"),
    ]
)
LOSES_ZERO = frozenset(["sigmoid", "hardsigmoid", "exp", "softplus", "log", "pow", "rsqrt", "reciprocal"])
ELEMENTWISE = frozenset(["add", "sub", "mul", "div", "maximum", "minimum", "clamp"])
REDUCTIONS = frozenset(["mean", "sum", "amax"])
MOVERS = frozenset(["layout", "slice", "roll", "pad"])


def routes(graph: nx.DiGraph) -> dict[str, Channels]:
    """What every operation of a layer graph does to channels, in the graph's order.

    >>> from torch import nn
    >>> from compress.graph.trace import layer_graph
    >>> graph = layer_graph(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten()), (3, 4, 4))
    >>> [(name, str(channels.role), channels.count) for name, channels in routes(graph).items()]
    [('input', 'mix', 0), ('0', 'make', 8), ('1', 'pass', 8), ('2', 'pass', 32)]
    """
    known: dict[str, Channels] = {}
    for node, data in graph.nodes(data=True):
        known[node] = _channels(node, data, known)
    return known


def layer_parameter(data: Mapping[str, Any]) -> str | None:
    """Name of the weight of a convolution or linear layer that is one operation of its own, else ``None``."""
    if data["kind"] not in ("conv2d", "linear") or data["attributes"].get("part", True):
        return None
    operand: TensorRef = data["operands"][1]
    return operand.parameters[0] if operand.constant and len(operand.parameters) == 1 else None


def _channels(node: str, data: Mapping[str, Any], known: Mapping[str, Channels]) -> Channels:
    kind = data["kind"]
    tracked = [
        (position, known[ref.producer])
        for position, ref in enumerate(data["operands"])
        if ref.producer is not None and known[ref.producer].axis is not None
    ]
    mix = Channels(Role.MIX, reason=_why(node, kind))
    if layer_parameter(data) is not None:
        return _layer(data, tracked) or mix
    if not tracked or data["attributes"].get("part", True):
        return mix
    if kind == "batch_norm":
        return _norm(tracked[0][1]) or mix
    if kind in KEEPS_ZERO or kind in LOSES_ZERO:
        zero = Zero.ALL if kind in KEEPS_ZERO else Zero.NEVER
        return _elementwise(data, tracked, zero) or mix
    if kind in ELEMENTWISE:
        return _elementwise(data, tracked, _zero_of(kind, data)) or mix
    if kind == "cat":
        return _cat(data, tracked) or mix
    if kind in MOVERS or kind in REDUCTIONS:
        return _moved(data, tracked[0]) or mix
    return mix


def _why(node: str, kind: str) -> str:
    if kind in ("layer_norm", "group_norm"):
        return f"{kind} {node!r} takes its statistics over all channels"
    if kind in MOVERS or kind == "chunk":
        return f"{kind} {node!r} splits or reorders the channels"
    if kind in ELEMENTWISE or kind == "cat":
        return f"{kind} {node!r} joins the channels with others that cannot be removed"
    return f"{kind} {node!r} works on all channels together"


def _layer(data: Mapping[str, Any], tracked: list[tuple[int, Channels]]) -> Channels | None:
    view, shape = data["gemm"], data["output_shapes"][0]
    axis = len(shape) - (3 if data["kind"] == "conv2d" else 1)
    inputs = data["operands"][0].shape[axis - len(shape)]
    read = tuple(Route(position, axis, np.arange(inputs)) for position, channels in tracked if channels.axis == axis)
    if tracked and not read:
        return None
    role = Role.GROUP if view.groups > 1 else Role.MAKE
    return Channels(role, axis, shape[axis], read, groups=view.groups)


def _norm(source: Channels) -> Channels | None:
    if source.axis != 1:
        return None
    return Channels(Role.NORM, 1, source.count, (Route(0, 1, np.arange(source.count)),))


def _zero_of(kind: str, data: Mapping[str, Any]) -> Zero:
    attributes = data["attributes"]
    if kind in ("mul", "div"):
        return Zero.ANY
    if kind == "clamp":
        low, high = attributes.get("low"), attributes.get("high")
        return Zero.ALL if (low is None or low <= 0) and (high is None or high >= 0) else Zero.NEVER
    constant = attributes.get("constant", 0.0) != 0 or any(ref.constant for ref in data["operands"])
    return Zero.NEVER if constant else Zero.ALL


def _elementwise(data: Mapping[str, Any], tracked: list[tuple[int, Channels]], zero: Zero) -> Channels | None:
    """Operands are aligned at the right; an operand without channels must be the same for all of them."""
    shape: Shape = data["output_shapes"][0]
    _, first = max(tracked, key=lambda item: item[1].count)
    assert first.axis is not None
    from_right = first.axis - len(data["operands"][tracked[0][0]].shape)
    operand_axes = {position: c.axis - len(data["operands"][position].shape) for position, c in tracked if c.axis}
    axis = len(shape) + from_right
    if any(other != from_right for other in operand_axes.values()) or shape[axis] != first.count:
        return None
    for position, ref in enumerate(data["operands"]):
        size = ref.shape[from_right] if len(ref.shape) >= -from_right else 1
        if position not in operand_axes and size != 1:
            return None
        if position in operand_axes and size != first.count:
            return None
    if data["kind"] == "div" and tracked[0][0] != 0:
        return None
    everything = np.arange(first.count)
    found = tuple(Route(position, c.axis, everything) for position, c in tracked if c.axis is not None)
    return Channels(Role.PASS, axis, first.count, found, zero)


def _cat(data: Mapping[str, Any], tracked: list[tuple[int, Channels]]) -> Channels | None:
    if len(tracked) != len(data["operands"]) or data["op"] == "stack":
        return None
    arguments, named = data["attributes"]["arguments"]
    shape: Shape = data["output_shapes"][0]
    axis = (arguments[0] if arguments else named.get("dim", 0)) % len(shape)
    if any(channels.axis != axis for _, channels in tracked):
        return None
    found, start = [], 0
    for position, channels in tracked:
        source = np.full(shape[axis], NO_CHANNEL)
        source[start : start + channels.count] = np.arange(channels.count)
        found.append(Route(position, axis, source))
        start += channels.count
    return Channels(Role.PASS, axis, shape[axis], tuple(found))


def _moved(data: Mapping[str, Any], operand: tuple[int, Channels]) -> Channels | None:
    """Run the operation on channel numbers (from 1; 0 is padding) and see along which axis they change then."""
    position, channels = operand
    assert channels.axis is not None
    shape: Shape = data["operands"][position].shape
    numbers = torch.arange(1, channels.count + 1, dtype=torch.int32)
    numbers = numbers.reshape([-1 if i == channels.axis else 1 for i in range(len(shape))]).expand(shape)
    moved = _run(data, numbers)
    if moved is None:
        return None
    varying = [axis for axis in range(moved.ndim) if not bool((moved == moved.narrow(axis, 0, 1)).all())]
    if len(varying) != 1:
        return None
    (axis,) = varying
    source = moved[tuple(slice(None) if i == axis else 0 for i in range(moved.ndim))].numpy().astype(np.int64) - 1
    return (
        Channels(Role.PASS, axis, len(source), (Route(position, channels.axis, source),)) if _ordered(source) else None
    )


def _ordered(source: Index) -> bool:
    """Whether every channel appears, in order, padding aside: what sizes alone can adapt to fewer channels."""
    present = source[source != NO_CHANNEL]
    inner = np.flatnonzero(source != NO_CHANNEL)
    together = len(inner) == inner[-1] - inner[0] + 1
    repeated = np.array_equal(np.unique(present), np.arange(present.max() + 1))
    return bool(together and repeated and (_rising(present) or _tiled(present)))


def _rising(present: Index) -> bool:
    return bool((np.diff(present) >= 0).all())


def _tiled(present: Index) -> bool:
    count = int(present.max()) + 1
    return np.array_equal(present, np.arange(len(present)) % count)


def _run(data: Mapping[str, Any], numbers: Tensor) -> Tensor | None:
    shape: Shape = data["output_shapes"][0]
    kind, op = data["kind"], data["op"]
    if "index" in data["attributes"]:  # a gather or scatter of a model that was made smaller: its numbers are fixed
        return None
    if kind == "layout" and not data["attributes"]["moves"]:
        return numbers.reshape(shape) if numbers.numel() == prod(shape) else numbers.expand(shape)
    if "arguments" not in data["attributes"]:
        return None
    arguments, named = data["attributes"]["arguments"]
    if kind == "pad":
        return _pad(numbers, arguments, named)
    run = _MOVES.get("amax" if kind in REDUCTIONS else op)
    if kind in REDUCTIONS:
        named = {name: value for name, value in named.items() if name != "dtype"}
    return None if run is None else run(numbers, *arguments, **named)


def _pad(numbers: Tensor, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Tensor | None:
    amounts = arguments[0] if arguments else named["pad"]
    mode = named.get("mode", "constant")
    value = named.get("value")
    rest = [item for item in arguments[1:] if item is not None and item != "constant"]
    if mode != "constant" or value not in (None, 0, 0.0) or any(item != 0 for item in rest):
        return None
    return functional.pad(numbers, list(amounts), value=0)


_MOVES: dict[str, Callable[..., Tensor]] = {
    "permute": Tensor.permute,
    "transpose": Tensor.transpose,
    "swapaxes": Tensor.swapaxes,
    "swapdims": Tensor.swapdims,
    "t": Tensor.t,
    "movedim": Tensor.movedim,
    "moveaxis": Tensor.moveaxis,
    "flip": Tensor.flip,
    "roll": Tensor.roll,
    "getitem": lambda x, item: x[item],
    "narrow": Tensor.narrow,
    "select": Tensor.select,
    "amax": lambda x, dim=None, keepdim=False: x.amax(tuple(range(x.ndim)) if dim is None else dim, keepdim),
}
"""Operations that move elements, run on channel numbers."""
