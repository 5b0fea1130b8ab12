"""What the folds read from and write to the SRAMs at the array's edges, counted fold by fold.

* The edges read every step's operands, in words that no two steps share; a load reads each PE row's tile (ws, is).
* Results are written by fold; a fold of later k reads them back first. A finished output is read once more, in
  the words in which it was written.
* Arrays in step (:func:`accel_sim.array.beats.arrays_in_step`) read the operand that they share once per round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.beats import arrays_in_step
from accel_sim.hardware.schema import Hardware
from accel_sim.mapping.tiling import TileRange
from accel_sim.reference.banks import FoldWaves
from accel_sim.reference.deal import DealtFold, DealtTile, Place
from accel_sim.reference.folds import Fold
from accel_sim.result import SramCounts, SramTraffic
from accel_sim.workload import GemmLayer

__all__ = ["EdgeTraffic"]


@dataclass
class _Port:
    """Bits and words that crossed one SRAM's read or write port."""

    word_bits: int
    bits: int = 0
    words: int = 0

    def move(self, bits: int, times: int = 1) -> None:
        """``bits`` at once, ``times`` times."""
        self.bits += bits * times
        self.words += -(-bits // self.word_bits) * times

    def move_each(self, bits: NDArray[np.int64]) -> None:
        """Each number of ``bits`` at once."""
        self.bits += int(bits.sum())
        self.words += int((-(-bits // self.word_bits)).sum())


class EdgeTraffic:
    """Running counts of one layer."""

    def __init__(self, hardware: Hardware, layer: GemmLayer, array_dim: str, index_bits: int) -> None:
        buffers = hardware.buffers
        self._layer, self._acc_bits, self._dataflow = layer, hardware.array.acc_bits, hardware.array.dataflow
        self._cols = hardware.array.cols
        self._activations, self._weights = _Port(buffers.activations.word_bits), _Port(buffers.weights.word_bits)
        self._reads, self._writes = _Port(buffers.outputs.word_bits), _Port(buffers.outputs.word_bits)
        self._w_bits = layer.w_bits + index_bits
        in_step = arrays_in_step(hardware.array, array_dim)
        self._shares_activations, self._shares_weights = in_step and array_dim == "n", in_step and array_dim == "m"

    def add(self, tile: TileRange, dealt: DealtTile, waves: Sequence[FoldWaves] | None = None) -> None:
        """Count one tile; where there are ``waves``, one for each fold, activations are read in their words."""
        seen: set[tuple[str, Place]] = set()
        for number, one in enumerate(dealt.folds):
            reads_a = self._is_first(seen, "a", one, shared=self._shares_activations)
            reads_w = self._is_first(seen, "w", one, shared=self._shares_weights)
            words = self._activations.words
            if self._dataflow == "os":
                self._add_output_stationary(one.fold, reads_a, reads_w)
            elif self._dataflow == "ws":
                self._add_stationary(
                    one.fold,
                    (self._activations, self._layer.a_bits, reads_a),
                    (self._weights, self._w_bits, reads_w),
                )
            else:
                self._add_stationary(
                    one.fold,
                    (self._weights, self._layer.w_bits, reads_w),
                    (self._activations, self._layer.a_bits, reads_a),
                )
            if waves is not None:
                self._activations.words = words + (waves[number].words if reads_a else 0)
        if tile.k[1] == self._layer.k:
            self._add_finished(tile)

    @staticmethod
    def _is_first(seen: set[tuple[str, Place]], operand: str, one: DealtFold, *, shared: bool) -> bool:
        """Whether the operand is not on the edges yet, read for another array of the round."""
        key = (operand, one.round_place if shared else one.place)
        if key in seen:
            return False
        seen.add(key)
        return True

    def _add_stationary(self, fold: Fold, moving: tuple[_Port, int, bool], resting: tuple[_Port, int, bool]) -> None:
        port, bits, reads = moving
        if reads:
            port.move(int((fold.tile.edge >= 0).sum()) * bits, len(fold.steps))
        port, bits, reads = resting
        if reads:
            port.move_each((fold.tile.select >= 0).sum(axis=(1, 2)) * bits)
        self._add_results(fold, len(fold.steps))

    def _add_output_stationary(self, fold: Fold, reads_a: bool, reads_w: bool) -> None:
        if reads_a:
            edges = (fold.tile.edge >= 0).sum(axis=1)[fold.steps]
            self._activations.move_each(edges * len(fold.rows) * self._layer.a_bits)
        if reads_w:
            pairs = (fold.tile.select >= 0).sum(axis=(1, 2))[fold.steps]
            self._weights.move_each(pairs * self._w_bits)
        self._add_results(fold, len(fold.rows))

    def _add_results(self, fold: Fold, rows: int) -> None:
        bits = len(fold.cols) * self._acc_bits
        self._writes.move(bits, rows)
        if fold.later_k:
            self._reads.move(bits, rows)

    def _add_finished(self, tile: TileRange) -> None:
        rows, cols = (tile.n, tile.m) if self._dataflow == "is" else (tile.m, tile.n)
        groups = tile.groups[1] - tile.groups[0]
        for first in range(*cols, self._cols):
            width = min(self._cols, cols[1] - first)
            self._reads.move(width * self._acc_bits, groups * (rows[1] - rows[0]))

    def counts(self) -> SramCounts:
        """The counts so far."""
        return SramCounts(
            activations=SramTraffic(read_bytes=self._activations.bits / 8, word_reads=self._activations.words),
            weights=SramTraffic(read_bytes=self._weights.bits / 8, word_reads=self._weights.words),
            outputs=SramTraffic(
                read_bytes=self._reads.bits / 8,
                write_bytes=self._writes.bits / 8,
                word_reads=self._reads.words,
                word_writes=self._writes.words,
            ),
        )
