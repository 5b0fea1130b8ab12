"""A tiled layer through the reference engine: all folds of all tiles, on every array, as one sequence each.

What is taken from the closed forms is what the array does not do: the transfers of each tile, and the stretch that
SRAM ports put on beats, loads and drains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.array import ports
from accel_sim.array.actions import sharing
from accel_sim.array.beats import beat_depends_on_data
from accel_sim.counts import ArrayCounts
from accel_sim.layer_run import Dependencies, LayerRun, lay_out, port_paces
from accel_sim.machine import Machine
from accel_sim.mapping.tiling import Tiling, tile_ranges
from accel_sim.operand_checks import n_m_segment
from accel_sim.operands import LayerOperands
from accel_sim.reference.banks import FoldWaves, WaveReader
from accel_sim.reference.deal import Dealer, DealtFold, DealtTile, Matrices
from accel_sim.reference.engine import run_folds
from accel_sim.reference.folds import FoldPlan
from accel_sim.reference.slots import column_slots
from accel_sim.reference.spec import ArraySpec
from accel_sim.reference.tables import Pace
from accel_sim.reference.traffic import EdgeTraffic
from accel_sim.result import MacCounts, sum_fields
from accel_sim.schedule import ArrayWork
from accel_sim.timeline import kernel as timeline
from accel_sim.workload import GemmLayer

__all__ = ["ReferenceLayer", "run_layer"]

Ints = NDArray[np.int64]
TileWaves = list[FoldWaves] | None


@dataclass(frozen=True)
class ReferenceLayer:
    """What a layer did: its tiles and actions, and its exact outputs ``(groups, m, n)``."""

    run: LayerRun
    outputs: Ints


def run_layer(
    machine: Machine, work: ArrayWork, tiling: Tiling, dependencies: Dependencies, operands: LayerOperands
) -> ReferenceLayer:
    """Run the work's array layer under ``tiling``, cycle by cycle.

    Raises:
        RunError: the machine contradicts itself.

    """
    layer, hardware = work.layer, machine.hardware
    frame = lay_out(machine, work, tiling, dependencies)
    spec = _spec(machine, layer)
    matrices = _matrices(layer, operands, spec)
    index_bits, decodes_per_step = _indices(matrices, spec)
    dealer = Dealer(matrices, spec, hardware.array.arrays, tiling.array_dim, n_m_segment(layer))
    traffic = EdgeTraffic(hardware, layer, tiling.array_dim, index_bits)
    exact = hardware.buffers.bank_conflicts == "exact" and not hardware.buffers.unlimited_ports
    reader = WaveReader(hardware, layer, sharing(hardware, tiling).activations) if exact else None
    dealt, waves = [], []
    for tile in tile_ranges(layer, tiling):
        dealt.append(dealer.deal(tile))
        waves.append([reader.read(one.fold, one.place.group) for one in dealt[-1].folds] if reader else None)
        traffic.add(tile, dealt[-1], waves[-1])
    plan = FoldPlan((), matrices.moving, 0, 0, decodes_per_step, index_bits)
    arrays = _Arrays(plan, spec, hardware.array.arrays, _output_shape(matrices, spec, layer))

    paces = port_paces(machine, work, tiling, beat_cycles=1, activations=reader is None)
    paced, ideal = (_pace(pace) for pace in paces)
    ran = arrays.run(dealt, ideal)
    ends = ran.tile_ends if paced == ideal and reader is None else arrays.run(dealt, paced, waves).tile_ends
    tiles = frame.tiles.copy()
    tiles[:, timeline.BACK_TO_BACK] = np.diff(ends, prepend=0)
    tiles[:, timeline.IDEAL] = np.diff(ran.tile_ends, prepend=0)
    alike = reader is None and not beat_depends_on_data(hardware.array)
    from_idle = _from_idle(arrays, dealt, waves, paced, ends, alike=alike)
    tiles[:, timeline.FROM_IDLE] = np.maximum(from_idle, tiles[:, timeline.BACK_TO_BACK])

    macs = replace(ran.counts.macs, total=layer.macs, skipped=sum(tile.skipped for tile in dealt))
    counts = replace(
        ran.counts,
        macs=macs,
        metadata_decodes=ran.counts.metadata_decodes + sum(tile.decodes for tile in dealt),
        pe_cycles=hardware.pes * int(ran.tile_ends[-1]),
    )
    return ReferenceLayer(LayerRun(tiling, tiles, traffic.counts(), counts), _as_product(ran.outputs, spec, layer))


def _spec(machine: Machine, layer: GemmLayer) -> ArraySpec:
    return ArraySpec.from_array(
        machine.hardware.array,
        a_bits=layer.a_bits,
        w_bits=layer.w_bits,
        a_signed=layer.a_signed,
        w_signed=layer.w_signed,
    )


def _matrices(layer: GemmLayer, operands: LayerOperands, spec: ArraySpec) -> Matrices:
    activations = np.stack([operands.activations(group) for group in range(layer.groups)]).astype(np.int64)
    weights = np.stack([operands.weights(group) for group in range(layer.groups)]).astype(np.int64)
    moving, resting = activations, weights
    if spec.dataflow == "is":
        moving, resting = weights.transpose(0, 2, 1), activations.transpose(0, 2, 1)
    return Matrices(np.ascontiguousarray(moving.reshape(-1, layer.k)), resting, weights)


def _indices(matrices: Matrices, spec: ArraySpec) -> tuple[int, bool]:
    """Width of the index beside a weight, and whether multiplications decode it: the same for every block."""
    slots = column_slots(matrices.weights[0, :1, :1], spec, 1)
    return slots.index_bits, slots.decodes_per_step


def _output_shape(matrices: Matrices, spec: ArraySpec, layer: GemmLayer) -> tuple[int, int]:
    return len(matrices.moving), layer.m if spec.dataflow == "is" else layer.n


def _as_product(outputs: Ints, spec: ArraySpec, layer: GemmLayer) -> Ints:
    if spec.dataflow == "is":
        return np.ascontiguousarray(outputs.reshape(layer.groups, layer.n, layer.m).transpose(0, 2, 1))
    return outputs.reshape(layer.groups, layer.m, layer.n)


def _pace(pace: ports.Pace) -> Pace:
    return Pace(
        beat_cycles=pace.beat_first,
        later_beat_cycles=pace.beat_later,
        load_row_cycles=pace.load_row,
        drain_row_cycles=pace.drain_row_first,
        later_drain_row_cycles=pace.drain_row_later,
    )


@dataclass(frozen=True)
class _Ran:
    """All arrays' folds: outputs, when the slowest array was done with each tile, actions of all arrays."""

    outputs: Ints
    tile_ends: Ints
    counts: ArrayCounts


class _Arrays:
    """Equal arrays side by side, each with its own sequence of folds."""

    def __init__(self, plan: FoldPlan, spec: ArraySpec, arrays: int, output_shape: tuple[int, int]) -> None:
        self._plan, self._spec, self._arrays, self._shape = plan, spec, arrays, output_shape

    def run(self, tiles: Sequence[DealtTile], pace: Pace, waves: Sequence[TileWaves] = ()) -> _Ran:
        """Run the folds of ``tiles`` from a fresh start; ``waves``: of each tile's folds, where the banks count."""
        outputs = np.zeros(self._shape, np.int64)
        ends = np.zeros(len(tiles), np.int64)
        counts = []
        for array in range(self._arrays):
            mine = [
                (index, number)
                for index, tile in enumerate(tiles)
                for number, one in enumerate(tile.folds)
                if one.array == array
            ]
            folds = [tiles[index].folds[number].fold for index, number in mine]
            own = [of_tile[number] for index, number in mine if waves and (of_tile := waves[index]) is not None]
            ran = run_folds(self._plan, folds, self._spec, pace, outputs, own)
            np.maximum.at(ends, np.array([index for index, _ in mine], np.int64), ran.fold_end_cycles)
            counts.append(ran.counts)
        return _Ran(outputs, np.maximum.accumulate(ends), _sum_counts(counts))


def _sum_counts(parts: Sequence[ArrayCounts]) -> ArrayCounts:
    macs = sum_fields(MacCounts, [part.macs for part in parts])
    return replace(sum_fields(ArrayCounts, [replace(part, macs=0) for part in parts]), macs=macs)  # type: ignore[arg-type]


def _from_idle(
    arrays: _Arrays,
    tiles: Sequence[DealtTile],
    waves: Sequence[TileWaves],
    pace: Pace,
    ends: Ints,
    *,
    alike: bool,
) -> Ints:
    """Length of each tile run alone. ``alike``: beats are equal, so tiles with equal folds take equally long."""
    if len(tiles) == 1:
        return ends
    known: dict[tuple[object, ...], int] = {}
    lengths = np.empty(len(tiles), np.int64)
    for index, tile in enumerate(tiles):
        key = tuple(_form(one) for one in tile.folds) if alike else (index,)
        if key not in known:
            known[key] = int(arrays.run([tile], pace, waves[index : index + 1]).tile_ends[-1])
        lengths[index] = known[key]
    return lengths


def _form(one: DealtFold) -> tuple[int, ...]:
    """What a fold's time depends on where beats do not depend on values."""
    fold = one.fold
    return one.array, len(fold.steps), len(fold.rows) or len(fold.tile.edge), len(fold.cols), fold.later_k
