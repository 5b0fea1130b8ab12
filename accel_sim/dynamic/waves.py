"""What the banks of the activation SRAM make of the steps (ws, os) and loads (is) of a layer that is run fold by fold.

Without a walk (:func:`accel_sim.array.banks.bank_walk`) nothing: the even share is in the paces.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accel_sim.array.bank_kernel import place_waves, step_waves
from accel_sim.array.banks import BankWalk

__all__ = ["OutputWaves", "StationaryWaves", "UnitWaves"]

Ints = NDArray[np.int64]
Narrow = NDArray[np.int32]
Range = tuple[int, int]


@dataclass(frozen=True, eq=False)
class UnitWaves:
    """Of the K folds of one unit, under each pace that is timed.

    Attributes:
        steps: ``(paces, folds, steps)`` shortest beats, or empty.
        step_words: ``(folds, steps)`` words that each reads, or empty.
        load_rows: ``(paces, folds)`` cycles per row of a load.
        load_words: words that all loads read.
    """

    steps: Narrow
    step_words: Narrow
    load_rows: Ints
    load_words: int = 0


class StationaryWaves:
    """Waves of ws (of its steps) or is (of its loads); remembered, since tiles share them."""

    def __init__(self, walk: BankWalk | None, rows: int, *, loads: bool) -> None:
        self.walk, self._rows, self._loads = walk, rows, loads
        self._known: dict[Hashable, tuple[NDArray[np.integer], NDArray[np.integer]]] = {}

    def forget(self) -> None:
        """Other groups begin."""
        self._known = {}

    def of_unit(
        self, group: int, m: Range, places: Hashable, ptr: Ints, edge_k: Ints, limits: Sequence[tuple[int, bool]]
    ) -> UnitWaves:
        """Waves of rows ``m`` of the im2col matrix.

        Args:
            places: what tells the places ``ptr``, ``edge_k`` from those of other blocks.
            limits: per pace the cycles that a load's row takes anyway, and whether the SRAMs limit it.
        """
        folds = -(-(len(ptr) - 1) // self._rows)
        load_rows = np.repeat(np.array([row for row, _ in limits])[:, None], folds, axis=1)
        limited = np.array([limits_it for _, limits_it in limits])
        no_steps, no_words = np.zeros((0, 0, 0), np.int32), np.zeros((0, 0), np.int32)
        if self.walk is None or folds == 0:
            return UnitWaves(no_steps, no_words, load_rows)
        key = (group, m, places)
        if key not in self._known:
            if self._loads:
                self._known[key] = place_waves(self.walk, group, *m, ptr, edge_k)
            else:
                self._known[key] = step_waves(self.walk, group, *m, ptr, edge_k, self._rows)
        cycles, words = self._known[key]
        if self._loads:
            slowest = np.maximum.reduceat(cycles, np.arange(0, len(cycles), self._rows))
            load_rows[limited] = np.maximum(load_rows[limited], slowest)
            return UnitWaves(no_steps, no_words, load_rows, int(words.sum()))
        steps = np.zeros((len(limits), *cycles.shape), np.int32)
        steps[limited] = cycles
        return UnitWaves(steps, words.astype(np.int32, copy=False), load_rows)


class OutputWaves:
    """Waves of os: of every place of a block, for the rows of one fold; remembered."""

    def __init__(self, walk: BankWalk | None) -> None:
        self.walk = walk
        self._known: dict[Hashable, tuple[Ints, Ints]] = {}

    def forget(self) -> None:
        """Other groups begin."""
        self._known = {}

    def of_fold(
        self, group: int, m: Range, places: Hashable, ptr: Ints, edge_k: Ints, issued: Ints
    ) -> tuple[Ints, int] | None:
        """Shortest beats of the steps ``issued``, and the words that all of them read; ``None`` without a walk."""
        if self.walk is None:
            return None
        key = (group, m, places)
        if key not in self._known:
            self._known[key] = place_waves(self.walk, group, *m, ptr, edge_k)
        cycles, words = self._known[key]
        return cycles[issued], int(words[issued].sum())
