"""Tiles of os whose time depends on values: column blocks, row folds, sequences."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.banks import BankWalk
from accel_sim.array.beats import arrays_in_step
from accel_sim.array.output_chain_kernel import chain_end, drain_chain, new_chain, run_fold
from accel_sim.array.ports import Pace
from accel_sim.array.sequence_kernel import OVERLAP_CODE
from accel_sim.dynamic.layout import GroupOperands, Recipe, make_block
from accel_sim.dynamic.operand_sums_kernel import add_constant_beats, column_sums, paired_sum
from accel_sim.dynamic.output_counts import Columns, OutputCounts, Rows
from accel_sim.dynamic.output_kernel import (
    column_beats,
    fold_end,
    multiplier_cycles,
    row_beats,
    steps_issued,
)
from accel_sim.dynamic.sequence import Sequences
from accel_sim.dynamic.waves import OutputWaves
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["OutputTiles"]

Ints = NDArray[np.int64]
Range = tuple[int, int]
Waves = tuple[Ints, int]


@dataclass(frozen=True)
class _Unit:
    """Row folds over one column block of one group."""

    group: int
    k: Range
    m: Range
    columns: Columns
    rows: tuple[Rows, ...]


@dataclass(frozen=True)
class _Alike:
    """What units with the same beats have in common: ends ``(paces, folds)`` of their folds' last lines, and the
    :func:`accel_sim.dynamic.output_kernel.multiplier_cycles` of each.
    """

    ends: Ints
    multiplier_cycles: Ints


class _Timer:
    """The sequences of all arrays under one pace, from the beginning of the layer."""

    def __init__(self, hardware: Hardware, pace: Pace, *, transposed: bool, limited: bool) -> None:
        self._array, self.pace, self._transposed, self.limited = hardware.array, pace, transposed, limited
        self.chained = self._array.fold_overlap == "full"
        self._sequences = Sequences(self._array.arrays, min(OVERLAP_CODE[self._array.fold_overlap], 1), os=True)
        count = self._array.arrays if self.chained else 1
        self._chains = [new_chain(self._array.rows, self._array.cols, self._array.fifo_depth) for _ in range(count)]

    def run_chained(self, index: int, beats: Ints, shortest: Ints, rows: int, cols: int, later_k: bool) -> None:
        """Run one fold of ``rows × cols`` outputs on array ``index``, in the wake of the one before."""
        array, chain = self._array, self._chains[index]
        height, width = self._size(rows, cols)
        lines, across = (width, height) if self._transposed else (height, width)
        run_fold(beats, shortest, array.fifo_depth, chain)
        drain_chain(chain, lines, across, height, self._drain_row(later_k), array.os_drain, self._transposed)

    def append(self, index: int, ends: Ints, rows: int, cols: int, later_k: bool) -> None:
        """Append folds of ``rows × cols`` outputs whose last lines are free in cycles ``ends``, to array ``index``."""
        height, width = self._size(rows, cols)
        across = height if self._transposed else width
        drain = height * self._drain_row(later_k) if self._array.os_drain else 0
        self._sequences.append(index, ends, across - 1, np.zeros_like(ends), drain)

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
        self,
        hardware: Hardware,
        layer: GemmLayer,
        recipe: Recipe,
        paced: Pace,
        ideal: Pace,
        deal_n: bool,
        walk: BankWalk | None = None,
    ) -> None:
        self._hardware, self._recipe, self._deal_n = hardware, recipe, deal_n
        self._paces = (paced,) if paced == ideal and walk is None else (paced, ideal)
        self._timers = [self._new_timer(pace, limited=i == 0) for i, pace in enumerate(self._paces)]
        self._waves = OutputWaves(walk)
        self._first_group = 0
        self._in_step = arrays_in_step(hardware.array, "n" if deal_n else "m")
        alone = hardware.array.fold_overlap != "full"
        # Beats that are all the same need no recurrence.
        by_fold = recipe.skip_waves or walk is not None
        self._constant = alone and recipe.constant_beats and not by_fold
        gates = recipe.gate_moving or recipe.gate_resting
        self._constant_steps = alone and recipe.constant_beats and by_fold and not gates
        # Folds with the same beats take the same time and all multiplications: they are timed once.
        self._alike = alone and recipe.multiplies_all and recipe.own_decides and walk is None
        self._columns: dict[tuple[int, Range, Range], Columns] = {}
        self._timed: dict[Hashable, _Alike] = {}
        self._moving_sums: dict[tuple[int, Range], tuple[Ints, Ints]] = {}
        self._held_for: list[GroupOperands] | None = None
        self._counts = OutputCounts(hardware, layer, recipe)
        self.tally = self._counts.tally

    def _new_timer(self, pace: Pace, *, limited: bool) -> _Timer:
        return _Timer(self._hardware, pace, transposed=self._recipe.transposed, limited=limited)

    def run(
        self, first_group: int, operands: list[GroupOperands], m: Range, n: Range, k: Range, later_k: bool
    ) -> tuple[int, int, int]:
        """Run one tile of some groups; returns (end so far, end so far without port limits, length from idle)."""
        if operands is not self._held_for:
            self._columns, self._timed, self._moving_sums, self._held_for = {}, {}, {}, operands
            self._waves.forget()
        self._first_group = first_group
        fresh = self._new_timer(self._paces[0], limited=True)
        for unit in self._units(operands, m, n, k):
            self._run_unit(operands[unit.group], unit, later_k, fresh)
        return self._timers[0].end, self._timers[-1].end, fresh.end

    def _units(self, operands: list[GroupOperands], m: Range, n: Range, k: Range) -> Iterator[_Unit]:
        """Column blocks that have places, with their row folds."""
        array = self._hardware.array
        heights = [min(array.rows, m[1] - r) for r in range(*m, array.rows)]
        blocks = [(c, min(c + array.cols, n[1])) for c in range(*n, array.cols)]
        share = min(array.arrays, len(blocks) if self._deal_n else len(heights))
        for group in range(len(operands)):
            base = (group % max(1, array.arrays // share)) * share
            for b, cols in enumerate(blocks):
                turns = [b] * len(heights) if self._deal_n else list(range(len(heights)))
                columns = self._lay(operands[group], group, cols, k)
                if columns.block.slot_count:
                    yield _Unit(group, k, m, columns, tuple(self._rows(heights, turns, share, base)))

    def _rows(self, heights: list[int], turns: list[int], share: int, base: int) -> Iterator[Rows]:
        """Row folds with the arrays that get them; ``turns``: their turn, of which each has ``share``."""
        dealt = [
            (height, base + turn % share, turn % share == 0 or not self._in_step)
            for height, turn in zip(heights, turns, strict=True)
        ]
        first = 0
        for (height, index, reads), equal in groupby(dealt):
            count = len(list(equal))
            shared = count if reads else 0
            reads_a, reads_w = (shared, count) if self._deal_n else (count, shared)
            yield Rows(first, height, count, index, reads_a, reads_w)
            first += count

    def _lay(self, operands: GroupOperands, group: int, cols: Range, k: Range) -> Columns:
        """The places of a column block; remembered, since tiles along m share them."""
        key = (group, cols, k)
        if key not in self._columns:
            recipe = self._recipe
            block = make_block(recipe, operands, "os", cols, k)
            alike: Hashable = None
            if recipe.transposed:
                alike = cols
            elif recipe.weight_sparsity == "skip_rows":
                alike = block.edge_k.tobytes()
            self._columns[key] = Columns(cols, block, alike, {})
        return self._columns[key]

    def _run_unit(self, operands: GroupOperands, unit: _Unit, later_k: bool, fresh: _Timer) -> None:
        if self._constant:
            self._run_constant(operands, unit, later_k, fresh)
        elif self._alike:
            self._run_alike(operands, unit, later_k, fresh)
        else:
            self._run_folds(operands, unit, later_k, fresh)
        block, recipe = unit.columns.block, self._recipe
        if recipe.weight_sparsity == "skip_rows":
            self.tally.metadata_decodes += block.slot_count * sum(rows.count for rows in unit.rows)
        if not recipe.skip_waves:
            _, work = self._sums_of_moving(operands, unit)
            self.tally.busy_cycles += int(paired_sum(work, block.edge_work, block.edge_k)) * recipe.fixed_beat

    def _sums_of_moving(self, operands: GroupOperands, unit: _Unit) -> tuple[Ints, Ints]:
        """:func:`accel_sim.dynamic.operand_sums_kernel.column_sums` over the unit's rows; remembered."""
        key = (unit.group, unit.m)
        if key not in self._moving_sums:
            self._moving_sums[key] = column_sums(operands.moving, *unit.m, self._recipe.gate_moving)
        return self._moving_sums[key]

    def _run_constant(self, operands: GroupOperands, unit: _Unit, later_k: bool, fresh: _Timer) -> None:
        """Append folds whose beats are all the same."""
        recipe, block, beat = self._recipe, unit.columns.block, self._recipe.idle_beat
        for rows in unit.rows:
            ends = self._constant_ends(unit.columns, rows, len(block.slots))
            self._append(unit.columns, rows, ends, later_k, fresh)
            self._counts.add_folds(
                unit.columns, rows, self._counts.reads(unit.columns, rows.height), len(block.slots), later_k
            )
        sums = np.zeros(5, np.int64)
        nonzero, _ = self._sums_of_moving(operands, unit)
        edges = (block.edge_k, block.edge_all, block.edge_nonzero)
        gates = (recipe.gate_moving, recipe.gate_resting)
        add_constant_beats(sums, nonzero, unit.m[1] - unit.m[0], beat, *edges, *gates)
        self.tally.add_multiplications(sums, recipe.fixed_beat)

    def _run_alike(self, operands: GroupOperands, unit: _Unit, later_k: bool, fresh: _Timer) -> None:
        """Append folds like others; the first of them are timed."""
        columns, transposed = unit.columns, self._recipe.transposed
        block = columns.block
        issued = np.arange(len(block.slots))
        for rows in unit.rows:
            place = rows.height if transposed else (unit.m, rows)
            key = (unit.group, unit.k, columns.alike, place)
            if key not in self._timed:
                spans = self._spans(unit, rows)[: 1 if transposed else None]
                beats = [self._beats(operands, columns, span, issued) for span in spans]
                lines = columns.width if transposed else rows.height
                cycles = [multiplier_cycles(of_fold, lines, issued, block.slots) for of_fold in beats]
                ends = np.array([self._ends(of_fold, None) for of_fold in beats]).T
                self._timed[key] = _Alike(np.ascontiguousarray(ends), np.array(cycles))
            timed = self._timed[key]
            ends = np.broadcast_to(timed.ends, (len(self._paces), rows.count))
            self._append(columns, rows, np.ascontiguousarray(ends), later_k, fresh)
            across = rows.height * rows.count if transposed else columns.width
            self.tally.multiplier_cycles += int(timed.multiplier_cycles.sum()) * across
            self.tally.effectual += block.slot_count * rows.height * rows.count * columns.width
            self._counts.add_folds(columns, rows, self._counts.reads(columns, rows.height), len(issued), later_k)

    def _run_folds(self, operands: GroupOperands, unit: _Unit, later_k: bool, fresh: _Timer) -> None:
        """Append folds of which each takes its own time."""
        for rows in unit.rows:
            for i, span in enumerate(self._spans(unit, rows)):
                one = replace(
                    rows,
                    count=1,
                    reads_activations=int(i < rows.reads_activations),
                    reads_weights=int(i < rows.reads_weights),
                )
                self._run_fold(operands, unit, span, one, later_k, fresh)

    def _spans(self, unit: _Unit, rows: Rows) -> list[Range]:
        """The rows of outputs of each fold."""
        height = self._hardware.array.rows
        starts = [unit.m[0] + (rows.first + i) * height for i in range(rows.count)]
        return [(start, start + rows.height) for start in starts]

    def _run_fold(
        self, operands: GroupOperands, unit: _Unit, span: Range, rows: Rows, later_k: bool, fresh: _Timer
    ) -> None:
        recipe, tally, columns = self._recipe, self.tally, unit.columns
        block = columns.block
        issued = steps_issued(operands.moving, *span, block.ptr, block.edge_k, recipe.skip_waves)
        if recipe.skip_waves:
            tally.metadata_decodes += len(block.slots)
        if not len(issued):
            return
        reads = self._counts.edge_reads(columns, rows.height, issued)
        places = (None if recipe.same_in_all_blocks else columns.span, unit.k)
        waves = self._waves.of_fold(self._first_group + unit.group, span, places, block.ptr, block.edge_k, issued)
        if waves is not None:
            reads = reads._replace(a_words=waves[1])
        if self._constant_steps:
            self._append(columns, rows, self._constant_ends(columns, rows, len(issued), waves), later_k, fresh)
            multiplications = reads.slots * rows.height * columns.width
            tally.effectual += multiplications
            tally.multiplier_cycles += multiplications * recipe.idle_beat
            if recipe.skip_waves:  # else the unit's are counted at once
                tally.busy_cycles += multiplications * recipe.idle_beat
            self._counts.add_folds(columns, rows, reads, len(issued), later_k)
            return
        beats = self._beats(operands, columns, span, issued)
        if fresh.chained:
            by_line = np.ascontiguousarray(beats.T, np.int64)
            for timer in (*self._timers, fresh):
                shortest = _shortest(timer.pace, len(issued), waves if timer.limited else None)
                timer.run_chained(rows.array, by_line, shortest, rows.height, columns.width, later_k)
        else:
            self._append(columns, rows, np.array(self._ends(beats, waves))[:, None], later_k, fresh)
        self._counts.add_multiplications(operands, columns, span, issued, beats)
        self._counts.add_folds(columns, rows, reads, len(issued), later_k)

    def _ends(self, beats: Ints, waves: Waves | None) -> tuple[int, ...]:
        """First cycle in which a fold's last line is free, under each pace."""
        depth = self._hardware.array.fifo_depth
        return tuple(int(fold_end(beats, shortest, depth)) for shortest in self._shortest(len(beats), waves))

    def _constant_ends(self, columns: Columns, rows: Rows, steps: int, waves: Waves | None = None) -> Ints:
        """:meth:`_ends` ``(paces, folds)`` of folds that issue ``steps`` steps whose beats are all the same."""
        lines, beat = self._lines(columns, rows), self._recipe.idle_beat
        ends = [np.maximum(beat, shortest).sum() + lines - 1 for shortest in self._shortest(steps, waves)]
        return np.repeat(np.array(ends)[:, None], rows.count, axis=1)

    def _shortest(self, steps: int, waves: Waves | None) -> list[Ints]:
        """Shortest beats of the steps of a fold, under each pace."""
        timed = zip(self._timers, self._paces, strict=True)
        return [_shortest(pace, steps, waves if timer.limited else None) for timer, pace in timed]

    def _append(self, columns: Columns, rows: Rows, ends: Ints, later_k: bool, fresh: _Timer) -> None:
        """Append folds whose last lines are free in the cycles ``ends (paces, folds)``."""
        for timer, of_folds in ((fresh, ends[0]), *zip(self._timers, ends, strict=True)):
            timer.append(rows.array, of_folds, rows.height, columns.width, later_k)

    def _lines(self, columns: Columns, rows: Rows) -> int:
        """Lines of a fold's latency."""
        array = self._hardware.array
        if array.edge_folds == "used":
            return columns.width if self._recipe.transposed else rows.height
        return array.cols if self._recipe.transposed else array.rows

    def _beats(self, operands: GroupOperands, columns: Columns, span: Range, issued: Ints) -> Ints:
        """Beats ``(steps, lines)`` of one fold."""
        array, recipe, block = self._hardware.array, self._recipe, columns.block
        used = array.edge_folds == "used"
        beats: Ints
        if recipe.transposed:
            beats = column_beats(
                operands.resting,
                operands.resting_masks,
                columns.span[0],
                columns.width,
                columns.width if used else array.cols,
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
                *span,
                span[1] - span[0] if used else array.rows,
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


def _shortest(pace: Pace, steps: int, waves: Waves | None) -> Ints:
    """Shortest beats of a fold's steps: by the ports, and by the banks that its waves find."""
    ports = np.full(steps, pace.beat_first)
    return ports if waves is None else np.maximum(ports, waves[0])
