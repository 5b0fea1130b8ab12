"""Tiles of os whose time depends on values: column blocks, row folds, sequences, counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import arrays_in_step
from accel_sim.array.output_chain_kernel import chain_end, drain_chain, new_chain, run_fold
from accel_sim.array.ports import Pace
from accel_sim.array.sequence_kernel import OVERLAP_CODE
from accel_sim.dynamic.layout import Block, GroupOperands, Recipe, make_block
from accel_sim.dynamic.output_kernel import (
    column_beats,
    count_rows,
    count_transposed,
    row_beats,
    steps_issued,
)
from accel_sim.dynamic.sequence import Sequences
from accel_sim.dynamic.tally import Tally
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["OutputTiles"]

Ints = NDArray[np.int64]
Range = tuple[int, int]


@dataclass(frozen=True)
class _Dealt:
    """A row fold's rows, the array that gets it, and which operands are read for it, not for another array."""

    rows: Range
    array: int
    reads_activations: bool
    reads_weights: bool


class _Timer:
    """The sequences of all arrays under one pace, from the beginning of the layer."""

    def __init__(self, hardware: Hardware, pace: Pace, *, transposed: bool) -> None:
        self._array, self.pace, self._transposed = hardware.array, pace, transposed
        self._chained = self._array.fold_overlap == "full"
        self._sequences = Sequences(self._array.arrays, min(OVERLAP_CODE[self._array.fold_overlap], 1), os=True)
        lines = self._array.cols if transposed else self._array.rows
        self._chains = [
            new_chain(lines, self._array.fifo_depth) for _ in range(self._array.arrays if self._chained else 1)
        ]

    def append(self, index: int, beats: Ints, rows: int, cols: int, later_k: bool) -> None:
        """Run one fold of ``rows × cols`` outputs and append it to array ``index``."""
        array = self._array
        used = array.edge_folds == "used"
        height, width = (rows, cols) if used else (array.rows, array.cols)
        lines, across = (width, height) if self._transposed else (height, width)
        drain_row = self.pace.drain_row_later if later_k else self.pace.drain_row_first
        chain = self._chains[index if self._chained else 0]
        last = run_fold(beats, self.pace.beat_first, array.fifo_depth, self._chained, chain)
        if self._chained:
            drain_chain(chain, lines, across, height, drain_row, array.os_drain, self._transposed)
        else:
            drain = height * drain_row if array.os_drain else 0
            self._sequences.append(index, np.array([last]), across - 1, 0, drain)

    @property
    def end(self) -> int:
        """Cycle in which the slowest array is finished."""
        return max(int(chain_end(chain)) for chain in self._chains) if self._chained else self._sequences.end


class OutputTiles:
    """Time and counts of an os layer, tile after tile in the order in which they run."""

    def __init__(
        self, hardware: Hardware, layer: GemmLayer, recipe: Recipe, paced: Pace, ideal: Pace, deal_n: bool
    ) -> None:
        self._hardware, self._layer, self._recipe, self._deal_n = hardware, layer, recipe, deal_n
        self._paces = (paced,) if paced == ideal else (paced, ideal)
        self._timers = [self._new_timer(pace) for pace in self._paces]
        self._in_step = arrays_in_step(hardware.array, "n" if deal_n else "m")
        self.tally = Tally()

    def _new_timer(self, pace: Pace) -> _Timer:
        return _Timer(self._hardware, pace, transposed=self._recipe.transposed)

    def run(self, operands: list[GroupOperands], m: Range, n: Range, k: Range, later_k: bool) -> tuple[int, int, int]:
        """Run one tile of some groups; returns (end so far, end so far without port limits, length from idle)."""
        fresh = self._new_timer(self._paces[0])
        for group, cols, rows_of in self._units(len(operands), m, n):
            block = make_block(self._recipe, operands[group], "os", cols, k)
            if not block.slot_count:
                continue
            for dealt in rows_of:
                self._run_fold(operands[group], block, cols, dealt, later_k, fresh)
        return self._timers[0].end, self._timers[-1].end, fresh.end

    def _units(self, groups: int, m: Range, n: Range) -> Iterator[tuple[int, Range, list[_Dealt]]]:
        """Column blocks with their row folds."""
        array = self._hardware.array
        rows = [(r, min(r + array.rows, m[1])) for r in range(*m, array.rows)]
        blocks = [(c, min(c + array.cols, n[1])) for c in range(*n, array.cols)]
        share = min(array.arrays, len(blocks) if self._deal_n else len(rows))
        for group in range(groups):
            base = (group % max(1, array.arrays // share)) * share
            for b, cols in enumerate(blocks):
                turns = [b if self._deal_n else r for r in range(len(rows))]
                first = [turn % share == 0 or not self._in_step for turn in turns]
                yield (
                    group,
                    cols,
                    [
                        _Dealt(
                            span,
                            base + turn % share,
                            reads_activations=reads or not self._deal_n,
                            reads_weights=reads or self._deal_n,
                        )
                        for span, turn, reads in zip(rows, turns, first, strict=True)
                    ],
                )

    def _run_fold(
        self,
        operands: GroupOperands,
        block: Block,
        cols: Range,
        dealt: _Dealt,
        later_k: bool,
        fresh: _Timer,
    ) -> None:
        recipe, tally, rows = self._recipe, self.tally, dealt.rows
        issued = steps_issued(operands.moving, *rows, block.ptr, block.edge_k, recipe.skip_waves)
        if recipe.weight_sparsity == "skip_rows":
            tally.metadata_decodes += block.slot_count
        if recipe.skip_waves:
            tally.metadata_decodes += len(block.slots)
        if not len(issued):
            return
        sums = np.zeros(4, np.int64)
        beats = self._beats(operands, block, rows, cols, issued, sums)
        height, width = rows[1] - rows[0], cols[1] - cols[0]
        for timer in (*self._timers, fresh):
            timer.append(dealt.array, beats, height, width, later_k)
        tally.add_multiplications(sums)
        self._count(block, issued, dealt, width, later_k)

    def _beats(self, operands: GroupOperands, block: Block, rows: Range, cols: Range, issued: Ints, sums: Ints) -> Ints:
        """Beats ``(lines, steps)`` of one fold; adds its multiplications to ``sums``."""
        array, recipe = self._hardware.array, self._recipe
        used = array.edge_folds == "used"
        width = cols[1] - cols[0]
        if recipe.transposed:
            lines = width if used else array.cols
            beats: Ints = column_beats(
                operands.resting,
                operands.resting_masks,
                cols[0],
                width,
                lines,
                issued,
                block.chosen,
                recipe.lanes,
                array.sync_cols,
                recipe.own_reach,
                recipe.idle_beat,
            )
            gates = (recipe.gate_moving, recipe.gate_resting)
            count_transposed(
                sums, beats, operands.moving, operands.resting, *rows, cols[0], width, issued, block.chosen,
                recipe.lanes,
                *gates,
            )  # fmt: skip
            return beats
        lines = rows[1] - rows[0] if used else array.rows
        edge = (block.ptr, block.edge_k)
        beats = row_beats(
            operands.moving,
            operands.moving_masks,
            *rows,
            lines,
            issued,
            *edge,
            block.edge_pair,
            block.other,
            array.sync_rows,
            recipe.pairs,
            recipe.own_reach,
            recipe.idle_beat,
        )
        per_edge = (block.edge_all, block.edge_nonzero)
        count_rows(
            sums, beats, operands.moving, *rows, issued, *edge, *per_edge, recipe.gate_moving, recipe.gate_resting
        )
        return beats

    def _count(self, block: Block, issued: Ints, dealt: _Dealt, cols: int, later_k: bool) -> None:
        """Add one fold's actions, its multiplications apart."""
        recipe, layer, tally, rows = self._recipe, self._layer, self.tally, dealt.rows[1] - dealt.rows[0]
        array, buffers = self._hardware.array, self._hardware.buffers
        edges = np.diff(block.ptr)[issued]
        slots = block.slots[issued]
        a_bits, w_bits = int(edges.sum()) * layer.a_bits, int(slots.sum()) * (layer.w_bits + recipe.index_bits)
        tally.operand_hop_bits += rows * cols * (a_bits + w_bits)
        tally.psum_hop_bits += len(issued) * rows * cols * array.acc_bits
        if array.fifo_depth > 1:
            pushes = rows * (cols - 1) * a_bits if recipe.transposed else cols * (rows - 1) * w_bits
            tally.fifo_push_bits += pushes
        if array.os_drain:
            height = rows if array.edge_folds == "used" else array.rows
            shadow = int(array.fold_overlap != "none")
            hops = sum(height - 1 - row + shadow for row in range(rows))
            tally.stationary_hop_bits += hops * cols * array.acc_bits
        if dealt.reads_activations:
            tally.a_bits_read += a_bits * rows
            tally.a_words += int((-(-edges * rows * layer.a_bits // buffers.activations.word_bits)).sum())
        if dealt.reads_weights:
            weight_bits = layer.w_bits + recipe.index_bits
            tally.w_bits_read += w_bits * cols
            tally.w_words += int((-(-slots * cols * weight_bits // buffers.weights.word_bits)).sum())
        words = rows * -(-cols * array.acc_bits // buffers.outputs.word_bits)
        tally.out_writes += rows * cols
        tally.out_write_words += words
        if later_k:
            tally.out_reads += rows * cols
            tally.out_read_words += words
