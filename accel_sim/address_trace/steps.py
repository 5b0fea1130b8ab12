"""When a fold's lines run its steps, whatever the beats depend on.

A *line* is a row of the array, or a column where only the operand from the top is serial. Steps are worked out in
chunks, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from accel_sim.address_trace.step_kernel import NEVER, end_steps, start_steps
from accel_sim.array.bank_kernel import place_waves, step_waves
from accel_sim.array.banks import BankWalk
from accel_sim.array.ports import Pace
from accel_sim.reference.beats import fold_piece_counts
from accel_sim.reference.folds import Fold
from accel_sim.reference.spec import ArraySpec

__all__ = ["FoldSteps", "Steps"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Steps:
    """Some consecutive steps of a fold, in cycles from its first streaming cycle.

    Attributes:
        steps: ``(steps,)``, as :attr:`accel_sim.reference.folds.Fold.steps`.
        starts, ends: ``(steps, lines)``, first and last cycle of each in column 0 (row 0 where lines are columns).
        is_first, is_last: whether the fold's first and last step are among them.
    """

    steps: Ints
    starts: Ints
    ends: Ints
    is_first: bool
    is_last: bool


@dataclass(frozen=True, eq=False)
class FoldSteps:
    """Times the folds of one layer.

    Attributes:
        spec: of the array and the layer.
        paced: what the ports make of beats, loads and drains.
        walk: of the activations, where the loads of their banks count.
        most: entries of a chunk's tables, about.
    """

    spec: ArraySpec
    paced: Pace
    walk: BankWalk | None
    most: int = 1 << 18

    def run(self, fold: Fold, group: int, moving: Ints) -> Iterator[Steps]:
        """The fold's steps in order.

        Args:
            group: of the layer.
            moving: the group's moving matrix, see :class:`accel_sim.reference.folds.FoldPlan`.
        """
        lines = self._lines(fold)
        count, depth = len(fold.steps), min(self.spec.fifo_depth, max(len(fold.steps), 1))
        chunk = max(1, self.most // ((lines + len(fold.cols)) * max(fold.tile.edge.shape[1], self.spec.step_lanes)))
        before = np.full((depth, lines), NEVER, np.int64)
        if self.spec.dataflow != "os":
            before[-1] = -1
        free = np.zeros(lines, np.int64)
        for first in range(0, count, chunk):
            part = replace(fold, steps=fold.steps[first : first + chunk])
            beats = self._beats(part, group, moving)
            table = np.concatenate([before, np.empty((len(beats), lines), np.int64)])
            if self.spec.dataflow == "os":
                start_steps(table, free, beats, depth)
                starts, ends = table[depth:], table[depth:] + beats - 1
            else:
                end_steps(table, beats, depth)
                starts, ends = table[depth - 1 : -1] + 1, table[depth:]
            yield Steps(part.steps, starts, ends, first == 0, first + chunk >= count)
            before = table[len(beats) :]

    def stream_cycles(self, fold: Fold, group: int, moving: Ints) -> int:
        """Cycles from the fold's first streaming cycle until its last column's (row's) last step has ended."""
        end = 0
        for part in self.run(fold, group, moving):
            last = part.ends[-1]
            end = max(end, int(last.max() if self.spec.dataflow == "os" else last[-1]) + 1)
        return end + self._across(fold) - 1

    def load_row_cycles(self, fold: Fold, group: int) -> int:
        """Cycles of each row of the fold's load (ws, is)."""
        if self.walk is None or self.spec.dataflow != "is":
            return self.paced.load_row
        cycles, _ = place_waves(self.walk, group, int(fold.cols[0]), int(fold.cols[-1]) + 1, *_flat(fold.tile.edge))
        return max(self.paced.load_row, int(cycles.max()))

    def drain_row_cycles(self, fold: Fold) -> int:
        """Cycles of each row of the fold's drain; 0 where nothing drains (ws, is, without drain)."""
        if self.spec.dataflow != "os" or not self.spec.os_drain:
            return 0
        return self.paced.drain_row_later if fold.later_k else self.paced.drain_row_first

    def height(self, fold: Fold) -> int:
        """Rows that a load or drain shifts through: a drain of the fold's own with ``edge_folds: used``."""
        if self.spec.dataflow == "os" and self.spec.edge_folds == "used":
            return len(fold.rows)
        return self.spec.rows

    def _lines(self, fold: Fold) -> int:
        if self.spec.edge_folds == "full":
            return self.spec.cols if self.spec.transposed else self.spec.rows
        return len(fold.cols) if self.spec.transposed else len(fold.rows) or len(fold.tile.edge)

    def _across(self, fold: Fold) -> int:
        """Places of a line that the fold passes."""
        if self.spec.edge_folds == "full":
            return self.spec.rows if self.spec.transposed else self.spec.cols
        return len(fold.rows) if self.spec.transposed else len(fold.cols)

    def _beats(self, fold: Fold, group: int, moving: Ints) -> Ints:
        """``(steps, lines)``: what the arithmetic takes, what ports and banks stretch it to."""
        own, other = fold_piece_counts(fold, moving, self.spec)
        beats = own.astype(np.int64) * other
        np.maximum(beats, self.paced.beat_later if fold.later_k else self.paced.beat_first, out=beats)
        if self.walk is not None and self.spec.dataflow != "is" and len(fold.steps):
            np.maximum(beats, self._bank_cycles(self.walk, fold, group)[:, None], out=beats)
        return beats

    def _bank_cycles(self, walk: BankWalk, fold: Fold, group: int) -> Ints:
        """``(steps,)`` cycles in which the banks give what each step reads."""
        if self.spec.dataflow == "os":
            rows = int(fold.rows[0]), int(fold.rows[-1]) + 1
            cycles, _ = place_waves(walk, group, *rows, *_flat(fold.tile.edge[fold.steps]))
            return np.asarray(cycles)
        first, stop = int(fold.steps[0]), int(fold.steps[-1]) + 1
        cycles, _ = step_waves(walk, group, first, stop, *_flat(fold.tile.edge), len(fold.tile.edge))
        return np.asarray(cycles[0, fold.steps - first], np.int64)


def _flat(edge: Ints) -> tuple[Ints, Ints]:
    """The k of every place one behind another, and where each place begins."""
    there = edge >= 0
    return np.concatenate([[0], np.cumsum(there.sum(axis=1))]), edge[there]
