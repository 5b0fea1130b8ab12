"""Flat arrays for the kernels: no configuration object enters a kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import columns_are_elastic
from accel_sim.array.ports import Pace
from accel_sim.array.sequence_kernel import OVERLAP_CODE
from accel_sim.array.tile_kernel import IS, OS, WS
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.schedule import ArrayWork

__all__ = ["array_vector", "half_bits", "halves", "layer_vector", "pace_vector", "tiling_vector"]

Vector = NDArray[np.int64]
_DATAFLOWS = {"ws": WS, "is": IS, "os": OS}


def array_vector(hardware: Hardware) -> Vector:
    """The array's entries in the order of :mod:`accel_sim.array.tile_kernel`."""
    array = hardware.array
    return np.array(
        [
            _DATAFLOWS[array.dataflow],
            OVERLAP_CODE[array.fold_overlap],
            array.edge_folds == "used",
            array.rows,
            array.cols,
            array.arrays,
            array.os_drain,
            array.acc_bits,
            hardware.vector_lanes,
            array.fifo_depth,
            columns_are_elastic(array),
        ],
        np.int64,
    )


def layer_vector(work: ArrayWork, lanes: int) -> Vector:
    """An array layer with what its outputs become; ``lanes`` multiplications per PE and step."""
    layer = work.layer
    return np.array(
        [
            layer.groups,
            layer.m,
            layer.n,
            layer.k,
            layer.a_bits,
            layer.w_bits,
            work.stored_bytes,
            work.extra_bytes,
            work.vector_operations,
            lanes,
        ],
        np.int64,
    )


def pace_vector(pace: Pace) -> Vector:
    """A pace as the kernels take it."""
    return np.array(
        [pace.beat_first, pace.beat_later, pace.load_row, pace.drain_row_first, pace.drain_row_later], np.int64
    )


def tiling_vector(tiling: Tiling) -> Vector:
    """A tiling as the kernels take it."""
    order = LOOP_ORDERS.index(tiling.loop_order)
    return np.array(
        [tiling.tile_g, tiling.tile_m, tiling.tile_n, tiling.tile_k, order, tiling.array_dim == "n"], np.int64
    )


def halves(hardware: Hardware) -> Vector:
    """Halves of the activation, weight and output SRAM: 2 if double-buffered."""
    buffers = hardware.buffers
    return np.array(
        [1 + int(b.double_buffered) for b in (buffers.activations, buffers.weights, buffers.outputs)], np.int64
    )


def half_bits(hardware: Hardware) -> NDArray[np.float64]:
    """Bits that a tile may occupy in the activation, weight and output SRAM."""
    buffers = hardware.buffers
    if buffers.unlimited_capacity:
        return np.full(3, np.inf)
    sizes = np.array([b.kib * 8192 for b in (buffers.activations, buffers.weights, buffers.outputs)])
    return sizes / halves(hardware)
