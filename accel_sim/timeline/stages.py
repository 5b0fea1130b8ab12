"""The time line of a network: tiles of all stages in one list, run once, and each layer's share of the cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.machine import Machine
from accel_sim.result import CycleCounts
from accel_sim.schedule import Stage
from accel_sim.timeline import kernel
from accel_sim.timeline.timeline import Timeline
from accel_sim.workload import VectorLayer

__all__ = ["StageTimes", "network_timeline", "vector_tiles"]

_STREAMED_BYTES = 4096


@dataclass(frozen=True)
class StageTimes:
    """Cycles of one stage: of its first layer, and what fused vector operations add after the array's last cycle.

    Attributes:
        commands: ``(COUNTED,)`` of the cycle-level DRAM (:func:`accel_sim.memory.transfer_kernel.add_counts`), or
            ``None``.
    """

    head: CycleCounts
    vector_tail_cycles: int
    commands: NDArray[np.int64] | None = None

    @property
    def whole(self) -> CycleCounts:
        """The tail counted as stall of the first layer, for a stage without fused operations."""
        tail = self.vector_tail_cycles
        return CycleCounts(self.head.total + tail, self.head.compute, self.head.stall + tail)


def vector_tiles(machine: Machine, stage: Stage, input_dependency: int) -> NDArray[np.int64]:
    """Tiles of a vector layer that runs alone: it streams its operands in pieces that fit the SRAM halves."""
    layer = stage.layers[0]
    assert isinstance(layer, VectorLayer)  # called for vector stages only
    in_bytes = sum(-(-size * layer.bits // 8) for size in layer.input_elements)
    largest = np.minimum(machine.half_bits[[0, 2]] / 8, _STREAMED_BYTES)
    count = max(1, *(int(np.ceil(share)) for share in np.array([in_bytes, stage.stored_bytes]) / largest))
    cycles = -(-stage.vector_operations // machine.hardware.vector_lanes)
    tiles = np.zeros((count, kernel.COLUMNS), np.int64)
    for column, amount in ((kernel.A_BYTES, in_bytes), (kernel.OUT_BYTES, stage.stored_bytes), (kernel.IDEAL, cycles)):
        bounds = np.arange(count + 1, dtype=np.int64) * amount // count
        tiles[:, column] = np.diff(bounds)
    tiles[:, kernel.BACK_TO_BACK] = tiles[:, kernel.FROM_IDLE] = tiles[:, kernel.IDEAL]
    tiles[:, kernel.W_DEP] = tiles[:, kernel.P_DEP] = -1
    tiles[:, kernel.A_DEP] = input_dependency
    return tiles


def network_timeline(
    machine: Machine,
    stages: Sequence[Stage],
    per_stage: list[NDArray[np.int64]],
    spans: list[NDArray[np.int64]] | None = None,
) -> tuple[Timeline, list[StageTimes]]:
    """Run the tiles of all stages, in order, on one time line.

    A stage lasts from the end of the stage before it (array and vector unit) to its own; so stages do not overlap,
    their cycles add up, and ``stall`` is never negative. The last store of the network is waited for by the last
    stage.

    Args:
        spans: addresses of each stage's transfers (:mod:`accel_sim.memory.placement`), for the cycle-level DRAM.
    """
    for index, tiles in enumerate(per_stage):
        tiles[:, kernel.STAGE] = index
    everything, by_bursts = np.concatenate(per_stage), spans is not None
    compute_end, vector_end, _, _, transfers, commands, order = kernel.run(
        everything,
        machine.dram.params(cycle_level=by_bursts),
        machine.dram.controller_arrays(cycle_level=by_bursts),
        np.zeros((0, 4, 3), np.int64) if spans is None else np.concatenate(spans),
        machine.halves,
    )
    names = tuple(tuple(layer.name for layer in stage.layers) for stage in stages)
    clock_mhz = machine.hardware.technology.clock_mhz
    timeline = Timeline(names, clock_mhz, everything, compute_end, vector_end, transfers, order)
    return timeline, _stage_times(timeline, per_stage, commands if by_bursts else None)


def _stage_times(
    timeline: Timeline, per_stage: list[NDArray[np.int64]], commands: NDArray[np.int64] | None
) -> list[StageTimes]:
    last = np.cumsum([len(tiles) for tiles in per_stage]) - 1
    array_done = timeline.compute_end[last]
    all_done = np.maximum(timeline.compute_end, timeline.vector_end)[last]
    finish = int(timeline.transfers[:, 3, 1].max())
    times = []
    previous = 0
    for index, tiles in enumerate(per_stage):
        total = int(array_done[index]) - previous
        tail = int(all_done[index] - array_done[index])
        if index == len(per_stage) - 1:
            total += max(0, finish - int(all_done[index]))
        compute = int(tiles[:, kernel.IDEAL].sum())
        counts = CycleCounts(total=total, compute=compute, stall=total - compute)
        times.append(StageTimes(counts, tail, None if commands is None else commands[index]))
        previous = int(all_done[index])
    return times
