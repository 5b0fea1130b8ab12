"""The bursts of a network's transfers: sent through the memory controllers once more, in the simulation's order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.mapping.tiling import last_k_tiles, tile_indices
from accel_sim.memory.controller_layout import BURST_BYTES
from accel_sim.memory.transfer_kernel import transfer
from accel_sim.network_run import NetworkRun
from accel_sim.timeline.kernel import STAGE

__all__ = ["TENSORS", "Bursts", "network_bursts"]

Ints = NDArray[np.int64]

TENSORS = ("weights", "activations", "extra", "partial_sums", "output")
_WEIGHTS, _ACTIVATIONS, _EXTRA, _PARTIAL_SUMS, _OUTPUT = range(len(TENSORS))


class Bursts(NamedTuple):
    """The bursts of one transfer of a stage.

    Attributes:
        clocks: ``(bursts,)`` of the DRAM, when the controllers took each.
        cycles: the same in cycles of the array.
        addresses: ``(bursts,)`` bytes.
    """

    stage: int
    tensor: str
    access: str
    cycles: Ints
    clocks: Ints
    addresses: Ints


def network_bursts(run: NetworkRun) -> Iterator[Bursts]:
    """All bursts, in the order in which they were issued; none without the cycle-level DRAM."""
    if run.spans is None:
        return
    line, dram = run.timeline, run.machine.dram
    spans, tensors = np.concatenate(run.spans), np.concatenate(_tensors(run))
    sizes, stages = line.sizes_bytes, line.tiles[:, STAGE]
    parameters, state, scratch = dram.controller_arrays(cycle_level=True)
    burst = int(parameters[BURST_BYTES])
    for tile, kind in zip(*divmod(line.order, 4), strict=True):
        first, of_run, apart = (int(value) for value in spans[tile, kind])
        size, request = int(sizes[tile, kind]), int(line.transfers[tile, kind, 0])
        log = np.full((-(-size // of_run) * (of_run // burst + 2), 2), -1, np.int64)
        at = int(np.ceil(request * dram.clocks_per_cycle))
        transfer(parameters, state, scratch, at, first, size, of_run, apart, bool(kind == 3), log)
        addresses, clocks = log[log[:, 1] >= 0].T
        cycles = np.maximum(request, np.floor(clocks / dram.clocks_per_cycle).astype(np.int64))
        access = "write" if kind == 3 else "read"
        yield Bursts(int(stages[tile]), TENSORS[tensors[tile, kind]], access, cycles, clocks, addresses)


def _tensors(run: NetworkRun) -> list[Ints]:
    """Per stage ``(tiles, 4)`` what each transfer moves (as :mod:`accel_sim.memory.placement` places it)."""
    found = []
    stage_of = run.timeline.tiles[:, STAGE]
    for index, (stage, own) in enumerate(zip(run.stages, run.runs, strict=True)):
        tiles = int(np.count_nonzero(stage_of == index))
        kinds = np.tile(np.array([_WEIGHTS, _ACTIVATIONS, _EXTRA, _OUTPUT]), (tiles, 1))
        work = stage.array_work
        if own is not None and work is not None:
            kinds[tile_indices(work.layer, own.tiling)["k"] > 0, 2] = _PARTIAL_SUMS
            kinds[~last_k_tiles(work.layer, own.tiling), 3] = _PARTIAL_SUMS
        found.append(kinds)
    return found
