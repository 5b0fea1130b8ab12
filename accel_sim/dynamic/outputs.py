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
    edge_reads,
    fold_end,
    multiplier_cycles,
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
class _Alike:
    """What all folds with the same lines have in common: their end under each pace, and
    :func:`accel_sim.dynamic.output_kernel.multiplier_cycles`.
    """

    ends: tuple[int, ...]
    multiplier_cycles: int


@dataclass(frozen=True)
class _Dealt:
    """A row fold's rows, the array that gets it, and which operands are read for it, not for another array."""

    rows: Range
    array: int
    reads_activations: bool
    reads_weights: bool


@dataclass(frozen=True)
class _Fold:
    """One fold of a group: its k range and places, its rows with their array, its columns."""

    group: int
    k: Range
    block: Block
    dealt: _Dealt
    cols: Range

    @property
    def height(self) -> int:
        """Rows of outputs."""
        return self.dealt.rows[1] - self.dealt.rows[0]

    @property
    def width(self) -> int:
        """Columns of outputs."""
        return self.cols[1] - self.cols[0]


class _Timer:
    """The sequences of all arrays under one pace, from the beginning of the layer."""

    def __init__(self, hardware: Hardware, pace: Pace, *, transposed: bool) -> None:
        self._array, self.pace, self._transposed = hardware.array, pace, transposed
        self.chained = self._array.fold_overlap == "full"
        self._sequences = Sequences(self._array.arrays, min(OVERLAP_CODE[self._array.fold_overlap], 1), os=True)
        count = self._array.arrays if self.chained else 1
        self._chains = [new_chain(self._array.rows, self._array.cols, self._array.fifo_depth) for _ in range(count)]

    def run_chained(self, index: int, beats: Ints, rows: int, cols: int, later_k: bool) -> None:
        """Run one fold of ``rows × cols`` outputs on array ``index``, in the wake of the one before."""
        array, chain = self._array, self._chains[index]
        height, width = self._size(rows, cols)
        lines, across = (width, height) if self._transposed else (height, width)
        run_fold(beats, self.pace.beat_first, array.fifo_depth, True, chain)
        drain_chain(chain, lines, across, height, self._drain_row(later_k), array.os_drain, self._transposed)

    def append(self, index: int, end: int, rows: int, cols: int, later_k: bool) -> None:
        """Append a fold of ``rows × cols`` outputs whose last line is free in cycle ``end``, to array ``index``."""
        height, width = self._size(rows, cols)
        across = height if self._transposed else width
        drain = height * self._drain_row(later_k) if self._array.os_drain else 0
        self._sequences.append(index, np.array([end]), across - 1, 0, drain)

    def _size(self, rows: int, cols: int) -> tuple[int, int]:
        """PEs of a fold's latency."""
        array = self._array
        return (rows, cols) if array.edge_folds == "used" else (array.rows, array.cols)

    def _drain_row(self, later_k: bool) -> int:
        return self.pace.drain_row_later if later_k else self.pace.drain_row_first

    @property
    def end(self) -> int:
        """Cycle in which the slowest array is finished."""
        return max(int(chain_end(chain)) for chain in self._chains) if self.chained else self._sequences.end


class OutputTiles:
    """Time and counts of an os layer, tile after tile in the order in which they run."""

    def __init__(
        self, hardware: Hardware, layer: GemmLayer, recipe: Recipe, paced: Pace, ideal: Pace, deal_n: bool
    ) -> None:
        self._hardware, self._layer, self._recipe, self._deal_n = hardware, layer, recipe, deal_n
        self._paces = (paced,) if paced == ideal else (paced, ideal)
        self._timers = [self._new_timer(pace) for pace in self._paces]
        self._in_step = arrays_in_step(hardware.array, "n" if deal_n else "m")
        # Folds with the same lines take the same time and all multiplications: they are timed once.
        self._alike = recipe.done_in_full and recipe.same_in_all_blocks and hardware.array.fold_overlap != "full"
        self._timed: dict[tuple[int, Range, Range], _Alike] = {}
        self._timed_for: list[GroupOperands] | None = None
        self.tally = Tally()

    def _new_timer(self, pace: Pace) -> _Timer:
        return _Timer(self._hardware, pace, transposed=self._recipe.transposed)

    def run(self, operands: list[GroupOperands], m: Range, n: Range, k: Range, later_k: bool) -> tuple[int, int, int]:
        """Run one tile of some groups; returns (end so far, end so far without port limits, length from idle)."""
        if operands is not self._timed_for:
            self._timed, self._timed_for = {}, operands
        fresh = self._new_timer(self._paces[0])
        for group, cols, rows_of in self._units(len(operands), m, n):
            block = make_block(self._recipe, operands[group], "os", cols, k)
            if not block.slot_count:
                continue
            for dealt in rows_of:
                fold = _Fold(group, k, block, dealt, cols)
                if self._alike:
                    self._run_alike(operands[group], fold, later_k, fresh)
                else:
                    self._run_fold(operands[group], fold, later_k, fresh)
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

    def _run_alike(self, operands: GroupOperands, fold: _Fold, later_k: bool, fresh: _Timer) -> None:
        """Append a fold like others; the first of them is timed."""
        lines, across = (fold.cols, fold.dealt.rows) if self._recipe.transposed else (fold.dealt.rows, fold.cols)
        key = (fold.group, lines, fold.k)
        issued = np.arange(len(fold.block.slots))
        if key not in self._timed:
            beats = self._beats(operands, fold, issued)
            cycles = multiplier_cycles(beats, lines[1] - lines[0], issued, fold.block.slots)
            self._timed[key] = _Alike(self._ends(beats), int(cycles))
        timed = self._timed[key]
        self._append(fold, timed.ends, later_k, fresh)
        self.tally.effectual += fold.block.slot_count * fold.height * fold.width
        self.tally.multiplier_cycles += timed.multiplier_cycles * (across[1] - across[0])
        self._count(fold, issued, later_k)

    def _run_fold(self, operands: GroupOperands, fold: _Fold, later_k: bool, fresh: _Timer) -> None:
        recipe, tally, block = self._recipe, self.tally, fold.block
        issued = steps_issued(operands.moving, *fold.dealt.rows, block.ptr, block.edge_k, recipe.skip_waves)
        if recipe.weight_sparsity == "skip_rows":
            tally.metadata_decodes += block.slot_count
        if recipe.skip_waves:
            tally.metadata_decodes += len(block.slots)
        if not len(issued):
            return
        beats = self._beats(operands, fold, issued)
        if fresh.chained:
            for timer in (*self._timers, fresh):
                timer.run_chained(fold.dealt.array, beats, fold.height, fold.width, later_k)
        else:
            self._append(fold, self._ends(beats), later_k, fresh)
        self._count_multiplications(operands, fold, issued, beats)
        self._count(fold, issued, later_k)

    def _ends(self, beats: Ints) -> tuple[int, ...]:
        """First cycle in which a fold's last line is free, under each pace."""
        depth = self._hardware.array.fifo_depth
        return tuple(int(fold_end(beats, pace.beat_first, depth)) for pace in self._paces)

    def _append(self, fold: _Fold, ends: tuple[int, ...], later_k: bool, fresh: _Timer) -> None:
        for timer, end in ((fresh, ends[0]), *zip(self._timers, ends, strict=True)):
            timer.append(fold.dealt.array, end, fold.height, fold.width, later_k)

    def _beats(self, operands: GroupOperands, fold: _Fold, issued: Ints) -> Ints:
        """Beats ``(lines, steps)`` of one fold."""
        array, recipe, block = self._hardware.array, self._recipe, fold.block
        used = array.edge_folds == "used"
        beats: Ints
        if recipe.transposed:
            beats = column_beats(
                operands.resting,
                operands.resting_masks,
                fold.cols[0],
                fold.width,
                fold.width if used else array.cols,
                issued,
                block.chosen,
                recipe.lanes,
                array.sync_cols,
                recipe.own_reach,
                recipe.idle_beat,
            )
        else:
            beats = row_beats(
                operands.moving,
                operands.moving_masks,
                *fold.dealt.rows,
                fold.height if used else array.rows,
                issued,
                block.ptr,
                block.edge_k,
                block.edge_pair,
                block.other,
                array.sync_rows,
                recipe.pairs,
                recipe.own_reach,
                recipe.idle_beat,
            )
        return beats

    def _count_multiplications(self, operands: GroupOperands, fold: _Fold, issued: Ints, beats: Ints) -> None:
        recipe, block = self._recipe, fold.block
        gates = (recipe.gate_moving, recipe.gate_resting)
        sums = np.zeros(4, np.int64)
        if recipe.transposed:
            columns = (fold.cols[0], fold.width)
            slots = (issued, block.chosen, recipe.lanes)
            count_transposed(sums, beats, operands.moving, operands.resting, *fold.dealt.rows, *columns, *slots, *gates)
        else:
            edge = (block.ptr, block.edge_k, block.edge_all, block.edge_nonzero)
            count_rows(sums, beats, operands.moving, *fold.dealt.rows, issued, *edge, *gates)
        self.tally.add_multiplications(sums)

    def _count(self, fold: _Fold, issued: Ints, later_k: bool) -> None:
        """Add one fold's actions, its multiplications apart."""
        recipe, layer, tally, rows, cols = self._recipe, self._layer, self.tally, fold.height, fold.width
        array, buffers = self._hardware.array, self._hardware.buffers
        weight_bits = layer.w_bits + recipe.index_bits
        entries, slots, a_words, w_words = edge_reads(
            fold.block.ptr,
            fold.block.slots,
            issued,
            rows * layer.a_bits,
            buffers.activations.word_bits,
            cols * weight_bits,
            buffers.weights.word_bits,
        )
        a_bits, w_bits = int(entries) * layer.a_bits, int(slots) * weight_bits
        tally.operand_hop_bits += rows * cols * (a_bits + w_bits)
        tally.psum_hop_bits += len(issued) * rows * cols * array.acc_bits
        if array.fifo_depth > 1:
            pushes = rows * (cols - 1) * a_bits if recipe.transposed else cols * (rows - 1) * w_bits
            tally.fifo_push_bits += pushes
        if array.os_drain:
            height = rows if array.edge_folds == "used" else array.rows
            shadow = int(array.fold_overlap != "none")
            hops = rows * (height - 1 + shadow) - rows * (rows - 1) // 2  # row r passes the rows below it
            tally.stationary_hop_bits += hops * cols * array.acc_bits
        if fold.dealt.reads_activations:
            tally.a_bits_read += a_bits * rows
            tally.a_words += int(a_words)
        if fold.dealt.reads_weights:
            tally.w_bits_read += w_bits * cols
            tally.w_words += int(w_words)
        words = rows * -(-cols * array.acc_bits // buffers.outputs.word_bits)
        tally.out_writes += rows * cols
        tally.out_write_words += words
        if later_k:
            tally.out_reads += rows * cols
            tally.out_read_words += words
