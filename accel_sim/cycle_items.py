"""How the cycles of a layer came about: steps times beats, what is not hidden beside them, and stalls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accel_sim.array.actions import sharing
from accel_sim.array.beats import constant_beat_cycles, counts_depend_on_data, step_lanes
from accel_sim.array.ports import Pace, pace
from accel_sim.array.tile_kernel import count_folds
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling

__all__ = ["CycleItem", "cycle_items"]


@dataclass(frozen=True)
class CycleItem:
    """``cycles`` of one kind, of ``compute`` or ``stall``; ``how``: the calculation, or what it is the rest of."""

    part: str
    what: str
    cycles: int
    how: str


def cycle_items(hardware: Hardware, entry: Mapping[str, Any]) -> tuple[CycleItem, ...]:
    """The cycles of a layer's entry of the JSON contract; they add up to ``cycles.total``."""
    compute, stall = entry["cycles"]["compute"], entry["cycles"]["stall"]
    if not entry["groups"]:
        return (
            CycleItem("compute", "vector unit", compute + stall, "operations that outlast the array's last output"),
        )
    if counts_depend_on_data(hardware.array):
        return _by_data(entry, compute, stall)
    tiling = _tiling(entry["mapping"])
    first, later = _steps(hardware, entry, tiling)
    widths = (entry["a_bits"], entry["w_bits"])
    beat, arrays = constant_beat_cycles(hardware.array, *widths), hardware.array.arrays
    streaming = min(compute, -(-(first + later) * beat // arrays))
    speed = pace(hardware, *widths, beat, sharing(hardware, tiling), ideal=False)
    items = [
        CycleItem("compute", "streaming", streaming, _streaming(first + later, beat, arrays)),
        CycleItem(
            "compute", "fill, loads, drains", compute - streaming, "the rest: what is not hidden behind streaming"
        ),
    ]
    return (*items, *_stalls(speed, beat, first, later, arrays, stall))


def _streaming(steps: int, beat: int, arrays: int) -> str:
    per_array = f" / {arrays} arrays" if arrays > 1 else ""
    return f"{steps:,} steps of all folds × {beat} cycle{'s' if beat > 1 else ''} a beat{per_array}"


def _by_data(entry: Mapping[str, Any], compute: int, stall: int) -> tuple[CycleItem, ...]:
    """Where values decide: what the multipliers needed on average."""
    counts = entry["counts"]
    mean = counts["multiplier_cycles"] / counts["additions"] if counts["additions"] else 0.0
    skipped = entry["macs"]["skipped"] / entry["macs"]["total"]
    how = f"beats decided by values: {mean:.3g} cycles a multiplication on average, {skipped:.1%} of them skipped"
    return (
        CycleItem("compute", "all folds", compute, how),
        CycleItem("stall", "SRAM ports, DRAM, vector unit", stall, "the rest"),
    )


def _stalls(speed: Pace, beat: int, first: int, later: int, arrays: int, stall: int) -> tuple[CycleItem, ...]:
    stretched = first * (speed.beat_first - beat) + later * (speed.beat_later - beat)
    ports = min(stall, stretched // arrays)
    how = f"{first:,} steps × {speed.beat_first - beat} + {later:,} steps of later K folds × {speed.beat_later - beat}"
    how = f"({how}) / {arrays} arrays" if arrays > 1 else how
    return (
        CycleItem("stall", "beats that SRAM ports stretch", ports, how),
        CycleItem("stall", "DRAM, vector unit, stretched loads", stall - ports, "the rest"),
    )


def _tiling(mapping: Mapping[str, Any]) -> Tiling:
    sizes = (mapping["tile_m"], mapping["tile_n"], mapping["tile_k"], mapping["tile_groups"])
    return Tiling(*sizes, loop_order=mapping["loop_order"], array_dim=mapping["array_dim"])


def _steps(hardware: Hardware, entry: Mapping[str, Any], tiling: Tiling) -> tuple[int, int]:
    """Steps of all folds: those of first K folds, those of later ones."""
    array = hardware.array
    lanes = step_lanes(array, entry["a_bits"], entry["w_bits"])
    groups, m, n, k = (entry[name] for name in ("groups", "m", "n", "k"))
    tiles = {"m": (m, tiling.tile_m), "n": (n, tiling.tile_n), "k": (k, tiling.tile_k)}
    if array.dataflow == "os":
        k_steps = count_folds(*tiles["k"], lanes)
        first = count_folds(min(k, tiling.tile_k), tiling.tile_k, lanes)
        outputs = groups * count_folds(*tiles["m"], array.rows) * count_folds(*tiles["n"], array.cols)
        return outputs * first, outputs * (k_steps - first)
    columns, steps = ("n", m) if array.dataflow == "ws" else ("m", n)
    one = groups * count_folds(*tiles[columns], array.cols) * steps
    return one, one * (count_folds(*tiles["k"], array.rows * lanes) - 1)
