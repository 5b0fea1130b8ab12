"""From operands to folds: what every PE holds and what every edge sends, fold by fold.

This is what a compiler prepares and the address generators of the edges read; no time passes here.

Decisions
---------
* Order: groups, then column folds, then (innermost) the K folds of ws and is, whose partial sums are so finished
  before the next column fold begins, or the row folds of os.
* ``is`` is ws on the transposed product, ``Oᵀ = Wᵀ · Aᵀ``: activations rest, weights move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference.slots import Slots, column_slots
from accel_sim.reference.spec import ArraySpec

__all__ = ["Fold", "FoldPlan", "Tile", "plan_folds"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tile:
    """One table of operands; a *place* is a PE row (ws, is) or a time step (os).

    Attributes:
        edge: ``(places, E)``, the k that the edge carries, -1 where there is none.
        select: ``(places, c, lanes)``, which of the E a lane multiplies, -1 where the lane is padding.
        value: ``(places, c, lanes)``, the resting operand (ws, is) or the one from the top (os).

    """

    edge: Ints
    select: Ints
    value: Ints


@dataclass(frozen=True)
class Fold:
    """One filling of the array.

    Attributes:
        tile: operands; os folds of one column block share it.
        steps: rows of the moving matrix (ws, is) or places of the tile (os), in the order in which they are issued.
        rows: output rows of the PE rows (os); empty for ws and is, where a step is an output row.
        cols: output columns of the PE columns.
        later_k: whether partial sums of an earlier K fold are read back.

    """

    tile: Tile
    steps: Ints
    rows: Ints
    cols: Ints
    later_k: bool


@dataclass(frozen=True)
class FoldPlan:
    """All folds of one layer that run, what they leave out, and the matrices that the edges read.

    Attributes:
        folds: in the order in which one array runs them.
        moving: ``(groups·time steps or rows, k)``, what the edges of ws, is and os (activations) send.
        skipped: multiplications that no fold does.
        decodes: indices and mask bits that the edges decode, those of the PEs apart.
        decodes_per_step: whether each multiplication decodes an index besides.
        index_bits: width of that index.

    """

    folds: tuple[Fold, ...]
    moving: Ints
    skipped: int
    decodes: int
    decodes_per_step: bool
    index_bits: int


def plan_folds(activations: Ints, weights: Ints, spec: ArraySpec, segment: int) -> FoldPlan:
    """Folds of ``groups`` products.

    Args:
        activations: ``(groups, m, k)``.
        weights: ``(groups, k, n)``.
        segment: length of a kernel position along k, where N:M patterns restart.

    """
    if spec.dataflow == "is":
        moving, resting = weights.transpose(0, 2, 1), activations.transpose(0, 2, 1)
    else:
        moving, resting = activations, weights
    folds: list[Fold] = []
    skipped = decodes = 0
    slots = None
    for group in range(len(moving)):
        rows = moving[group]
        for cols in _blocks(resting.shape[2], spec.cols):
            if spec.dataflow != "is" or cols[0] == 0:
                slots = column_slots(
                    weights[group] if spec.dataflow == "is" else resting[group][:, cols], spec, segment
                )
            assert slots is not None
            skipped += len(rows) * len(cols) * (rows.shape[1] - slots.count)
            chosen = np.broadcast_to(slots.chosen, (slots.count, len(cols)))
            values = np.take_along_axis(resting[group][:, cols], chosen, axis=0) if slots.count else chosen
            build = _os_folds if spec.dataflow == "os" else _stationary_folds
            for fold, dropped, masks in build(rows, slots, chosen, values, cols, group * len(rows), spec):
                skipped += dropped
                decodes += masks + (slots.decodes_once if spec.dataflow == "os" else 0)
                if len(fold.steps):
                    folds.append(fold)
            decodes += slots.decodes_once if spec.dataflow != "os" else 0
    assert slots is not None
    return FoldPlan(
        folds=tuple(folds),
        moving=np.ascontiguousarray(moving.reshape(-1, moving.shape[2])),
        skipped=skipped,
        decodes=decodes,
        decodes_per_step=slots.decodes_per_step,
        index_bits=slots.index_bits,
    )


def _blocks(extent: int, size: int) -> Iterator[Ints]:
    for start in range(0, extent, size):
        yield np.arange(start, min(start + size, extent))


def _tile(slots: Slots, chosen: Ints, values: Ints, spec: ArraySpec, part: slice) -> Tile:
    """The slots of ``part`` as places of ``step_lanes`` slots each, the last place padded."""
    lanes = spec.step_lanes
    candidates, chosen, values = slots.candidates[part], chosen[part], values[part]
    count, columns = chosen.shape
    places = -(-count // lanes)
    pad = ((0, places * lanes - count), (0, 0))
    candidates = np.pad(candidates, pad, constant_values=-1).reshape(places, -1)
    edges = [np.unique(row[row >= 0]) for row in candidates]
    edge = np.full((places, max(map(len, edges))), -1)
    for place, ks in enumerate(edges):
        edge[place, : len(ks)] = ks
    chosen = np.pad(chosen, pad, constant_values=-1).reshape(places, lanes, columns).transpose(0, 2, 1)
    select = np.empty((places, columns, lanes), np.int64)
    for place, ks in enumerate(edges):
        select[place] = np.where(chosen[place] < 0, -1, np.searchsorted(ks, chosen[place]))
    value = np.pad(values, pad).reshape(places, lanes, columns).transpose(0, 2, 1)
    return Tile(edge, select, np.ascontiguousarray(value))


def _stationary_folds(
    moving: Ints, slots: Slots, chosen: Ints, values: Ints, cols: Ints, first_step: int, spec: ArraySpec
) -> Iterator[tuple[Fold, int, int]]:
    """K folds of one column block, each with its skipped multiplications and decoded mask bits."""
    depth = spec.rows * spec.step_lanes
    for start in range(0, slots.count, depth):
        part = slice(start, min(start + depth, slots.count))
        steps, masks = np.arange(len(moving)), 0
        tile = _tile(slots, chosen, values, spec, part)
        if spec.activation_sparsity == "skip_waves":
            masks = len(steps)
            steps = steps[(moving[:, tile.edge[tile.edge >= 0]] != 0).any(axis=1)]
        dropped = (len(moving) - len(steps)) * (part.stop - part.start) * len(cols)
        yield Fold(tile, first_step + steps, np.arange(0), cols, start > 0), dropped, masks


def _os_folds(
    moving: Ints, slots: Slots, chosen: Ints, values: Ints, cols: Ints, first_row: int, spec: ArraySpec
) -> Iterator[tuple[Fold, int, int]]:
    """Row folds of one column block, each with its skipped multiplications and decoded mask bits."""
    if not slots.count:
        return
    tile = _tile(slots, chosen, values, spec, slice(0, slots.count))
    places = len(tile.edge)
    in_place = (tile.select[:, 0] >= 0).sum(axis=1)
    for rows in _blocks(len(moving), spec.rows):
        steps, masks, dropped = np.arange(places), 0, 0
        if spec.activation_sparsity == "skip_waves":
            sent = moving[rows][:, tile.edge] * (tile.edge >= 0)
            issued = (sent != 0).any(axis=(0, 2))
            masks, steps = places, steps[issued]
            dropped = int(in_place[~issued].sum()) * len(rows) * len(cols)
        yield Fold(tile, steps, first_row + rows, cols, False), dropped, masks
