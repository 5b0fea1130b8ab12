"""What the steps, loads and drains of one layer's folds take, whatever that depends on.

A *line* is a row of the array, or a column where only the operand from the top is serial. Beats are worked out some
steps at a time, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.bank_kernel import place_waves, step_waves
from accel_sim.array.banks import BankWalk
from accel_sim.array.ports import Pace
from accel_sim.reference.beats import fold_piece_counts
from accel_sim.reference.folds import Fold
from accel_sim.reference.spec import ArraySpec

__all__ = ["Beats", "FoldBeats"]

Ints = NDArray[np.int64]


class Beats(NamedTuple):
    """Of some consecutive steps of a fold.

    Attributes:
        steps: ``(steps,)``, as :attr:`accel_sim.reference.folds.Fold.steps`.
        beats: ``(steps, lines)`` cycles.
        is_first: whether the fold's first step is among them.
    """

    steps: Ints
    beats: Ints
    is_first: bool


@dataclass(frozen=True, eq=False)
class FoldBeats:
    """Beats of the folds of one layer, and the shape of the array around them.

    Attributes:
        spec: of the array and the layer.
        paced: what the ports make of beats, loads and drains.
        walk: of the activations, where the loads of their banks count.
        most: entries of the tables of the steps that are worked out at once, about.
    """

    spec: ArraySpec
    paced: Pace
    walk: BankWalk | None
    most: int = 1 << 18

    def of_fold(self, fold: Fold, group: int, moving: Ints) -> Iterator[Beats]:
        """The fold's steps in order.

        Args:
            group: of the layer.
            moving: the group's moving matrix, see :class:`accel_sim.reference.folds.FoldPlan`.
        """
        widest = max(fold.tile.edge.shape[1], self.spec.step_lanes)
        count = max(1, self.most // ((self.lines(fold) + len(fold.cols)) * widest))
        for first in range(0, len(fold.steps), count):
            part = replace(fold, steps=fold.steps[first : first + count])
            own, other = fold_piece_counts(part, moving, self.spec)
            beats = own.astype(np.int64) * other
            np.maximum(beats, self.paced.beat_later if fold.later_k else self.paced.beat_first, out=beats)
            if self.walk is not None and self.spec.dataflow != "is":
                np.maximum(beats, self._bank_cycles(self.walk, part, group)[:, None], out=beats)
            yield Beats(part.steps, beats, first == 0)

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

    def lines(self, fold: Fold) -> int:
        """Lines that the fold passes."""
        if self.spec.edge_folds == "full":
            return self.spec.cols if self.spec.transposed else self.spec.rows
        return len(fold.cols) if self.spec.transposed else len(fold.rows) or len(fold.tile.edge)

    def uses_all_rows(self, fold: Fold) -> bool:
        """Whether a fold of ws or is takes its tile over from the shadow in every row."""
        return self.spec.edge_folds == "full" or len(fold.tile.edge) == self.spec.rows

    def across(self, fold: Fold) -> int:
        """Places of a line that the fold passes."""
        if self.spec.edge_folds == "full":
            return self.spec.rows if self.spec.transposed else self.spec.cols
        return len(fold.rows) if self.spec.transposed else len(fold.cols)

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
