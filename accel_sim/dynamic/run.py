"""A layer whose time or counts depend on its operands: the exact tiles in place of the constant-beat ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.ports import Pace
from accel_sim.dynamic.layout import GroupOperands, Recipe, group_operands, make_recipe
from accel_sim.dynamic.outputs import OutputTiles
from accel_sim.dynamic.stationary import StationaryTiles
from accel_sim.dynamic.tally import Tally
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling, tile_ranges
from accel_sim.operands import LayerOperands
from accel_sim.timeline import kernel as timeline
from accel_sim.workload import GemmLayer

__all__ = ["time_tiles"]

Range = tuple[int, int]


def time_tiles(
    hardware: Hardware,
    layer: GemmLayer,
    operands: LayerOperands,
    tiling: Tiling,
    paces: tuple[Pace, Pace],
    tiles: NDArray[np.int64],
) -> tuple[NDArray[np.int64], Tally, Recipe]:
    """Time every tile with its real operands.

    Args:
        paces: with port limits and without.
        tiles: records of the layer's tiles in order (their transfers are kept, their cycles replaced).

    Returns:
        The records, the layer's counts, and what the operands were taken by.
    """
    recipe = make_recipe(hardware.array, layer)
    family = OutputTiles if hardware.array.dataflow == "os" else StationaryTiles
    machine = family(hardware, layer, recipe, *paces, tiling.array_dim == "n")
    timed = tiles.copy()
    before = before_ideal = 0
    groups: list[GroupOperands] = []
    held: Range = (0, 0)
    for record, (g, m, n, k) in zip(timed, tile_ranges(layer, tiling), strict=True):
        if g != held:
            groups = [group_operands(recipe, hardware.array.dataflow, operands, group) for group in range(*g)]
            held = g
        end, ideal_end, from_idle = machine.run(groups, m, n, k, k[0] > 0)
        record[timeline.BACK_TO_BACK], record[timeline.IDEAL] = end - before, ideal_end - before_ideal
        record[timeline.FROM_IDLE] = max(from_idle, end - before)
        before, before_ideal = end, ideal_end
    return timed, machine.tally, recipe
