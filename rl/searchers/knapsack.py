"""The best candidate that the sensitivity table knows: a multiple-choice knapsack, solved by dynamic programming."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rl.env.sensitivity import SensitivityTable
from rl.env.space import Candidate, Choice, SearchSpace

__all__ = ["Knapsack", "anything"]

BINS = 400
"""Parts of the budget that losses are rounded up to."""

Floats = NDArray[np.float64]


def anything(choice: Choice) -> bool:  # noqa: ARG001
    """Allows every choice."""
    return True


class _Items(NamedTuple):
    """One layer's choices that are not beaten in both ways, by rising loss."""

    choices: list[Choice]
    saved: Floats
    lost: Floats


class Knapsack:
    """One choice per layer, the most energy saved within a budget of lost points; both add up over the layers.

    Args:
        space, table: what to choose from, and what it saves and loses.
        allowed: which choices take part.
    """

    def __init__(
        self, space: SearchSpace, table: SensitivityTable, allowed: Callable[[Choice], bool] = anything
    ) -> None:
        self._items = [_worthwhile(space, table, layer, allowed) for layer in range(len(space.layers))]

    def solve(self, budget_points: float, factors: Floats | None = None) -> Candidate:
        """The best candidate whose losses, each rounded up to a 400th of the budget, are within it.

        A layer that cannot keep to the budget takes its choice of least loss.

        Args:
            budget_points: predicted loss that is allowed, percentage points, above 0.
            factors: ``(layers,)`` on the losses of each layer.
        """
        worth = np.zeros(BINS + 1)
        taken = np.zeros((len(self._items), BINS + 1), np.int64)
        for layer, items in enumerate(self._items):
            lost = items.lost if factors is None else items.lost * factors[layer]
            bins = np.ceil(lost / budget_points * BINS - 1e-9).astype(np.int64)
            bins[0] = 0 if bins[0] > BINS else bins[0]
            worth, taken[layer] = _with_layer(worth, bins, items.saved)
        return self._read_back(taken, budget_points, factors)

    def _read_back(self, taken: NDArray[np.int64], budget_points: float, factors: Floats | None) -> Candidate:
        left, choices = BINS, list[Choice]()
        for layer in reversed(range(len(self._items))):
            items, item = self._items[layer], int(taken[layer, left])
            choices.append(items.choices[item])
            lost = items.lost[item] * (1.0 if factors is None else factors[layer])
            spent = int(np.ceil(lost / budget_points * BINS - 1e-9))
            left -= spent if spent <= left else 0
        return tuple(reversed(choices))


def _with_layer(worth: Floats, bins: NDArray[np.int64], saved: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Best worth within each budget with one more layer, and the item that gives it."""
    best, item = np.full(BINS + 1, -np.inf), np.zeros(BINS + 1, np.int64)
    for index, (size, gain) in enumerate(zip(bins, saved, strict=True)):
        if size > BINS:
            break  # losses rise
        reached = np.full(BINS + 1, -np.inf)
        reached[size:] = worth[: BINS + 1 - size] + gain
        better = reached > best
        best[better], item[better] = reached[better], index
    return best, item


def _worthwhile(space: SearchSpace, table: SensitivityTable, layer: int, allowed: Callable[[Choice], bool]) -> _Items:
    choices, saved, lost = table.all_choices(space, layer)
    order = [index for index in np.lexsort((-saved, lost)) if allowed(choices[index])]
    kept, most = list[int](), -np.inf
    for index in order:
        if saved[index] > most:
            kept.append(index)
            most = saved[index]
    return _Items([choices[index] for index in kept], saved[kept], lost[kept])
