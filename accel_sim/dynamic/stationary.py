"""Tiles of ws and is whose time depends on values: column blocks, K folds, sequences, counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.banks import BankWalk
from accel_sim.array.beats import arrays_in_step
from accel_sim.array.ports import Pace
from accel_sim.array.sequence_kernel import OVERLAP_CODE
from accel_sim.array.stationary_chain_kernel import new_stationary_chain, stationary_chain_end
from accel_sim.dynamic.fold_sums import FoldSums, fold_sums
from accel_sim.dynamic.layout import Block, GroupOperands, Recipe, make_block
from accel_sim.dynamic.operand_sums_kernel import WORK, add_constant_beats, column_sums, paired_sum
from accel_sim.dynamic.sequence import Sequences
from accel_sim.dynamic.stationary_kernel import constant_streams, run_block
from accel_sim.dynamic.tally import Tally
from accel_sim.dynamic.waves import StationaryWaves, UnitWaves
from accel_sim.hardware.schema import Hardware
from accel_sim.workload import GemmLayer

__all__ = ["StationaryTiles"]

Ints = NDArray[np.int64]
Range = tuple[int, int]
_CHAINS = 3  # the most sequences at once: two paces, and one from idle; the kernel is compiled for this number


@dataclass(frozen=True)
class _Unit:
    """Column blocks of one group that take the same time, each with the array that gets it, over some time steps.

    ``reads``: how often the moving operand is read for all blocks together; ``loads``: whether what rests is read for
    them, or was for another array.
    """

    group: int
    steps: Range
    members: tuple[tuple[Range, int], ...]
    reads: int
    loads: bool

    @property
    def cols(self) -> Range:
        """Columns of all blocks."""
        return self.members[0][0][0], self.members[-1][0][1]

    @property
    def widths(self) -> list[int]:
        """Columns of each block."""
        return [cols[1] - cols[0] for cols, _ in self.members]


class _Timer:
    """The sequences of all arrays under one pace, from the beginning of the layer."""

    def __init__(self, hardware: Hardware, pace: Pace, *, limited: bool) -> None:
        array = hardware.array
        self.pace, self.limited = pace, limited
        self.chained = array.fold_overlap == "full"
        self._rows = array.rows
        self._width = array.cols
        self._used = array.edge_folds == "used"
        self._sequences = Sequences(array.arrays, min(OVERLAP_CODE[array.fold_overlap], 1), os=False)
        self.chains = [
            new_stationary_chain(array.rows, array.fifo_depth) for _ in range(array.arrays if self.chained else 1)
        ]

    def append(self, unit: _Unit, streams: Ints, load_rows: Ints) -> None:
        """Append the folds of each of a unit's blocks to the array that gets it; a row of their loads takes
        ``load_rows`` cycles.
        """
        if self.chained:  # the kernel has moved the chain
            return
        dealt = ((index, cols[1] - cols[0] if self._used else self._width) for cols, index in unit.members)
        for (index, width), equal in groupby(dealt):
            self._sequences.append(index, streams, width - 1, self._rows * load_rows, 0, len(list(equal)))

    @property
    def end(self) -> int:
        """Cycle in which the slowest array is finished."""
        return max(int(stationary_chain_end(chain)) for chain in self.chains) if self.chained else self._sequences.end


@dataclass(frozen=True, eq=False)
class _Ready:
    """A unit with all that its folds need: operands, places, waves, and the sequences that it is appended to."""

    operands: GroupOperands
    block: Block
    unit: _Unit
    waves: UnitWaves
    later_k: bool
    timers: Sequence[_Timer]


class StationaryTiles:
    """Time and counts of a ws or is layer, tile after tile in the order in which they run."""

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
        array = hardware.array
        self._hardware, self._layer, self._recipe = hardware, layer, recipe
        self._is = array.dataflow == "is"
        self._deal_cols = deal_n != self._is  # otherwise chunks of the time steps are dealt
        self._in_step = arrays_in_step(array, "n" if deal_n else "m")
        self._paces = (paced,) if paced == ideal and walk is None else (paced, ideal)
        self._timers = [_Timer(hardware, pace, limited=i == 0) for i, pace in enumerate(self._paces)]
        self._waves = StationaryWaves(walk, array.rows, loads=self._is)
        apart = walk is not None and self._is  # each block's load has addresses of its own
        self._all_blocks_alike = recipe.same_in_all_blocks and array.fold_overlap != "full" and not apart
        # Folds by themselves whose beats are all the same need no recurrence.
        self._constant = recipe.constant_beats and not recipe.skip_waves and array.fold_overlap != "full"
        self._held: dict[tuple[int, Range, Range], tuple[Block, FoldSums]] = {}
        self._moving_sums: dict[tuple[int, Range], tuple[Ints, Ints]] = {}
        self._held_for: list[GroupOperands] | None = None
        self._first_group = 0
        self.tally = Tally()

    def run(
        self, first_group: int, operands: list[GroupOperands], m: Range, n: Range, k: Range, later_k: bool
    ) -> tuple[int, int, int]:
        """Run one tile of some groups; returns (end so far, end so far without port limits, length from idle)."""
        if operands is not self._held_for:
            self._held, self._moving_sums, self._held_for = {}, {}, operands
            self._waves.forget()
        self._first_group = first_group
        fresh = _Timer(self._hardware, self._paces[0], limited=True)
        for unit in self._units(len(operands), *((n, m) if self._is else (m, n))):
            self._run_unit(operands[unit.group], unit, k, later_k, fresh)
        return self._timers[0].end, self._timers[-1].end, fresh.end

    def _units(self, groups: int, steps: Range, cols: Range) -> Iterator[_Unit]:
        """Units in order: column blocks, with the arrays that get their folds (or chunks of their time steps)."""
        array = self._hardware.array
        blocks = [(c, min(c + array.cols, cols[1])) for c in range(*cols, array.cols)]
        chunks = [steps]
        if not self._deal_cols and array.arrays > 1:
            share = -(-(steps[1] - steps[0]) // array.arrays)
            chunks = [(t, min(t + share, steps[1])) for t in range(*steps, share)]
        share = min(array.arrays, len(blocks) if self._deal_cols else len(chunks))
        for group in range(groups):
            base = (group % max(1, array.arrays // share)) * share
            turns = [b % share if self._deal_cols else 0 for b in range(len(blocks))]
            dealt = list(zip(blocks, turns, strict=True))
            for members in [dealt] if self._all_blocks_alike else [[one] for one in dealt]:
                first_in_round = sum(turn == 0 for _, turn in members)
                reads = first_in_round if self._deal_cols and self._in_step else len(members)
                for i, chunk in enumerate(chunks):
                    shift = base if self._deal_cols else base + i % share
                    loads = self._deal_cols or i == 0 or not self._in_step
                    taken = tuple((block, turn + shift) for block, turn in members)
                    yield _Unit(group, chunk, taken, reads, loads)

    def _run_unit(self, operands: GroupOperands, unit: _Unit, ks: Range, later_k: bool, fresh: _Timer) -> None:
        block, sums_of_folds = self._places(operands, unit, ks)
        sums = np.zeros(5, np.int64)
        # Folds in the wake of others run anew in every sequence; by themselves they take the same time in each.
        timers = (*self._timers, fresh) if fresh.chained else tuple(self._timers)
        waves = self._unit_waves(unit, block, ks, timers)
        ready = _Ready(operands, block, unit, waves, later_k, timers)
        if self._constant:
            streams, issued, words = self._constant_beats(ready, sums)
        else:
            streams, issued, words = self._kernel(ready, sums)
        if not self._recipe.skip_waves:
            _, work = self._sums_of_moving(operands, unit)
            sums[WORK] = paired_sum(work, block.edge_work, block.edge_k)
        fresh.append(unit, streams[0], waves.load_rows[0])
        for timer, of_folds, load_rows in zip(self._timers, streams, waves.load_rows, strict=False):
            timer.append(unit, of_folds, load_rows)
        self.tally.add_multiplications(sums, self._recipe.fixed_beat)
        steps = unit.steps[1] - unit.steps[0]
        sums_of_folds.add_to(
            self.tally, issued, steps, self._recipe, later_k=later_k, weights_move=self._is, loads=unit.loads
        )
        if self._waves.walk is not None:  # what the even share would read gives way to the words at real addresses
            times = int(unit.loads) if self._is else unit.reads
            even = sums_of_folds.activation_words(issued, weights_move=self._is, loads=unit.loads)
            self.tally.a_words += times * words - even

    def _places(self, operands: GroupOperands, unit: _Unit, ks: Range) -> tuple[Block, FoldSums]:
        """The unit's places and sums; remembered, since tiles along the time steps share them."""
        key = (unit.group, unit.cols, ks)
        if key not in self._held:
            recipe, hardware = self._recipe, self._hardware
            block = make_block(recipe, operands, hardware.array.dataflow, unit.cols, ks)
            self._held[key] = (
                block,
                fold_sums(hardware, self._layer, recipe, block.ptr, block.slots, unit.widths, unit.reads),
            )
        return self._held[key]

    def _sums_of_moving(self, operands: GroupOperands, unit: _Unit) -> tuple[Ints, Ints]:
        """:func:`accel_sim.dynamic.operand_sums_kernel.column_sums` over the unit's steps; remembered."""
        key = (unit.group, unit.steps)
        if key not in self._moving_sums:
            self._moving_sums[key] = column_sums(operands.moving, *unit.steps, self._recipe.gate_moving)
        return self._moving_sums[key]

    def _unit_waves(self, unit: _Unit, block: Block, ks: Range, timers: Sequence[_Timer]) -> UnitWaves:
        """What the activation SRAM's banks make of the unit's steps or loads."""
        limits = [(timer.pace.load_row, timer.limited) for timer in timers]
        places = (unit.cols if self._is or not self._recipe.same_in_all_blocks else None, ks)
        rows = unit.cols if self._is else unit.steps
        return self._waves.of_unit(self._first_group + unit.group, rows, places, block.ptr, block.edge_k, limits)

    def _constant_beats(self, ready: _Ready, sums: Ints) -> tuple[Ints, Ints, int]:
        """What :meth:`_kernel` gives, where every beat is the same."""
        array, recipe = self._hardware.array, self._recipe
        steps, beat = ready.unit.steps[1] - ready.unit.steps[0], recipe.idle_beat
        nonzero, _ = self._sums_of_moving(ready.operands, ready.unit)
        edges = (ready.block.edge_k, ready.block.edge_all, ready.block.edge_nonzero)
        add_constant_beats(sums, nonzero, steps, beat, *edges, recipe.gate_moving, recipe.gate_resting)
        used, places = array.edge_folds == "used", len(ready.block.slots)
        streams = constant_streams(
            places, array.rows, used, steps, beat, _stretch(ready.timers), ready.waves.steps, ready.later_k
        )
        return streams, np.full(streams.shape[1], steps), int(ready.waves.step_words.sum()) + ready.waves.load_words

    def _kernel(self, ready: _Ready, sums: Ints) -> tuple[Ints, Ints, int]:
        """Streams ``(timers, folds)`` and issued steps of the unit's K folds, and words that they read where the walk
        counts; adds its multiplications to ``sums``.
        """
        array, recipe = self._hardware.array, self._recipe
        cols, index = ready.unit.members[0]
        chains = [timer.chains[index if timer.chained else 0] for timer in ready.timers]
        streams, issued, words = run_block(
            ready.operands.moving,
            ready.operands.moving_masks,
            *ready.unit.steps,
            ready.block.ptr,
            ready.block.edge_k,
            ready.block.edge_all,
            ready.block.edge_nonzero,
            ready.block.edge_pair,
            ready.block.edge_work,
            ready.block.other,
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
            _stretch(ready.timers),
            ready.waves.steps,
            ready.waves.step_words,
            ready.waves.load_rows,
            ready.later_k,
            ready.timers[0].chained,
            tuple(chains[min(i, len(chains) - 1)] for i in range(_CHAINS)),
            cols[1] - cols[0] if array.edge_folds == "used" else array.cols,
            sums,
        )
        return streams, issued, int(words) + ready.waves.load_words


def _stretch(timers: Sequence[_Timer]) -> Ints:
    """Shortest beats ``(timers, 2)`` of a first K fold and of later ones."""
    return np.array([(timer.pace.beat_first, timer.pace.beat_later) for timer in timers])
