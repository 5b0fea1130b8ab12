"""Tiles of ws and is whose time depends on values: blocks, K folds, sequences, counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.ports import Pace
from accel_sim.array.sequence_kernel import OVERLAP_CODE
from accel_sim.dynamic.layout import Block, GroupOperands, Recipe, make_block
from accel_sim.dynamic.sequence import Sequences
from accel_sim.dynamic.stationary_kernel import chain_end, new_chain, run_block
from accel_sim.dynamic.tally import Tally
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["StationaryTiles"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Span:
    """A tile in the dataflow's terms: time steps, columns, k."""

    steps: tuple[int, int]
    cols: tuple[int, int]
    ks: tuple[int, int]
    later_k: bool


class _Timer:
    """The sequences of all arrays under one pace, from the beginning of the layer."""

    def __init__(self, hardware: Hardware, pace: Pace) -> None:
        array = hardware.array
        self.pace = pace
        self.chained = array.fold_overlap == "full"
        self._load = array.rows * pace.load_row
        self._width = array.cols
        self._used = array.edge_folds == "used"
        self._sequences = Sequences(array.arrays, min(OVERLAP_CODE[array.fold_overlap], 1), os=False)
        self.chains = [new_chain(array.rows, array.fifo_depth) for _ in range(array.arrays if self.chained else 1)]

    def append(self, index: int, streams: Ints, cols: int) -> None:
        """Append one block's folds to array ``index``."""
        if self.chained:
            return
        tail = (cols if self._used else self._width) - 1
        for stream in streams:
            if stream:
                self._sequences.append(index, int(stream) + tail, self._load, 0)

    @property
    def end(self) -> int:
        """Cycle in which the slowest array is finished."""
        return max(int(chain_end(chain)) for chain in self.chains) if self.chained else self._sequences.end


class StationaryTiles:
    """Time and counts of a ws or is layer, tile after tile in the order in which they run."""

    def __init__(
        self, hardware: Hardware, layer: GemmLayer, recipe: Recipe, paced: Pace, ideal: Pace, deal_n: bool
    ) -> None:
        self._hardware, self._layer, self._recipe = hardware, layer, recipe
        self._is = hardware.array.dataflow == "is"
        self._deal_cols = deal_n != self._is  # otherwise chunks of the time steps are dealt
        self._paces = (paced,) if paced == ideal else (paced, ideal)
        self._timers = [_Timer(hardware, pace) for pace in self._paces]
        self.tally = Tally()

    def run(
        self, operands: list[GroupOperands], m: tuple[int, int], n: tuple[int, int], k: tuple[int, int], later_k: bool
    ) -> tuple[int, int, int]:
        """Run one tile of some groups; returns (end so far, end so far without port limits, length from idle)."""
        span = _Span(n if self._is else m, m if self._is else n, k, later_k)
        fresh = _Timer(self._hardware, self._paces[0])
        for group, steps, cols, array in self._units(len(operands), span):
            self._run_unit(operands[group], span, steps, cols, array, fresh)
        return self._timers[0].end, self._timers[-1].end, fresh.end

    def _units(self, groups: int, span: _Span) -> Iterator[tuple[int, tuple[int, int], tuple[int, int], int]]:
        """Column blocks (or chunks of the steps) in order, each with the array that gets it."""
        array = self._hardware.array
        blocks = [(c, min(c + array.cols, span.cols[1])) for c in range(*span.cols, array.cols)]
        chunks = [span.steps]
        if not self._deal_cols and array.arrays > 1:
            share = -(-(span.steps[1] - span.steps[0]) // array.arrays)
            chunks = [(t, min(t + share, span.steps[1])) for t in range(*span.steps, share)]
        width = len(blocks) if self._deal_cols else len(chunks)
        share = min(array.arrays, width)
        for group in range(groups):
            base = (group % max(1, array.arrays // share)) * share
            for b, cols in enumerate(blocks):
                for i, steps in enumerate(chunks):
                    yield group, steps, cols, base + (b if self._deal_cols else i) % share

    def _run_unit(
        self,
        operands: GroupOperands,
        span: _Span,
        steps: tuple[int, int],
        cols: tuple[int, int],
        array: int,
        fresh: _Timer,
    ) -> None:
        block = make_block(self._recipe, operands, self._hardware.array.dataflow, cols, span.ks)
        sums = np.zeros(4, np.int64)
        width = cols[1] - cols[0]
        streams, issued = self._kernel(operands, block, span, steps, width, self._timers[0], array, sums)
        self._timers[0].append(array, streams, width)
        if len(self._timers) > 1:
            ideal, _ = self._kernel(operands, block, span, steps, width, self._timers[1], array, np.zeros(4, np.int64))
            self._timers[1].append(array, ideal, width)
        if fresh.chained:
            self._kernel(operands, block, span, steps, width, fresh, array, np.zeros(4, np.int64))
        fresh.append(array, streams, width)
        self._count(block, issued, sums, span, steps, width)

    def _kernel(
        self,
        operands: GroupOperands,
        block: Block,
        span: _Span,
        steps: tuple[int, int],
        width: int,
        timer: _Timer,
        array_index: int,
        sums: Ints,
    ) -> tuple[Ints, Ints]:
        array, recipe, pace = self._hardware.array, self._recipe, timer.pace
        streams, issued = run_block(
            operands.moving,
            operands.moving_masks,
            *steps,
            block.ptr,
            block.edge_k,
            block.edge_all,
            block.edge_nonzero,
            block.edge_pair,
            block.other,
            array.rows,
            array.edge_folds == "used",
            array.sync_rows,
            array.fifo_depth,
            recipe.pairs,
            recipe.own_reach,
            recipe.gate_moving,
            recipe.gate_resting,
            recipe.skip_waves,
            recipe.idle_beat,
            pace.beat_first,
            pace.beat_later,
            span.later_k,
            timer.chained,
            timer.chains[array_index if timer.chained else 0],
            pace.load_row,
            width if array.edge_folds == "used" else array.cols,
            sums,
        )
        return streams, issued

    def _count(self, block: Block, issued: Ints, sums: Ints, span: _Span, steps: tuple[int, int], width: int) -> None:
        """Add one block's actions."""
        hardware, recipe, layer, tally = self._hardware, self._recipe, self._layer, self.tally
        array, buffers = hardware.array, hardware.buffers
        tally.effectual += int(sums[0])
        tally.gated += int(sums[1])
        tally.multiplier_cycles += int(sums[2])
        tally.gated_cycles += int(sums[3])
        moving_bits, resting_bits = layer.a_bits, layer.w_bits + recipe.index_bits
        moving_word, resting_word = buffers.activations.word_bits, buffers.weights.word_bits
        if self._is:
            moving_bits, resting_bits = layer.w_bits, layer.a_bits
            moving_word, resting_word = resting_word, moving_word
        if recipe.weight_sparsity == "skip_rows":
            tally.metadata_decodes += block.slot_count
        shadow = int(array.fold_overlap != "none")
        read_bits = read_words = load_bits = load_words = 0
        out_words = -(-width * array.acc_bits // buffers.outputs.word_bits)
        for fold, count in enumerate(int(c) for c in issued):
            if recipe.skip_waves:
                tally.metadata_decodes += steps[1] - steps[0]
            if not count:
                continue
            lo, hi = fold * array.rows, min(len(block.slots), (fold + 1) * array.rows)
            lines = hi - lo if array.edge_folds == "used" else array.rows
            edge_bits = int(block.ptr[hi] - block.ptr[lo]) * moving_bits
            tally.operand_hop_bits += count * edge_bits * width
            tally.psum_hop_bits += count * lines * width * array.acc_bits
            if array.fifo_depth > 1:
                tally.fifo_push_bits += count * (lines - 1) * width * array.acc_bits
            depth = np.arange(array.rows - lines if array.edge_folds == "used" else 0, array.rows)[: hi - lo]
            slots = block.slots[lo:hi]
            tally.stationary_hop_bits += int(((depth + 1 + shadow) * slots).sum()) * width * resting_bits
            read_bits += count * edge_bits
            read_words += count * -(-edge_bits // moving_word)
            load_bits += int(slots.sum()) * width * resting_bits
            load_words += int((-(-slots * width * resting_bits // resting_word)).sum())
            tally.out_writes += count * width
            tally.out_write_words += count * out_words
            if fold or span.later_k:
                tally.out_reads += count * width
                tally.out_read_words += count * out_words
        if self._is:
            tally.w_bits_read += read_bits
            tally.w_words += read_words
            tally.a_bits_read += load_bits
            tally.a_words += load_words
        else:
            tally.a_bits_read += read_bits
            tally.a_words += read_words
            tally.w_bits_read += load_bits
            tally.w_words += load_words
