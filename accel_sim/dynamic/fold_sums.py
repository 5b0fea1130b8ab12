"""What one step, load or result of each K fold of a unit costs; times the steps issued, the counts of ws and is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import hop_bits
from accel_sim.dynamic.fold_sums_kernel import EDGE_WORDS, LOAD_WORDS, per_fold
from accel_sim.dynamic.layout import Recipe
from accel_sim.dynamic.tally import Tally
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["FoldSums", "fold_sums"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class FoldSums:
    """Per K fold, over all column blocks of a unit; bits and words.

    ``per_step (5, folds)``: bits and words read at the edge, hops of moving operands and partial sums, FIFO pushes.
    ``per_load (3, folds)``: bits and words read, hops on the way in. ``columns`` and ``out_words``: outputs of one step
    and their words.
    """

    per_step: Ints
    per_load: Ints
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
        edge_bits, edge_words, operand_hops, psum_hops, pushes = (self.per_step @ issued).tolist()
        load_bits, load_words, load_hops = (self.per_load @ (issued > 0)).tolist()
        tally.operand_hop_bits += operand_hops
        tally.psum_hop_bits += psum_hops
        tally.fifo_push_bits += pushes
        tally.stationary_hop_bits += load_hops
        moving = (edge_bits, edge_words)
        resting = (load_bits, load_words) if loads else (0, 0)
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

    def activation_words(self, issued: Ints, *, weights_move: bool, loads: bool) -> int:
        """The words of activations that :meth:`add_to` adds."""
        if weights_move:
            return int(self.per_load[LOAD_WORDS] @ (issued > 0)) if loads else 0
        return int(self.per_step[EDGE_WORDS] @ issued)


def fold_sums(
    hardware: Hardware, layer: GemmLayer, recipe: Recipe, ptr: Ints, slots: Ints, widths: Sequence[int], reads: int
) -> FoldSums:
    """Work out the sums of a unit whose places have edges ``ptr`` and ``slots``, for blocks of these ``widths``.

    ``reads``: how often the moving operand is read for all blocks together.
    """
    array, buffers = hardware.array, hardware.buffers
    hops = sum(hop_bits(array, layer.a_bits, layer.w_bits))  # one of the two rests
    moving = (layer.a_bits, hops, buffers.activations.word_bits)
    resting = (layer.w_bits + recipe.index_bits, buffers.weights.word_bits)
    if array.dataflow == "is":
        moving, resting = (layer.w_bits, hops, buffers.weights.word_bits), (layer.a_bits, buffers.activations.word_bits)
    per_step, per_load = per_fold(
        ptr,
        slots,
        np.array(widths),
        reads,
        array.rows,
        array.edge_folds == "used",
        array.fold_overlap != "none",
        array.acc_bits,
        array.acc_bits if array.fifo_depth > 1 else 0,
        *moving,
        *resting,
    )
    return FoldSums(
        per_step=per_step,
        per_load=per_load,
        columns=sum(widths),
        out_words=sum(-(-w * array.acc_bits // buffers.outputs.word_bits) for w in widths),
        slots=int(slots.sum()),
        blocks=len(widths),
    )
