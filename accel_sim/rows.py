"""Rows of a result: each layer's share of its stage, and their sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import step_lanes
from accel_sim.counts import ArrayCounts, LayerActions
from accel_sim.energy.model import layer_energy
from accel_sim.formats.packed import packs_operands
from accel_sim.formats.stored import StoredShares, stores_compressed
from accel_sim.layer_run import LayerRun, fill_and_spill, layer_actions
from accel_sim.machine import Machine
from accel_sim.residency import Residency
from accel_sim.result import (
    CycleCounts,
    DramCounts,
    EnergyBreakdown,
    LayerResult,
    MacCounts,
    SramCounts,
    SramTraffic,
    TotalResult,
    sum_fields,
)
from accel_sim.schedule import ArrayWork, Stage
from accel_sim.timeline.stages import StageTimes
from accel_sim.workload import GemmLayer, VectorLayer

__all__ = ["stage_rows", "total_row"]


def stage_rows(
    machine: Machine, stage: Stage, run: LayerRun | None, time: StageTimes, residency: Residency, stored: StoredShares
) -> list[LayerResult]:
    """One row for each layer of the stage, the array layer first.

    The array layer carries the stage's weights, activations and stored outputs; a fused operation what it reads
    besides, and the last one the cycles that the vector unit needs after the array's last.
    """
    head = time.head if stage.fused else time.whole
    work = stage.array_work
    if work is not None and run is not None:
        work = work.kept() if residency.output else work
        actions = layer_actions(machine, work, run, head.total, time.commands)
        memory = _kept(machine, residency) | _stored(machine, stored) | _packed(machine, work)
        rows = [_array_row(machine, work.layer, run, head, actions, memory)]
    else:
        rows = [_lone_vector_row(machine, stage, head, time.commands, residency)]
    for position, layer in enumerate(stage.fused, start=1):
        tail = time.vector_tail_cycles if position == len(stage.fused) else 0
        rows.append(_fused_row(machine, layer, stage.extra_bytes_of[position], tail))
    return rows


def _array_row(
    machine: Machine,
    layer: GemmLayer,
    run: LayerRun,
    cycles: CycleCounts,
    actions: LayerActions,
    memory: dict[str, Any],
) -> LayerResult:
    lanes = step_lanes(machine.hardware.array, layer.a_bits, layer.w_bits)
    lane_cycles = machine.hardware.pes * lanes * cycles.total
    return LayerResult(
        name=layer.name,
        op=layer.op,
        groups=layer.groups,
        m=layer.m,
        n=layer.n,
        k=layer.k,
        a_bits=layer.a_bits,
        w_bits=layer.w_bits,
        a_signed=layer.a_signed,
        w_signed=layer.w_signed,
        cycles=cycles,
        utilization=actions.array.multiplier_cycles / lane_cycles if lane_cycles else 0.0,
        macs=actions.array.macs,
        sram=actions.sram,
        dram=actions.dram,
        energy_pj=layer_energy(actions, machine.energy),
        actions=actions,
        mapping=run.tiling.to_dict() | memory,
    )


def _kept(machine: Machine, residency: Residency) -> dict[str, bool]:
    """What stays on chip, as it stands in a result; nothing where nothing may."""
    if machine.hardware.mapping.keep_on_chip == "never":
        return {}
    return {"input_on_chip": residency.input, "output_on_chip": residency.output}


def _stored(machine: Machine, stored: StoredShares) -> dict[str, float]:
    """Stored size over the dense one, as it stands in a result; nothing where all is dense."""
    if not stores_compressed(machine.hardware):
        return {}
    return {
        "weights_stored": stored.weights,
        "activations_stored": stored.activations,
        "output_stored": stored.output,
    }


def _packed(machine: Machine, work: ArrayWork) -> dict[str, float]:
    """Sizes in the SRAMs over the dense ones; nothing where all is dense."""
    if not packs_operands(machine.hardware.buffers):
        return {}
    return {"weights_in_sram": work.packing.weights, "activations_in_sram": work.packing.activations}


def _lone_vector_row(
    machine: Machine,
    stage: Stage,
    cycles: CycleCounts,
    commands: NDArray[np.int64] | None,
    residency: Residency,
) -> LayerResult:
    """A vector layer with its operands' way from DRAM through the SRAMs and back."""
    layer = stage.layers[0]
    assert isinstance(layer, VectorLayer)  # a stage without array layer is one vector layer
    buffers = machine.hardware.buffers
    in_bytes = sum(-(-size * layer.bits // 8) for size in layer.input_elements)
    out_bytes = stage.stored_bytes
    filled_bytes = (0 if residency.input else in_bytes) + (out_bytes if residency.output else 0)
    sram = SramCounts(
        activations=fill_and_spill(buffers.activations, in_bytes, filled_bytes),
        outputs=fill_and_spill(buffers.outputs, out_bytes, out_bytes),
    )
    read_bytes, write_bytes = 0 if residency.input else in_bytes, 0 if residency.output else out_bytes
    transfers = (read_bytes > 0) + (write_bytes > 0)
    dram = machine.dram.counts(read_bytes, write_bytes, transfers, cycles.total, commands)
    return _vector_row(machine, layer, cycles, sram, dram)


def _fused_row(machine: Machine, layer: VectorLayer, extra_bytes: int, tail_cycles: int) -> LayerResult:
    """A vector operation on the array's outputs, and its other operands' way through the output SRAM."""
    sram = SramCounts(outputs=fill_and_spill(machine.hardware.buffers.outputs, extra_bytes, extra_bytes))
    # the cycle-level DRAM's commands are all in the row of the stage's first layer
    if machine.dram.is_cycle_level:  # its commands are all in the row of the stage's first layer
        dram = DramCounts(extra_bytes)
    else:
        dram = machine.dram.counts(extra_bytes, 0, 1, tail_cycles)
    return _vector_row(machine, layer, CycleCounts(tail_cycles, tail_cycles, 0), sram, dram)


def _vector_row(
    machine: Machine, layer: VectorLayer, cycles: CycleCounts, sram: SramCounts, dram: DramCounts
) -> LayerResult:
    actions = LayerActions(
        a_bits=layer.bits,
        w_bits=layer.bits,
        array=ArrayCounts(),
        sram=sram,
        dram=dram,
        vector_operations=layer.operations,
        cycles=cycles.total,
        burst_bytes=machine.dram.priced_burst_bytes,
    )
    return LayerResult(
        name=layer.name,
        op=layer.op,
        groups=0,
        m=0,
        n=0,
        k=0,
        a_bits=layer.bits,
        w_bits=layer.bits,
        a_signed=False,
        w_signed=False,
        cycles=cycles,
        utilization=0.0,
        macs=MacCounts(),
        sram=sram,
        dram=dram,
        energy_pj=layer_energy(actions, machine.energy),
        actions=actions,
    )


def _sram_sum(layers: tuple[LayerResult, ...]) -> SramCounts:
    return SramCounts(
        activations=sum_fields(SramTraffic, [layer.sram.activations for layer in layers]),
        weights=sum_fields(SramTraffic, [layer.sram.weights for layer in layers]),
        outputs=sum_fields(SramTraffic, [layer.sram.outputs for layer in layers]),
    )


def total_row(machine: Machine, layers: tuple[LayerResult, ...]) -> TotalResult:
    """Sums over the layers; utilisation is weighted by cycles."""
    cycles = sum_fields(CycleCounts, [layer.cycles for layer in layers])
    busy = sum(layer.utilization * layer.cycles.total for layer in layers)
    return TotalResult(
        cycles=cycles,
        utilization=busy / cycles.total if cycles.total else 0.0,
        macs=sum_fields(MacCounts, [layer.macs for layer in layers]),
        sram=_sram_sum(layers),
        dram=sum_fields(DramCounts, [layer.dram for layer in layers]),
        energy_pj=sum_fields(EnergyBreakdown, [layer.energy_pj for layer in layers]),
        latency_s=cycles.total / machine.hardware.clock_hz,
        area_mm2=machine.area.total,
        areas_mm2=machine.area.to_dict(),
    )
