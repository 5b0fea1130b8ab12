"""``torch.nn`` modules that are one operation, written as the call of a function with the module's parameters.

Any other leaf module (``nn.MultiheadAttention``, say) is taken apart into the ATen operations that it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from compress.structure.modules import GatherChannels, ScatterChannels

__all__ = ["LAYOUT_MODULES", "function_call"]

LAYOUT_MODULES = (GatherChannels, ScatterChannels)
"""Modules of our own that are one operation."""

Arguments = tuple[Any, ...]
Parameter = Callable[[str], Any]


def _conv2d(module: nn.Conv2d, x: Arguments, p: Parameter) -> tuple[str, Arguments] | None:
    if module.padding_mode != "zeros":
        return None
    geometry = (module.stride, module.padding, module.dilation, module.groups)
    return "conv2d", (x[0], p("weight"), p("bias"), *geometry)


def _linear(_: nn.Linear, x: Arguments, p: Parameter) -> tuple[str, Arguments]:
    return "linear", (x[0], p("weight"), p("bias"))


def _batch_norm(module: nn.BatchNorm2d, x: Arguments, p: Parameter) -> tuple[str, Arguments]:
    state = (p("running_mean"), p("running_var"), p("weight"), p("bias"))
    return "batch_norm", (x[0], *state, False, 0.0, module.eps)


def _layer_norm(module: nn.LayerNorm, x: Arguments, p: Parameter) -> tuple[str, Arguments]:
    return "layer_norm", (x[0], module.normalized_shape, p("weight"), p("bias"))


def _max_pool(module: nn.MaxPool2d, x: Arguments, _: Parameter) -> tuple[str, Arguments] | None:
    if module.return_indices:
        return None
    return "max_pool2d", (x[0], module.kernel_size, module.stride, module.padding)


def _avg_pool(module: nn.AvgPool2d, x: Arguments, _: Parameter) -> tuple[str, Arguments]:
    return "avg_pool2d", (x[0], module.kernel_size, module.stride, module.padding)


def _zero_pad(module: nn.ZeroPad2d, x: Arguments, _: Parameter) -> tuple[str, Arguments]:
    return "pad", (x[0], module.padding)


def _gather_channels(module: GatherChannels, x: Arguments, _: Parameter) -> tuple[str, Arguments]:
    return "gather_channels", (x[0], module.index, module.axis)


def _scatter_channels(module: ScatterChannels, x: Arguments, _: Parameter) -> tuple[str, Arguments]:
    return "scatter_channels", (x[0], module.index, module.axis)


def _named(op: str) -> Callable[[Any, Arguments, Parameter], tuple[str, Arguments]]:
    return lambda _module, x, _p: (op, x[:1])


_LEAVES: dict[type[nn.Module], Callable[[Any, Arguments, Parameter], tuple[str, Arguments] | None]] = {
    nn.Conv2d: _conv2d,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm1d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _avg_pool,
    nn.AdaptiveAvgPool2d: _named("adaptive_avg_pool2d"),
    nn.ZeroPad2d: _zero_pad,
    GatherChannels: _gather_channels,
    ScatterChannels: _scatter_channels,
    nn.ReLU: _named("relu"),
    nn.ReLU6: _named("relu6"),
    nn.Hardswish: _named("hardswish"),
    nn.Hardsigmoid: _named("hardsigmoid"),
    nn.Sigmoid: _named("sigmoid"),
    nn.SiLU: _named("silu"),
    nn.GELU: _named("gelu"),
    nn.Tanh: _named("tanh"),
    nn.Dropout: _named("dropout"),
    nn.Identity: _named("identity"),
    nn.Flatten: _named("flatten"),
    nn.Softmax: _named("softmax"),
}


def function_call(module: nn.Module, inputs: Arguments, parameter: Parameter) -> tuple[str, Arguments] | None:
    """The operation's name and arguments, or ``None`` for a module that has to be taken apart.

    Args:
        module: the leaf.
        inputs: what it is called with.
        parameter: gives the reference of one of the module's parameters or buffers by its own name; ``None``
            where the module has none (no bias).
    """
    make = _LEAVES.get(type(module))
    return None if make is None else make(module, inputs, parameter)
