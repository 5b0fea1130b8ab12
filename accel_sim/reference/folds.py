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
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.reference.slots import Slots, column_slots
from accel_sim.reference.spec import ArraySpec

__all__ = [
    "Block",
    "BlockFold",
    "Fold",
    "FoldPlan",
    "Tile",
    "block_decodes",
    "block_folds",
    "block_skips",
    "blocks",
    "plan_block",
    "plan_folds",
]

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


@dataclass(frozen=True)
class Block:
    """The operands of one column block, laid out.

    Attributes:
        slots: what is left of its k.
        tiles: one per K fold (ws, is), or one that all row folds share (os); empty where no k is left.
        cols: output columns.

    """

    slots: Slots
    tiles: tuple[Tile, ...]
    cols: Ints


class BlockFold(NamedTuple):
    """A fold with the multiplications that its dropped steps skip and the bits decoded to know them."""

    fold: Fold
    skipped: int
    decodes: int


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
    flat = np.ascontiguousarray(moving.reshape(-1, moving.shape[2]))
    time = moving.shape[1]
    folds: list[Fold] = []
    skipped = decodes = 0
    block = None
    for group in range(len(moving)):
        rows = np.arange(group * time, (group + 1) * time)
        for cols in blocks(resting.shape[2], spec.cols):
            deciding = weights[group] if spec.dataflow == "is" else resting[group][:, cols]
            block = plan_block(resting[group], deciding, spec, segment, cols)
            skipped += block_skips(block, time, moving.shape[2])
            decodes += block_decodes(block, time, spec)
            for planned in block_folds(block, flat, rows, spec, later_k=False):
                skipped += planned.skipped
                decodes += planned.decodes
                if len(planned.fold.steps):
                    folds.append(planned.fold)
    assert block is not None
    return FoldPlan(tuple(folds), flat, skipped, decodes, block.slots.decodes_per_step, block.slots.index_bits)


def blocks(extent: int, size: int, start: int = 0) -> Iterator[Ints]:
    """``start`` to ``extent - 1`` in parts of ``size``."""
    for first in range(start, extent, size):
        yield np.arange(first, min(first + size, extent))


def plan_block(
    resting: Ints, deciding: Ints, spec: ArraySpec, segment: int, cols: Ints, ks: tuple[int, int] | None = None
) -> Block:
    """Lay out the columns ``cols`` of ``resting`` (all k, all columns).

    Args:
        deciding: weights (all k, some columns) whose zeros decide what is left.
        segment: see :func:`plan_folds`.
        ks: the range of k; default all.

    """
    first, stop = ks or (0, len(resting))
    slots = column_slots(deciding[first:stop], spec, segment, first)
    chosen = np.broadcast_to(slots.chosen, (slots.count, len(cols)))
    values = np.take_along_axis(resting[first:stop][:, cols], chosen, axis=0) if slots.count else chosen
    depth = max(1, slots.count) if spec.dataflow == "os" else spec.rows * spec.step_lanes
    parts = [slice(start, min(start + depth, slots.count)) for start in range(0, slots.count, depth)]
    return Block(slots, tuple(_tile(slots, chosen, values, spec.step_lanes, part, first) for part in parts), cols)


def block_skips(block: Block, rows: int, depth: int) -> int:
    """Multiplications of ``depth`` k that the block leaves out over ``rows`` time steps or rows."""
    return rows * len(block.cols) * (depth - block.slots.count)


def block_decodes(block: Block, rows: int, spec: ArraySpec) -> int:
    """Indices that the edge decodes for the block: once, or (os) once for each row fold."""
    times = -(-rows // spec.rows) if spec.dataflow == "os" else 1
    return block.slots.decodes_once * times


def block_folds(block: Block, moving: Ints, rows: Ints, spec: ArraySpec, *, later_k: bool) -> Iterator[BlockFold]:
    """The block's folds over the ``rows`` of the moving matrix, those without steps included.

    Args:
        later_k: whether the outputs hold sums of k before the block's.

    """
    build = _os_folds if spec.dataflow == "os" else _stationary_folds
    return build(block, moving, rows, spec, later_k)


def _tile(slots: Slots, chosen: Ints, values: Ints, lanes: int, part: slice, first_k: int) -> Tile:
    """The slots of ``part`` as places of ``lanes`` slots each, the last place padded; k as the layer counts."""
    candidates, chosen, values = slots.candidates[part], chosen[part], values[part]
    count, columns = chosen.shape
    places = -(-count // lanes)
    missing = places * lanes - count
    edge = _edges(_lengthen(candidates, missing, -1).reshape(places, -1))
    chosen = _lengthen(chosen, missing, -1).reshape(places, lanes, columns).transpose(0, 2, 1)
    select = np.full(chosen.shape, -1)
    for entry in range(edge.shape[1]):
        select[(chosen >= 0) & (chosen == edge[:, entry, None, None])] = entry
    value = _lengthen(values, missing, 0).reshape(places, lanes, columns).transpose(0, 2, 1)
    return Tile(np.where(edge < 0, -1, edge + first_k), select, np.ascontiguousarray(value))


def _lengthen(table: Ints, rows: int, value: int) -> Ints:
    """``table`` with ``rows`` more rows of ``value``; itself without (``np.pad`` costs more than a small tile)."""
    return np.concatenate([table, np.full((rows, table.shape[1]), value)]) if rows else table


def _edges(candidates: Ints) -> Ints:
    """What each place's edge carries: its candidates ``(places, any)`` in ascending order, each once; -1 fills up."""
    none = np.iinfo(np.int64).max
    ordered = np.sort(np.where(candidates < 0, none, candidates), axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = none
    ordered = np.sort(ordered, axis=1)
    width = int((ordered < none).sum(axis=1).max())
    return np.where(ordered[:, :width] < none, ordered[:, :width], -1)


def _stationary_folds(block: Block, moving: Ints, rows: Ints, spec: ArraySpec, later_k: bool) -> Iterator[BlockFold]:
    """K folds."""
    for index, tile in enumerate(block.tiles):
        steps, masks = rows, 0
        if spec.activation_sparsity == "skip_waves":
            masks = len(rows)
            steps = rows[(moving[np.ix_(rows, tile.edge[tile.edge >= 0])] != 0).any(axis=1)]
        skipped = (len(rows) - len(steps)) * int((tile.select[:, 0] >= 0).sum()) * len(block.cols)
        yield BlockFold(Fold(tile, steps, np.arange(0), block.cols, later_k or index > 0), skipped, masks)


def _os_folds(block: Block, moving: Ints, rows: Ints, spec: ArraySpec, later_k: bool) -> Iterator[BlockFold]:
    """Row folds."""
    for tile in block.tiles:
        places = len(tile.edge)
        in_place = (tile.select[:, 0] >= 0).sum(axis=1)
        for part in blocks(len(rows), spec.rows):
            steps, masks, skipped = np.arange(places), 0, 0
            if spec.activation_sparsity == "skip_waves":
                sent = moving[rows[part]][:, tile.edge] * (tile.edge >= 0)
                issued = (sent != 0).any(axis=(0, 2))
                masks, steps = places, steps[issued]
                skipped = int(in_place[~issued].sum()) * len(part) * len(block.cols)
            yield BlockFold(Fold(tile, steps, rows[part], block.cols, later_k), skipped, masks)
