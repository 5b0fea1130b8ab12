"""What a tiling is worth: the objective as the simulation will find it for its layer alone.

With the cycle-level DRAM that takes the memory controllers, burst by burst. An estimate counts each transfer's bursts
where the layout puts them, and takes the time that so many need at full bandwidth; it misses what open rows, refreshes
and turns between reading and writing cost. Without the cycle-level DRAM both are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.energy.model import layer_energy
from accel_sim.layer_run import LayerRun, layer_actions
from accel_sim.machine import Machine
from accel_sim.mapping.layouts import layouts_of
from accel_sim.mapping.tiling import LOOP_ORDERS, Tiling
from accel_sim.memory.bursts_kernel import count_bursts
from accel_sim.memory.placement import layer_spans, lone_regions
from accel_sim.memory.transfer_kernel import COUNTED
from accel_sim.schedule import ArrayWork
from accel_sim.timeline import kernel

__all__ = ["Rank", "Ranks", "exact_rank", "sizes_and_order"]

_NO_SPANS = np.zeros((0, 4, 3), np.int64)
_BYTES = (kernel.W_BYTES, kernel.A_BYTES, kernel.P_BYTES, kernel.OUT_BYTES)
"""In the order of the spans."""
_RUNS_PER_TILE = 64
Rank = tuple[float, int, tuple[int, ...]]
"""Objective, number of tiles, sizes: smaller is better."""


class Ranks:
    """Ranks of a layer's tilings on a machine.

    Attributes:
        effort: tiles that estimates have walked so far; 64 contiguous runs of transfers count as one.
    """

    def __init__(self, machine: Machine, work: ArrayWork) -> None:
        self._machine, self._work = machine, work
        self._layouts = layouts_of(machine, work)
        self._bursts: dict[Tiling, int] = {}
        self.effort = 0

    @property
    def estimates_are_exact(self) -> bool:
        """Whether :meth:`estimate` says what :meth:`exact` says."""
        return not self._machine.dram.is_cycle_level

    def estimate(self, tiling: Tiling) -> Rank:
        """The rank without the memory controllers."""
        run = self._layouts.under(self._machine, tiling)
        self.effort += len(run.tiles)
        if self.estimates_are_exact:
            return self._rank(run, run.tiles, _NO_SPANS)
        tiles, bursts = run.tiles.copy(), np.zeros(COUNTED, np.int64)
        spans, burst_bytes = self._spans(run), self._machine.dram.part.burst_bytes
        for place, column in enumerate(_BYTES):
            own = count_bursts(spans[:, place], tiles[:, column], burst_bytes)
            self.effort += int((tiles[:, column] // np.maximum(spans[:, place, 1], 1)).sum()) // _RUNS_PER_TILE
            tiles[:, column] = own * burst_bytes
            bursts[1] += own.sum()  # as hits of open rows
        self._bursts[tiling] = int(bursts[1])
        return self._rank(run, tiles, _NO_SPANS, bursts)

    def bursts(self, tiling: Tiling) -> int:
        """What :meth:`exact` would send through the memory controllers; of a tiling that has been estimated."""
        return self._bursts.get(tiling, 0)

    def exact(self, tiling: Tiling) -> Rank:
        """The rank as the simulation will find it."""
        run = self._layouts.under(self._machine, tiling)
        return self._rank(run, run.tiles, _NO_SPANS if self.estimates_are_exact else self._spans(run))

    def _spans(self, run: LayerRun) -> NDArray[np.int64]:
        hardware, layer = self._machine.hardware, self._work.layer
        regions = lone_regions(self._work, run.tiling, hardware.array.acc_bits)
        return layer_spans(layer, run.tiling, run.tiles, regions, hardware.mapping.layout)

    def _rank(
        self,
        run: LayerRun,
        tiles: NDArray[np.int64],
        spans: NDArray[np.int64],
        bursts: NDArray[np.int64] | None = None,
    ) -> Rank:
        """``run``, whose transfers move what ``tiles`` says; ``bursts``: what is counted in place of commands."""
        machine, cycle_level = self._machine, len(spans) > 0
        compute_end, vector_end, _, store_end, _, commands, _ = kernel.run(
            tiles,
            machine.dram.params(cycle_level=cycle_level),
            machine.dram.controller_arrays(cycle_level=cycle_level),
            spans,
            machine.halves,
        )
        cycles = int(max(compute_end[-1], vector_end[-1], store_end.max()))
        objective = machine.hardware.mapping.objective
        score = float(cycles)
        if objective != "latency":
            counted = commands[0] if cycle_level else bursts
            energy = layer_energy(layer_actions(machine, self._work, run, cycles, counted), machine.energy).total
            score = energy if objective == "energy" else energy * cycles
        return score, len(tiles), sizes_and_order(run.tiling)


def exact_rank(machine: Machine, work: ArrayWork, tiling: Tiling) -> Rank:
    """The objective of one tiling as the simulation will find it for this layer alone, and what breaks ties."""
    return Ranks(machine, work).exact(tiling)


def sizes_and_order(tiling: Tiling) -> tuple[int, ...]:
    """What breaks the last ties: smaller sizes are better."""
    return tiling.tile_g, tiling.tile_m, tiling.tile_n, tiling.tile_k, LOOP_ORDERS.index(tiling.loop_order)
