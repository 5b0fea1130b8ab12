"""Activations that stay on chip between two layers (``mapping.keep_on_chip: auto``).

The output of a stage stays in the activation SRAM where the stage that runs next is its only reader and reads nothing
else, and where it fits beside what the stage itself needs there: its own input if that has stayed, else the tiles that
it fetches (two with double buffering). It must fit as well beside a tile that may be fetched early, for the stage after
its reader. Neither is then stored in DRAM nor fetched from it; on its way it leaves the output SRAM once, as ever, and
is written into the activation SRAM once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling, last_k_tiles
from accel_sim.schedule import Stage
from accel_sim.timeline import kernel

__all__ = ["Residency", "plan_residency", "without_dram"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Residency:
    """Whether a stage finds its input on chip, and leaves its output there."""

    input: bool = False
    output: bool = False


def plan_residency(hardware: Hardware, stages: Sequence[Stage], tiles: Sequence[Ints]) -> list[Residency]:
    """What stays, stage by stage; nothing with ``keep_on_chip: never``."""
    if hardware.mapping.keep_on_chip == "never":
        return [Residency()] * len(stages)
    buffer = hardware.buffers.activations
    capacity_bytes = np.inf if hardware.buffers.unlimited_capacity else buffer.kib * 1024
    halves = 2 if buffer.double_buffered else 1
    readers = Counter(source for stage in stages for source in _sources(stage))
    plan, stays = list[Residency](), False
    for index, (stage, own) in enumerate(zip(stages, tiles, strict=True)):
        fetched = halves * int(own[:, kernel.A_BYTES].max())
        needed = stages[index - 1].stored_bytes if stays else fetched
        output = stage.stored_bytes * (stages[index + 1].packing.activations if index + 1 < len(stages) else 1.0)
        fits = needed * stage.packing.activations + output <= capacity_bytes
        fits = fits and output + _fetched_early(tiles, index) <= capacity_bytes
        follows = index + 1 < len(stages) and _sources(stages[index + 1]) == [index] and readers[index] == 1
        leaves = fits and follows and stages[index + 1].input_stages == (index,)
        plan.append(Residency(stays, leaves))
        stays = leaves
    return plan


def _fetched_early(tiles: Sequence[Ints], index: int) -> int:
    """Bytes that may be fetched for the stage after the reader of stage ``index`` while that reader still runs."""
    after = index + 2
    return int(tiles[after][:, kernel.A_BYTES].max()) if after < len(tiles) else 0


def _sources(stage: Stage) -> list[int]:
    return [*stage.input_stages, *stage.weight_stages, *stage.extra_stages]


def without_dram(stage: Stage, tiling: Tiling | None, tiles: Ints, residency: Residency) -> Ints:
    """The tiles less the transfers that do not take place."""
    if residency == Residency():
        return tiles
    tiles = tiles.copy()
    if residency.input:
        tiles[:, kernel.A_BYTES] = 0
    if residency.output:
        work = stage.array_work
        finished = slice(None) if work is None or tiling is None else last_k_tiles(work.layer, tiling)
        tiles[finished, kernel.OUT_BYTES] = 0
    return tiles
