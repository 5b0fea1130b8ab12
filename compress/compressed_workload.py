"""From a compressed network to the workload that the machine runs: real masks, widths, packed weights, activations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from accel_sim.errors import PolicyError
from accel_sim.workload.layers import GemmLayer, Workload
from compress.calibration.calibrate import fill_operands
from compress.compressed import CompressedModel
from compress.graph.lower import workload_from_graph
from compress.graph.trace import layer_graph
from compress.policy.bits import with_policy_bits
from compress.quantization import FakeQuantConv2d, FakeQuantLinear

__all__ = ["compressed_workload", "filled_layer"]

Quantised = FakeQuantConv2d | FakeQuantLinear


def compressed_workload(compressed: CompressedModel, images: Tensor, name: str) -> Workload:
    """The layers of a compressed network with the integers that they multiply.

    Weights are the quantised layers' own; activations are what those layers read when the quantised network runs on
    ``images``, so that an error of one layer reaches the next as it does on the machine. Products of two computed
    tensors (attention scores) have the operands of the pruned float network.

    Args:
        images: ``(batch, channels, height, width)`` that the machine works on.
        name: of the workload.

    Raises:
        PolicyError: the policy leaves the network in floating point.
    """
    layers = {path: module for path, module in compressed.model.named_modules() if isinstance(module, Quantised)}
    if not layers:
        raise PolicyError("policy: quantization.enabled is false; the machine multiplies integers")
    graph = layer_graph(compressed.pruned, images, name=name)
    workload = with_policy_bits(workload_from_graph(graph, name), compressed.policy)
    with _inputs_of(layers) as read, torch.inference_mode():
        compressed.model(images)
    products = [layer for layer in workload.layers if isinstance(layer, GemmLayer)]
    if any(layer.name not in layers for layer in products):
        workload = fill_operands(compressed.pruned, graph, workload, images, len(images)).workload
    filled = [
        filled_layer(layer, layers[layer.name], read[layer.name], layers[layer.name].weight_integers)
        if isinstance(layer, GemmLayer) and layer.name in layers
        else layer
        for layer in workload.layers
    ]
    origin = MappingProxyType({"weights": "compressed weights", "activations": f"{len(images)} images"})
    return replace(workload, layers=tuple(filled), metadata=origin)


@contextmanager
def _inputs_of(layers: dict[str, Quantised]) -> Iterator[dict[str, Tensor]]:
    """What each layer read last, filled in while the network runs."""
    read: dict[str, Tensor] = {}

    def note(path: str) -> Any:
        return lambda _, inputs: read.__setitem__(path, inputs[0])

    handles = [module.register_forward_pre_hook(note(path)) for path, module in layers.items()]
    try:
        yield read
    finally:
        for handle in handles:
            handle.remove()


def filled_layer(layer: GemmLayer, module: Quantised, read: Tensor, integers: Tensor) -> GemmLayer:
    """The layer with its operands.

    Args:
        module: whose grid the input is rounded to.
        read: the layer's input, as the module reads it.
        integers: of the weights, in the shape of the module's weight.
    """
    grid = module.input_grid
    activations = grid.quantize(_unpadded(layer, module, read)).numpy()
    if layer.conv is None:
        activations = activations.reshape(1, layer.m, layer.k)
    filled = replace(
        layer,
        a_signed=grid.signed,
        activations=np.ascontiguousarray(activations),
        weights=gemm_weights(layer, integers),
    )
    return filled if layer.conv is None or not grid.zero_point else _padded(filled, grid.zero_point)


def _unpadded(layer: GemmLayer, module: Quantised, read: Tensor) -> Tensor:
    """Without the zeros that an operation in front of the module put around: they are the layer's own padding."""
    conv = layer.conv
    if conv is None or not isinstance(module, FakeQuantConv2d) or read.shape[-2:] == (conv.in_h, conv.in_w):
        return read
    left, _, top, _ = module.around
    above, before = conv.pad_top - top, conv.pad_left - left
    return read[..., above : above + conv.in_h, before : before + conv.in_w]


def gemm_weights(layer: GemmLayer, integers: Tensor) -> NDArray[np.integer]:
    """Weights ``(groups, k, n)``, k ordered (kernel row, kernel column, channel), of a module's weight tensor."""
    taps = integers.permute(0, 2, 3, 1) if integers.ndim == 4 else integers
    by_group = taps.reshape(layer.groups, layer.n, layer.k).transpose(1, 2)
    return np.ascontiguousarray(by_group.numpy())


def _padded(layer: GemmLayer, zero_point: int) -> GemmLayer:
    """The same product with its padding stored: a machine pads with 0, which is not what stands for zero here."""
    conv, activations = layer.conv, layer.activations
    assert conv is not None  # only convolutions are padded
    assert activations is not None  # filled just before
    needed_h = (conv.out_h - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h + 1
    needed_w = (conv.out_w - 1) * conv.stride_w + (conv.kernel_w - 1) * conv.dilation_w + 1
    around = [
        (0, 0),
        (0, 0),
        _around(conv.pad_top, needed_h, conv.in_h),
        _around(conv.pad_left, needed_w, conv.in_w),
    ]
    stored = np.pad(activations, around, constant_values=zero_point)
    geometry = replace(conv, in_h=stored.shape[2], in_w=stored.shape[3], pad_top=0, pad_left=0)
    return replace(layer, conv=geometry, activations=stored)


def _around(before: int, needed: int, size: int) -> tuple[int, int]:
    return before, max(0, needed - before - size)
