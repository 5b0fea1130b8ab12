"""The common case of ws and is with beats that depend on values: all folds of a layer are timed side by side.

Nothing is skipped or gated and nothing that rests decides a beat, so the counts are the closed forms of
:mod:`accel_sim.array.actions`, but for the multipliers' cycles: those are the sum of the beats, of which they
work for the sum of the pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.actions import array_counts
from accel_sim.array.ports import Pace
from accel_sim.array.sequence_kernel import OVERLAP_CODE
from accel_sim.counts import ArrayCounts
from accel_sim.dynamic.beat_source import BeatSource, beat_source
from accel_sim.dynamic.layout import Recipe
from accel_sim.dynamic.pieces import PIECES, cost_table
from accel_sim.dynamic.plain_kernel import stream_folds, time_tiles
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling
from accel_sim.operands import LayerOperands
from accel_sim.timeline import kernel as timeline
from accel_sim.workload import GemmLayer

__all__ = ["is_plain", "time_plain"]

Ints = NDArray[np.int64]
_LONGEST_STREAM = 1 << 30  # the kernel counts cycles of a fold in 32 bits
_LONGEST_BEAT = 255


def is_plain(hardware: Hardware, layer: GemmLayer, recipe: Recipe, tiling: Tiling) -> bool:
    """Whether :func:`time_plain` can time the layer."""
    array = hardware.array
    simple = array.fifo_depth == 1 and array.sync_rows == 1 and array.arrays == 1 and array.fold_overlap != "full"
    alike = array.dataflow != "os" and recipe.is_plain and recipe.same_in_all_blocks and recipe.idle_beat == 1
    # A fold that a K tile cuts short would begin anew in the next one.
    whole_folds = tiling.tile_k >= layer.k or tiling.tile_k % (array.rows * recipe.lanes) == 0
    steps = layer.n if array.dataflow == "is" else layer.m
    return simple and alike and whole_folds and (steps + array.rows) * _LONGEST_BEAT < _LONGEST_STREAM


def time_plain(
    hardware: Hardware,
    layer: GemmLayer,
    operands: LayerOperands,
    recipe: Recipe,
    tiling: Tiling,
    paces: Sequence[Pace],
    tiles: NDArray[np.int64],
) -> tuple[NDArray[np.int64], ArrayCounts]:
    """Time every tile with its real operands.

    Args:
        paces: with port limits and without.
        tiles: records of the layer's tiles in order (their transfers are kept, their cycles replaced).

    Returns:
        The records and the actions inside the array.

    """
    array = hardware.array
    weights_move = array.dataflow == "is"
    if paces[0] == paces[1]:
        paces = paces[:1]
    source = beat_source(layer, operands, cost_table(recipe.own) & np.uint8(PIECES), weights_move=weights_move)
    steps, size = (layer.n, tiling.tile_n) if weights_move else (layer.m, tiling.tile_m)
    streams, beats = _streams(source, hardware, recipe, steps, size, paces)
    timed = tiles.copy()
    time_tiles(
        timed,
        _places(layer, tiling, array.rows * recipe.lanes, weights_move=weights_move),
        streams,
        OVERLAP_CODE[array.fold_overlap],
        array.cols,
        _blocks(hardware, layer, tiling),
        np.array([array.rows * pace.load_row for pace in paces]),
    )
    width = layer.m if weights_move else layer.n
    counts = array_counts(hardware, layer, tiling, int(timed[:, timeline.IDEAL].sum()))
    return timed, replace(counts, multiplier_cycles=beats * width, busy_cycles=source.total * width)


def _streams(
    source: BeatSource, hardware: Hardware, recipe: Recipe, steps: int, size: int, paces: Sequence[Pace]
) -> tuple[Ints, int]:
    """Streaming cycles ``(paces, groups, time tiles, K folds)`` of the first column, and the sum of all beats."""
    rows, lanes = hardware.array.rows, recipe.lanes
    stretch = np.array([[pace.beat_first, pace.beat_later] for pace in paces], np.int32)
    places = -(-len(source.k_offset) // lanes)
    parts, total = [], 0
    for first_steps, length in _equal_tiles(steps, size):
        offsets = (source.group_offset, source.step_offset, source.k_offset)
        streams, beats = stream_folds(source.pieces, *offsets, first_steps, length, rows, lanes, stretch)
        parts.append(streams.reshape(len(paces), len(source.group_offset), len(first_steps), -1))
        total += int(beats)
    timed_rows = min(rows, places)
    lines = np.full(-(-places // rows), rows)
    if hardware.array.edge_folds == "used":
        lines[-1] = places - (len(lines) - 1) * rows
    # A row without operands takes one cycle a step, so each adds one cycle to a stream, timed or not.
    return np.concatenate(parts, axis=2) + (lines - timed_rows), total


def _equal_tiles(extent: int, size: int) -> list[tuple[Ints, int]]:
    """First steps of the tiles along one dimension, and their length: the full ones, then the rest."""
    starts = np.arange(0, extent, size)
    whole, rest = divmod(extent, size)
    return [(first, length) for first, length in ((starts[:whole], size), (starts[whole:], rest)) if len(first)]


def _places(layer: GemmLayer, tiling: Tiling, fold_k: int, *, weights_move: bool) -> Ints:
    """Per tile: groups from and to, time tile, K folds from and to, column tile (:func:`time_tiles`)."""
    extents = {"m": (layer.m, tiling.tile_m), "n": (layer.n, tiling.tile_n), "k": (layer.k, tiling.tile_k)}
    counts = [-(-extents[name][0] // extents[name][1]) for name in tiling.loop_order]
    index = dict(zip(tiling.loop_order, np.indices(counts).reshape(3, -1), strict=True))
    time, column = (index["n"], index["m"]) if weights_move else (index["m"], index["n"])
    folds, folds_per_tile = -(-layer.k // fold_k), -(-tiling.tile_k // fold_k)
    first_fold = index["k"] * folds_per_tile
    first_group = np.repeat(np.arange(0, layer.groups, tiling.tile_g), len(time))
    repeats = len(first_group) // len(time)
    per_group = np.stack([time, first_fold, np.minimum(folds, first_fold + folds_per_tile), column])
    groups = np.stack([first_group, np.minimum(layer.groups, first_group + tiling.tile_g)])
    return np.ascontiguousarray(np.concatenate([groups, np.tile(per_group, repeats)]).T)


def _blocks(hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> Ints:
    """Per column tile: blocks as wide as the array, and the columns of a narrower one (0 = none)."""
    array = hardware.array
    extent, size = (layer.m, tiling.tile_m) if array.dataflow == "is" else (layer.n, tiling.tile_n)
    columns = np.minimum(size, extent - np.arange(0, extent, size))
    if array.edge_folds == "full":
        return np.stack([-(-columns // array.cols), np.zeros_like(columns)], axis=1)
    return np.stack([columns // array.cols, columns % array.cols], axis=1)
