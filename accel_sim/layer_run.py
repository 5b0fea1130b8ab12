"""One array layer under one mapping: its tiles, and all its actions once the time line is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.actions import array_counts, edge_traffic, sharing
from accel_sim.array.banks import bank_walk
from accel_sim.array.beats import constant_beat_cycles, step_lanes
from accel_sim.array.ports import Pace, pace
from accel_sim.array.tile_kernel import build_tiles
from accel_sim.array.vectors import layer_vector, pace_vector, tiling_vector
from accel_sim.counts import ArrayCounts, LayerActions
from accel_sim.dynamic.run import time_layer
from accel_sim.formats.packed import edge_decodes, packed_edges
from accel_sim.hardware.schema import BufferConfig, BuffersConfig
from accel_sim.machine import Machine
from accel_sim.mapping.tiling import Tiling
from accel_sim.memory.footprint_kernel import conv_vector
from accel_sim.operands import LayerOperands
from accel_sim.result import SramCounts, SramTraffic
from accel_sim.schedule import REQUANTISE_OPERATIONS, ArrayWork
from accel_sim.timeline import kernel as timeline
from accel_sim.workload import GemmLayer

__all__ = [
    "Dependencies",
    "Fills",
    "LayerRun",
    "fill_and_spill",
    "lay_out",
    "layer_actions",
    "own_vector_operations",
    "port_paces",
    "time_with_data",
]


@dataclass(frozen=True)
class Dependencies:
    """The last stage that weights, activations and extra operands wait for; -1 = none."""

    weights: int = -1
    activations: int = -1
    extra: int = -1


@dataclass(frozen=True)
class Fills:
    """Bytes where DRAM moves compressed tensors: those that the SRAMs are filled with, and those that it stores.

    Attributes:
        weights, activations: written into these SRAMs.
        stored: of finished outputs, as DRAM takes them.
    """

    weights: int
    activations: int
    stored: int


@dataclass(frozen=True)
class LayerRun:
    """Tiles of one array layer (columns: :mod:`accel_sim.timeline.kernel`) and what follows from them alone.

    ``edges``: SRAM traffic at the array's edges. ``array``: actions inside it. ``fills``: where tensors are compressed.
    """

    tiling: Tiling
    tiles: NDArray[np.int64]
    edges: SramCounts
    array: ArrayCounts
    fills: Fills | None = None

    def after(self, dependencies: Dependencies) -> LayerRun:
        """The same with tiles of its own, whose fetches wait for these stages."""
        tiles = self.tiles.copy()
        tiles[:, timeline.W_DEP] = dependencies.weights
        tiles[:, timeline.A_DEP] = dependencies.activations
        tiles[:, timeline.P_DEP] = dependencies.extra
        return replace(self, tiles=tiles)

    @cached_property
    def transfers(self) -> int:
        """DRAM transfers."""
        return int(np.count_nonzero(self.tiles[:, : timeline.OUT_BYTES + 1]))

    def bytes_moved(self, column: int) -> int:
        """Bytes of one kind of transfer."""
        return self._sums[column]

    @cached_property
    def _sums(self) -> list[int]:
        sums: list[int] = self.tiles[:, : timeline.OUT_BYTES + 1].sum(axis=0).tolist()
        return sums


def lay_out(machine: Machine, work: ArrayWork, tiling: Tiling, dependencies: Dependencies) -> LayerRun:
    """Cut the work's array layer into tiles, with the beats that the operands' widths give."""
    layer, hardware = work.layer, machine.hardware
    beat = constant_beat_cycles(hardware.array, layer.a_bits, layer.w_bits)
    paced, ideal = port_paces(machine, work, tiling, beat)
    tiles = build_tiles(
        layer_vector(work, step_lanes(hardware.array, layer.a_bits, layer.w_bits)),
        conv_vector(layer.conv),
        machine.array_vector,
        pace_vector(paced),
        pace_vector(ideal),
        tiling_vector(tiling),
        dependencies.weights,
        dependencies.activations,
        dependencies.extra,
    )
    compute_cycles = int(tiles[:, timeline.IDEAL].sum())
    return LayerRun(
        tiling, tiles, edge_traffic(hardware, layer, tiling), array_counts(hardware, layer, tiling, compute_cycles)
    )


def time_with_data(machine: Machine, work: ArrayWork, run: LayerRun, operands: LayerOperands) -> LayerRun:
    """The run with the exact times and counts of its operands, where these depend on values or addresses."""
    layer, hardware = work.layer, machine.hardware
    walk = bank_walk(hardware, layer, sharing(hardware, run.tiling))
    # The arithmetic's part comes from the values, that of the activation SRAM from the walk.
    ports = port_paces(machine, work, run.tiling, beat_cycles=1, activations=walk is None)
    timed = time_layer(hardware, layer, operands, run.tiling, ports, run.tiles, walk)
    return LayerRun(run.tiling, timed.tiles, timed.edges, timed.array)


def port_paces(
    machine: Machine, work: ArrayWork, tiling: Tiling, beat_cycles: int, *, activations: bool = True
) -> tuple[Pace, Pace]:
    """The pace with port limits and without, where the arithmetic takes ``beat_cycles`` for a step.

    ``activations``: see :func:`accel_sim.array.ports.pace`.
    """
    layer, hardware = work.layer, machine.hardware
    shared = sharing(hardware, tiling)
    widths = (layer.a_bits, layer.w_bits, beat_cycles, shared)
    packed = (work.packing.activations_read, work.packing.weights_read)
    paced = pace(hardware, *widths, ideal=False, activations=activations, packed=packed)
    return paced, pace(hardware, *widths, ideal=True)


def layer_actions(
    machine: Machine, work: ArrayWork, run: LayerRun, cycles: int, commands: NDArray[np.int64] | None = None
) -> LayerActions:
    """All actions of the work's array layer (the fused layers' own are counted apart).

    Args:
        commands: of the cycle-level DRAM; worked out from the traffic if left out.
    """
    layer, hardware = work.layer, machine.hardware
    weight_bytes = run.bytes_moved(timeline.W_BYTES)
    input_bytes = run.bytes_moved(timeline.A_BYTES)
    fills = run.fills or Fills(weight_bytes, input_bytes, work.stored_bytes)
    spilled_bytes = run.bytes_moved(timeline.OUT_BYTES) - fills.stored
    refilled_bytes = run.bytes_moved(timeline.P_BYTES) - work.extra_bytes
    filled, packing = fills.activations + work.kept_bytes, work.packing
    filled_bytes = (filled * packing.activations, fills.weights * packing.weights)
    edges, decodes = packed_edges(run.edges, packing), edge_decodes(layer, run.edges, packing)
    return LayerActions(
        a_bits=layer.a_bits,
        w_bits=layer.w_bits,
        array=replace(run.array, metadata_decodes=run.array.metadata_decodes + decodes) if decodes else run.array,
        sram=_with_memory(hardware.buffers, edges, *filled_bytes, refilled_bytes, spilled_bytes),
        dram=machine.dram.counts(
            weight_bytes + input_bytes + refilled_bytes,
            fills.stored + spilled_bytes,
            run.transfers,
            cycles,
            commands,
        ),
        vector_operations=own_vector_operations(layer),
        cycles=cycles,
        burst_bytes=machine.dram.priced_burst_bytes,
    )


def own_vector_operations(layer: GemmLayer) -> int:
    """Of an array layer: its outputs' requantisation."""
    return layer.output_elements * REQUANTISE_OPERATIONS


def fill_and_spill(buffer: BufferConfig, read_bytes: float, write_bytes: float) -> SramTraffic:
    """Traffic of whole words between an SRAM and DRAM."""
    return SramTraffic(
        read_bytes=read_bytes,
        write_bytes=write_bytes,
        word_reads=ceil(read_bytes * 8 / buffer.word_bits),
        word_writes=ceil(write_bytes * 8 / buffer.word_bits),
    )


def _plus(left: SramTraffic, right: SramTraffic) -> SramTraffic:
    return SramTraffic(
        left.read_bytes + right.read_bytes,
        left.write_bytes + right.write_bytes,
        left.word_reads + right.word_reads,
        left.word_writes + right.word_writes,
    )


def _with_memory(
    buffers: BuffersConfig,
    edges: SramCounts,
    input_bytes: float,
    weight_bytes: float,
    refilled_bytes: int,
    spilled_bytes: int,
) -> SramCounts:
    """Edge traffic plus fills (from DRAM, or of what is kept on chip) and the partial sums' way to DRAM and back."""
    return SramCounts(
        activations=_plus(edges.activations, fill_and_spill(buffers.activations, 0, input_bytes)),
        weights=_plus(edges.weights, fill_and_spill(buffers.weights, 0, weight_bytes)),
        outputs=_plus(edges.outputs, fill_and_spill(buffers.outputs, spilled_bytes, refilled_bytes)),
    )
