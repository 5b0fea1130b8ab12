"""What the folds of os whose time depends on values do: what their edges read, multiplications, hops, results."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import hop_bits
from accel_sim.dynamic.layout import Block, GroupOperands, Recipe
from accel_sim.dynamic.operand_sums_kernel import WORK
from accel_sim.dynamic.output_kernel import count_rows, count_transposed, edge_reads, issued_work
from accel_sim.dynamic.tally import Tally
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["Columns", "OutputCounts", "Reads", "Rows"]

Ints = NDArray[np.int64]
Range = tuple[int, int]


class Reads(NamedTuple):
    """What one fold's steps read at the edges: :func:`accel_sim.dynamic.output_kernel.edge_reads`."""

    entries: int
    slots: int
    a_words: int
    w_words: int


@dataclass(frozen=True, eq=False)
class Columns:
    """A column block of one group: its places, and a key that blocks with the same beats share."""

    span: Range
    block: Block
    alike: Hashable
    reads: dict[int, Reads]

    @property
    def width(self) -> int:
        """Columns of outputs."""
        return self.span[1] - self.span[0]


@dataclass(frozen=True)
class Rows:
    """Consecutive row folds of the same height on the same array: their number, for how many of them each operand is
    read, not for another array.
    """

    first: int
    height: int
    count: int
    array: int
    reads_activations: int
    reads_weights: int


class OutputCounts:
    """Counts the folds of one layer; ``tally`` holds the sums."""

    def __init__(self, hardware: Hardware, layer: GemmLayer, recipe: Recipe) -> None:
        self._hardware, self._layer, self._recipe = hardware, layer, recipe
        self.tally = Tally()

    def add_multiplications(
        self, operands: GroupOperands, columns: Columns, span: Range, issued: Ints, beats: Ints
    ) -> None:
        """Add one fold's multiplications, and with waves that are skipped the pieces that they work on."""
        recipe, block = self._recipe, columns.block
        gates = (recipe.gate_moving, recipe.gate_resting)
        sums = np.zeros(5, np.int64)
        if recipe.transposed:
            slots = (issued, block.chosen, recipe.lanes)
            at = (columns.span[0], columns.width)
            count_transposed(sums, beats, operands.moving, operands.resting, *span, *at, *slots, *gates)
        else:
            edge = (block.ptr, block.edge_k, block.edge_all, block.edge_nonzero)
            count_rows(sums, beats, operands.moving, *span, issued, *edge, *gates)
        if recipe.skip_waves:
            places = (issued, block.ptr, block.edge_k, block.edge_work)
            sums[WORK] = issued_work(operands.moving, *span, *places, recipe.gate_moving)
        self.tally.add_multiplications(sums, recipe.fixed_beat)

    def reads(self, columns: Columns, height: int) -> Reads:
        """:meth:`edge_reads` of a fold that issues all steps; remembered."""
        if height not in columns.reads:
            columns.reads[height] = self.edge_reads(columns, height, np.arange(len(columns.block.slots)))
        return columns.reads[height]

    def edge_reads(self, columns: Columns, height: int, issued: Ints) -> Reads:
        """Edge entries and slots of one fold's issued steps, and the words of activations and weights."""
        layer, buffers = self._layer, self._hardware.buffers
        reads = edge_reads(
            columns.block.ptr,
            columns.block.slots,
            issued,
            height * layer.a_bits,
            buffers.activations.word_bits,
            columns.width * (layer.w_bits + self._recipe.index_bits),
            buffers.weights.word_bits,
        )
        return Reads(*map(int, reads))

    def add_folds(self, columns: Columns, folds: Rows, reads: Reads, steps: int, later_k: bool) -> None:
        """Add the actions of equal folds of ``steps`` steps, multiplications apart."""
        recipe, layer, tally = self._recipe, self._layer, self.tally
        array, buffers = self._hardware.array, self._hardware.buffers
        rows, cols, count = folds.height, columns.width, folds.count
        a_bits, w_bits = reads.entries * layer.a_bits, reads.slots * (layer.w_bits + recipe.index_bits)
        a_hops, w_hops = hop_bits(array, layer.a_bits, layer.w_bits)
        operand_hops = reads.entries * a_hops + reads.slots * (w_hops + recipe.index_bits)
        tally.operand_hop_bits += count * rows * cols * operand_hops
        tally.psum_hop_bits += count * steps * rows * cols * array.acc_bits
        if array.fifo_depth > 1:
            pushes = rows * (cols - 1) * a_bits if recipe.transposed else cols * (rows - 1) * w_bits
            tally.fifo_push_bits += count * pushes
        if array.os_drain:
            height = rows if array.edge_folds == "used" else array.rows
            shadow = int(array.fold_overlap != "none")
            hops = rows * (height - 1 + shadow) - rows * (rows - 1) // 2  # row r passes the rows below it
            tally.stationary_hop_bits += count * hops * cols * array.acc_bits
        tally.a_bits_read += folds.reads_activations * a_bits * rows
        tally.a_words += folds.reads_activations * reads.a_words
        tally.w_bits_read += folds.reads_weights * w_bits * cols
        tally.w_words += folds.reads_weights * reads.w_words
        words = rows * -(-cols * array.acc_bits // buffers.outputs.word_bits)
        tally.out_writes += count * rows * cols
        tally.out_write_words += count * words
        if later_k:
            tally.out_reads += count * rows * cols
            tally.out_read_words += count * words
