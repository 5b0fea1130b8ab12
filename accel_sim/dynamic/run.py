"""A layer whose time or counts depend on its operands: the exact tiles in place of the constant-beat ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.actions import edge_traffic
from accel_sim.array.banks import BankWalk
from accel_sim.array.ports import Pace
from accel_sim.counts import ArrayCounts
from accel_sim.dynamic.layout import GroupOperands, Recipe, group_operands, make_recipe
from accel_sim.dynamic.outputs import OutputTiles
from accel_sim.dynamic.plain import is_plain, time_plain
from accel_sim.dynamic.stationary import StationaryTiles
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling, tile_ranges
from accel_sim.operands import LayerOperands
from accel_sim.result import SramCounts
from accel_sim.timeline import kernel as timeline
from accel_sim.workload import GemmLayer

__all__ = ["TimedLayer", "time_general", "time_layer"]

Range = tuple[int, int]
Records = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TimedLayer:
    """Records of a layer's tiles, its actions inside the array, its SRAM traffic at the array's edges."""

    tiles: Records
    array: ArrayCounts
    edges: SramCounts


def time_layer(
    hardware: Hardware,
    layer: GemmLayer,
    operands: LayerOperands,
    tiling: Tiling,
    paces: tuple[Pace, Pace],
    tiles: Records,
    walk: BankWalk | None = None,
) -> TimedLayer:
    """Time every tile with its real operands.

    Args:
        paces: with port limits and without.
        tiles: records of the layer's tiles in order (their transfers are kept, their cycles replaced).
        walk: of the activations, where the loads of their banks count.

    """
    recipe = make_recipe(hardware.array, layer)
    if walk is not None or not is_plain(hardware, layer, recipe, tiling):
        return time_general(hardware, layer, operands, recipe, tiling, paces, tiles, walk)
    timed, counts = time_plain(hardware, layer, operands, recipe, tiling, paces, tiles)
    return TimedLayer(timed, counts, edge_traffic(hardware, layer, tiling))


def time_general(
    hardware: Hardware,
    layer: GemmLayer,
    operands: LayerOperands,
    recipe: Recipe,
    tiling: Tiling,
    paces: tuple[Pace, Pace],
    tiles: Records,
    walk: BankWalk | None = None,
) -> TimedLayer:
    """:func:`time_layer` for every machine, tile after tile."""
    family = OutputTiles if hardware.array.dataflow == "os" else StationaryTiles
    machine = family(hardware, layer, recipe, *paces, tiling.array_dim == "n", walk)
    timed = tiles.copy()
    before = before_ideal = 0
    groups: list[GroupOperands] = []
    held: Range = (0, 0)
    for record, (g, m, n, k) in zip(timed, tile_ranges(layer, tiling), strict=True):
        if g != held:
            dataflow = hardware.array.dataflow
            groups = [group_operands(recipe, dataflow, operands, group, tiling.tile_k) for group in range(*g)]
            held = g
        end, ideal_end, from_idle = machine.run(g[0], groups, m, n, k, k[0] > 0)
        record[timeline.BACK_TO_BACK], record[timeline.IDEAL] = end - before, ideal_end - before_ideal
        record[timeline.FROM_IDLE] = max(from_idle, end - before)
        before, before_ideal = end, ideal_end
    compute_cycles = int(timed[:, timeline.IDEAL].sum())
    counts = machine.tally.array_counts(hardware, layer, recipe, compute_cycles)
    return TimedLayer(timed, counts, machine.tally.edge_traffic(hardware, layer, tiling))
