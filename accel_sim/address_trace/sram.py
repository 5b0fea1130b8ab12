"""What one layer reads and writes at the edges of its arrays, cycle by cycle.

When an access takes place, in the order of ``docs/traces.md``:

* An operand that enters a line's edge (ws and os activations, is weights; os with elastic columns: weights) is read in
  the first cycle of its step in that line. What crosses the lines of os is read at line 0, one cycle later from place
  to place.
* Rows of a load are read bottom row first, each in the first of the cycles that it takes.
* The sum of column c leaves ws and is in the last cycle of its step in the last row of column c, c cycles after column
  0. A result of os leaves in the last of the cycles that its row of the drain takes, the bottom row first; without a
  drain when its PE ends the last step.
* A partial sum is read back when the sum before it leaves, the first of a fold in the cycle before its own leaves.
* What several arrays take in the same beats is read once, for the first of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accel_sim.address_trace.clock import Event, Load, Results, Steps
from accel_sim.address_trace.elements import PADDING, Elements
from accel_sim.address_trace.folds import GroupFold
from accel_sim.reference.folds import Fold
from accel_sim.reference.spec import ArraySpec

__all__ = ["Accesses", "FoldAccesses"]

Ints = NDArray[np.int64]


class Accesses(NamedTuple):
    """Accesses of one kind: memory, ``read`` or ``write``, number of the array, and arrays of equal length."""

    memory: str
    access: str
    array: int
    cycles: Ints
    ports: Ints
    lanes: Ints
    addresses: Ints


@dataclass(frozen=True, eq=False)
class FoldAccesses:
    """Finds the accesses of one layer's folds."""

    spec: ArraySpec
    elements: Elements

    def of_fold(self, one: GroupFold, events: Iterable[Event]) -> Iterator[Accesses]:
        """All accesses of a fold as its ``events`` tell them, some thousand steps at a time."""
        for event in events:
            for found in self._of_event(one.fold, one.group, event):
                if found.access == "write" or found.memory != one.taken_along:
                    yield found._replace(array=one.array)

    def _of_event(self, fold: Fold, group: int, event: Event) -> Iterator[Accesses]:
        if isinstance(event, Load):
            yield self._load(fold, group, event)
        elif isinstance(event, Results):
            yield from self._results(fold, group, event)
        elif self.spec.dataflow == "os":
            yield from self._both_edges(fold, group, event)
        else:
            yield self._line_edge(fold, group, event)
            yield from self._sums(fold, group, event)

    def _load(self, fold: Fold, group: int, load: Load) -> Accesses:
        """The stationary tile, place by place; a fold with ``edge_folds: used`` sits in the last rows."""
        tile = fold.tile
        rows = np.arange(len(tile.edge)) + self._first_row(fold)
        columns = np.arange(len(fold.cols))[:, None]
        lanes = np.arange(self.spec.step_lanes)
        k = _selected(tile.edge, tile.select)
        if self.spec.dataflow == "is":
            addresses = self.elements.activations(group, fold.cols[:, None], k)
            memory = "activations"
        else:
            addresses = self.elements.weights(group, k, fold.cols[:, None])
            memory = "weights"
        there = (tile.select >= 0) & (addresses != PADDING)
        return _gather(memory, "read", there, load.starts[rows, None, None], columns, lanes, addresses)

    def _line_edge(self, fold: Fold, group: int, part: Steps) -> Accesses:
        """ws, is: what the rows' edges take in some steps."""
        edge = fold.tile.edge
        rows = (np.arange(len(edge)) + self._first_row(fold))[:, None]
        lanes = np.arange(edge.shape[1])
        cycles = part.starts[:, : len(edge), None]
        step = part.steps[:, None, None]
        if self.spec.dataflow == "is":
            return _gather("weights", "read", edge >= 0, cycles, rows, lanes, self.elements.weights(group, edge, step))
        addresses = self.elements.activations(group, step, edge)
        return _gather("activations", "read", (edge >= 0) & (addresses != PADDING), cycles, rows, lanes, addresses)

    def _sums(self, fold: Fold, group: int, part: Steps) -> Iterator[Accesses]:
        """ws, is: what leaves below the last row in some steps, and is read back for it."""
        columns = np.arange(len(fold.cols))
        step = part.steps[:, None]
        rest = (step, fold.cols) if self.spec.dataflow == "is" else (fold.cols, step)
        addresses = self.elements.outputs(group, rest[1], rest[0])
        left = part.ends[:, -1]
        if fold.later_k:
            before = part.starts[:, -1] - 1
            if part.is_first:
                before = np.concatenate([left[:1] - 1, before[1:]])
            yield _gather("outputs", "read", True, before[:, None] + columns, columns, 0, addresses)
        yield _gather("outputs", "write", True, left[:, None] + columns, columns, 0, addresses)

    def _first_row(self, fold: Fold) -> int:
        return self.spec.rows - len(fold.tile.edge) if self.spec.edge_folds == "used" else 0

    def _both_edges(self, fold: Fold, group: int, part: Steps) -> Iterator[Accesses]:
        """os: what enters from the left and from the top in some steps."""
        edge, lanes = fold.tile.edge[part.steps], self.spec.step_lanes
        rows, columns = np.arange(len(fold.rows)), np.arange(len(fold.cols))
        # At line 0, what crosses the lines is one cycle later from place to place.
        row_cycles, column_cycles = part.starts[:, : len(rows)], part.starts[:, :1] + columns
        if self.spec.transposed:
            row_cycles, column_cycles = part.starts[:, :1] + rows, part.starts[:, : len(columns)]
        addresses = self.elements.activations(group, fold.rows[:, None], edge[:, None, :])
        there = (edge[:, None, :] >= 0) & (addresses != PADDING)
        wide = np.arange(edge.shape[1])
        yield _gather("activations", "read", there, row_cycles[:, :, None], rows[:, None], wide, addresses)
        select = fold.tile.select[part.steps]
        weights = self.elements.weights(group, _selected(edge, select), fold.cols[:, None])
        cycles = column_cycles[:, :, None]
        yield _gather("weights", "read", select >= 0, cycles, columns[:, None], np.arange(lanes), weights)

    def _results(self, fold: Fold, group: int, results: Results) -> Iterator[Accesses]:
        """os: what leaves at the end."""
        rows, columns = np.arange(len(fold.rows))[:, None], np.arange(len(fold.cols))
        if results.drain is None:
            ends = results.ends
            left = ends[columns] + rows if self.spec.transposed else ends[rows] + columns
            before = left - 1
        else:
            left = results.drain[columns] + (results.height - rows) * results.row_cycles - 1
            before = left - results.row_cycles
        addresses = self.elements.outputs(group, fold.rows[:, None], fold.cols)
        if fold.later_k:
            yield _gather("outputs", "read", True, before, columns, 0, addresses)
        yield _gather("outputs", "write", True, left, columns, 0, addresses)


def _selected(edge: Ints, select: Ints) -> Ints:
    """The k that each lane multiplies ``(places, columns, lanes)``, some k where it is padding."""
    k = np.take_along_axis(edge[:, None, :], np.maximum(select, 0).reshape(len(edge), 1, -1), axis=2)
    return k.reshape(select.shape)


def _gather(
    memory: str,
    access: str,
    there: NDArray[np.bool_] | bool,
    cycles: Ints,
    ports: Ints,
    lanes: Ints | int,
    addresses: Ints,
) -> Accesses:
    """Those of the accesses that are ``there``; all arrays are broadcast to the addresses' shape or beyond."""
    shape = np.broadcast_shapes(np.shape(there), cycles.shape, ports.shape, np.shape(lanes), addresses.shape)
    mask = np.broadcast_to(there, shape)
    columns = [np.broadcast_to(values, shape)[mask] for values in (cycles, ports, lanes, addresses)]
    return Accesses(memory, access, 0, *columns)
