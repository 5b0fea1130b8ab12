"""What one step, load or result of each K fold of a unit costs; times the steps issued, the counts of ws and is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.dynamic.layout import Recipe
from accel_sim.dynamic.tally import Tally
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["FoldSums", "fold_sums"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class FoldSums:
    """Per K fold, over all column blocks of a unit; bits and words.

    ``per_step``: bits and words read at the edge, hops of moving operands and partial sums, FIFO pushes. ``per_load``:
    bits and words read, hops on the way in. ``columns`` and ``out_words``: outputs of one step and their words.
    """

    edge_bits: Ints
    edge_words: Ints
    operand_hops: Ints
    psum_hops: Ints
    pushes: Ints
    load_bits: Ints
    load_words: Ints
    load_hops: Ints
    columns: int
    out_words: int
    slots: int
    blocks: int

    def add_to(
        self, tally: Tally, issued: Ints, steps: int, recipe: Recipe, *, later_k: bool, weights_move: bool, loads: bool
    ) -> None:
        """Add the actions of one tile in which each fold issues ``issued`` of ``steps`` steps.

        ``loads``: whether what rests is read from its SRAM, or is on the edge for another array.
        """
        runs = issued > 0
        tally.operand_hop_bits += int(issued @ self.operand_hops)
        tally.psum_hop_bits += int(issued @ self.psum_hops)
        tally.fifo_push_bits += int(issued @ self.pushes)
        tally.stationary_hop_bits += int(runs @ self.load_hops)
        moving = (int(issued @ self.edge_bits), int(issued @ self.edge_words))
        resting = (int(runs @ self.load_bits), int(runs @ self.load_words)) if loads else (0, 0)
        (a_bits, a_words), (w_bits, w_words) = (resting, moving) if weights_move else (moving, resting)
        tally.a_bits_read += a_bits
        tally.a_words += a_words
        tally.w_bits_read += w_bits
        tally.w_words += w_words
        written = int(issued.sum())
        updated = written if later_k else written - int(issued[:1].sum())
        tally.out_writes += written * self.columns
        tally.out_write_words += written * self.out_words
        tally.out_reads += updated * self.columns
        tally.out_read_words += updated * self.out_words
        if recipe.weight_sparsity == "skip_rows":
            tally.metadata_decodes += self.slots * self.blocks
        if recipe.skip_waves:
            tally.metadata_decodes += len(issued) * steps * self.blocks


def fold_sums(
    hardware: Hardware, layer: GemmLayer, recipe: Recipe, ptr: Ints, slots: Ints, widths: Sequence[int], reads: int
) -> FoldSums:
    """Work out the sums of a unit whose places have edges ``ptr`` and ``slots``, for blocks of these ``widths``.

    ``reads``: how often the moving operand is read for all blocks together.
    """
    array, buffers = hardware.array, hardware.buffers
    moving_bits, resting_bits = layer.a_bits, layer.w_bits + recipe.index_bits
    moving_word, resting_word = buffers.activations.word_bits, buffers.weights.word_bits
    if array.dataflow == "is":
        moving_bits, resting_bits = layer.w_bits, layer.a_bits
        moving_word, resting_word = resting_word, moving_word
    width = sum(widths)
    starts = np.arange(0, len(slots), array.rows)
    used = np.diff(np.append(starts, len(slots)))
    lines = used if array.edge_folds == "used" else np.full(len(starts), array.rows)
    edge_bits = np.diff(np.append(ptr[starts], ptr[-1])) * moving_bits
    row = np.arange(len(slots)) % array.rows + np.repeat(array.rows - lines, used)
    hops = (row + 1 + int(array.fold_overlap != "none")) * slots
    words = sum(times * -(-slots * w * resting_bits // resting_word) for w, times in Counter(widths).items())
    pushes = (lines - 1) * width * array.acc_bits if array.fifo_depth > 1 else np.zeros(len(starts), np.int64)
    return FoldSums(
        edge_bits=edge_bits * reads,
        edge_words=-(-edge_bits // moving_word) * reads,
        operand_hops=edge_bits * width,
        psum_hops=lines * width * array.acc_bits,
        pushes=pushes,
        load_bits=_per_fold(slots, starts) * width * resting_bits,
        load_words=_per_fold(np.asarray(words), starts),
        load_hops=_per_fold(hops, starts) * width * resting_bits,
        columns=width,
        out_words=sum(-(-w * array.acc_bits // buffers.outputs.word_bits) for w in widths),
        slots=int(slots.sum()),
        blocks=len(widths),
    )


def _per_fold(values: Ints, starts: Ints) -> Ints:
    sums: Ints = np.add.reduceat(values, starts) if len(starts) else np.zeros(0, np.int64)
    return sums
