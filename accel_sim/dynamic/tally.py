"""Counts of a data-dependent layer, added up tile by tile, in the terms of the energy model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.actions import finished_words
from accel_sim.counts import ArrayCounts
from accel_sim.dynamic.layout import Recipe
from accel_sim.dynamic.operand_sums_kernel import EFFECTUAL, GATED, GATED_CYCLES, MULTIPLIER_CYCLES, WORK
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import Tiling
from accel_sim.result import MacCounts, SramCounts, SramTraffic
from accel_sim.workload import GemmLayer

__all__ = ["Tally"]


@dataclass
class Tally:
    """Running sums; elements and words, not bytes."""

    effectual: int = 0
    gated: int = 0
    multiplier_cycles: int = 0
    busy_cycles: int = 0
    gated_cycles: int = 0
    operand_hop_bits: int = 0
    psum_hop_bits: int = 0
    stationary_hop_bits: int = 0
    fifo_push_bits: int = 0
    metadata_decodes: int = 0
    a_bits_read: int = 0
    a_words: int = 0
    w_bits_read: int = 0
    w_words: int = 0
    out_writes: int = 0
    out_write_words: int = 0
    out_reads: int = 0
    out_read_words: int = 0

    def add_multiplications(self, sums: NDArray[np.int64], cycles_per_piece: int) -> None:
        """Add what a kernel counted: effectual and gated multiplications, the multipliers' cycles of both, and the
        pieces that they work on, each for ``cycles_per_piece``.
        """
        self.effectual += int(sums[EFFECTUAL])
        self.gated += int(sums[GATED])
        self.multiplier_cycles += int(sums[MULTIPLIER_CYCLES])
        self.gated_cycles += int(sums[GATED_CYCLES])
        self.busy_cycles += int(sums[WORK]) * cycles_per_piece

    def array_counts(self, hardware: Hardware, layer: GemmLayer, recipe: Recipe, compute_cycles: int) -> ArrayCounts:
        """The sums as the array's actions."""
        multiplications = self.effectual + self.gated
        decodes = multiplications if recipe.weight_sparsity in {"n_m", "pack_columns"} else 0
        return ArrayCounts(
            macs=MacCounts(layer.macs, self.effectual, self.gated, layer.macs - multiplications),
            multiplier_cycles=self.multiplier_cycles,
            busy_cycles=self.busy_cycles,
            gated_cycles=self.gated_cycles,
            additions=multiplications,
            operand_hop_bits=self.operand_hop_bits,
            psum_hop_bits=self.psum_hop_bits,
            stationary_hop_bits=self.stationary_hop_bits,
            fifo_push_bits=self.fifo_push_bits,
            metadata_decodes=self.metadata_decodes + decodes,
            pe_cycles=hardware.pes * compute_cycles,
        )

    def edge_traffic(self, hardware: Hardware, layer: GemmLayer, tiling: Tiling) -> SramCounts:
        """The sums as SRAM traffic at the array's edges; every finished output is read once more."""
        acc_bytes = hardware.array.acc_bits / 8
        return SramCounts(
            activations=SramTraffic(read_bytes=self.a_bits_read / 8, word_reads=self.a_words),
            weights=SramTraffic(read_bytes=self.w_bits_read / 8, word_reads=self.w_words),
            outputs=SramTraffic(
                read_bytes=(self.out_reads + layer.output_elements) * acc_bytes,
                write_bytes=self.out_writes * acc_bytes,
                word_reads=self.out_read_words + finished_words(hardware, layer, tiling),
                word_writes=self.out_write_words,
            ),
        )
