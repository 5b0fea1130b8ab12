"""The least that DRAM must move for a layer, whatever the tiling: to judge a mapping by.

Two bounds, the larger counts. *Compulsory*: each tensor once. *Capacity*: a memory of S elements on chip serves at most
so many multiplications per element that is moved: ``2 · MACs / sqrt(R · S)`` elements, where R is how often a
convolution's window covers a pixel (``kernel_h · kernel_w / (stride_h · stride_w)``; 1 of a product). Smith et al. 2019
(tight for products, 2·M·N·K/√S); Chen et al., HPCA 2020 (convolutions). Here S counts all three SRAMs as filled with
elements of the narrower operand, and elements that are moved as that narrow, which keeps it a lower bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from accel_sim.hardware.schema import Hardware
from accel_sim.memory.footprint_kernel import conv_vector, input_elements
from accel_sim.schedule import build_stages
from accel_sim.workload import GemmLayer, Workload

__all__ = ["TrafficBound", "traffic_bounds"]


@dataclass(frozen=True)
class TrafficBound:
    """Bytes that DRAM must move for one array layer."""

    compulsory_bytes: int
    capacity_bytes: float

    @property
    def least_bytes(self) -> float:
        """The larger of both."""
        return max(self.compulsory_bytes, self.capacity_bytes)


def traffic_bounds(workload: Workload, hardware: Hardware) -> dict[str, TrafficBound]:
    """Bounds of all array layers by name; tensors dense, and none left on chip by the layer before."""
    buffers = hardware.buffers
    on_chip_bits = 8192 * sum(buffer.kib for buffer in (buffers.activations, buffers.weights, buffers.outputs))
    on_chip_bits = math.inf if buffers.unlimited_capacity else on_chip_bits
    works = [work for stage in build_stages(workload) if (work := stage.array_work) is not None]
    return {
        work.layer.name: TrafficBound(_compulsory(work.layer, work.stored_bytes), _capacity(work.layer, on_chip_bits))
        for work in works
    }


def _compulsory(layer: GemmLayer, stored_bytes: int) -> int:
    """``stored_bytes``: of what is made of the output before it is stored (a pooled one is smaller)."""
    inputs = layer.groups * int(input_elements(conv_vector(layer.conv), 0, layer.m, 0, layer.k))
    weight_bits = layer.groups * layer.k * layer.n * layer.w_bits
    return -(-inputs * layer.a_bits // 8) - (-weight_bits // 8) + stored_bytes


def _capacity(layer: GemmLayer, on_chip_bits: float) -> float:
    narrow = min(layer.a_bits, layer.w_bits)
    reuse = 1.0
    if layer.conv is not None:
        conv = layer.conv
        reuse = max(1.0, conv.kernel_h * conv.kernel_w / (conv.stride_h * conv.stride_w))
    elements = 2 * layer.macs / math.sqrt(reuse * on_chip_bits / narrow)
    return elements * narrow / 8
