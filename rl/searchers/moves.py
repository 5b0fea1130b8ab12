"""Small changes of candidates, and the choice of one to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rl.env.episode import SearchProblem
from rl.env.space import LEAST_BITS, MOST_BITS, RATIOS, Candidate, Choice, SearchSpace
from rl.searchers.knapsack import anything
from rl.searchers.protocol import Outcome

__all__ = ["best_of", "moved_choice", "mutated", "predicted_after"]

MOST_CHANGED = 3
"""Layers that one mutation changes at most."""
MOST_RATIO_STEPS = 4
TRIES = 50
"""How often a change is drawn anew that changes nothing."""


def best_of(outcomes: Sequence[Outcome]) -> Outcome:
    """The one of largest reward; of those within the bound, if there are any."""
    return max(outcomes, key=lambda outcome: (outcome.feasible, outcome.reward))


def moved_choice(
    space: SearchSpace,
    layer: int,
    choice: Choice,
    generator: np.random.Generator,
    allowed: Callable[[Choice], bool] = anything,
) -> Choice:
    """Another choice nearby: a width one bit off, a ratio a few steps off, or another option."""
    for _ in range(TRIES):
        moved = space.settled(layer, _draw(space, layer, choice, generator))
        if moved != choice and allowed(moved):
            return moved
    return choice


def _draw(space: SearchSpace, layer: int, choice: Choice, generator: np.random.Generator) -> Choice:
    kind = int(generator.integers(4))
    if kind < 2:
        name = ("w_bits", "a_bits")[kind]
        bits = getattr(choice, name) + int(generator.choice((-1, 1)))
        return replace(choice, **{name: min(max(bits, LEAST_BITS), MOST_BITS)})
    steps = int(generator.integers(1, MOST_RATIO_STEPS + 1))
    if kind == 2 and space.options[choice.option].takes_ratio:
        index = RATIOS.index(choice.ratio) + int(generator.choice((-1, 1))) * steps
        return replace(choice, ratio=RATIOS[min(max(index, 0), len(RATIOS) - 1)])
    option = int(generator.choice(np.flatnonzero(space.mask(layer))))
    return replace(choice, option=option, ratio=choice.ratio or RATIOS[steps])


def mutated(
    space: SearchSpace,
    candidate: Candidate,
    generator: np.random.Generator,
    allowed: Callable[[Choice], bool] = anything,
) -> Candidate:
    """One to three layers moved."""
    count = min(len(candidate), int(generator.integers(1, MOST_CHANGED + 1)))
    choices = list(candidate)
    for layer in generator.choice(len(candidate), count, replace=False):
        choices[layer] = moved_choice(space, int(layer), choices[layer], generator, allowed)
    return tuple(choices)


def predicted_after(problem: SearchProblem, start: Outcome, candidate: Candidate) -> float:
    """The reward expected of a candidate near a measured one: what that measured, plus what the table says changed."""
    saved, lost = start.saved, start.loss_points
    for layer, (before, after) in enumerate(zip(start.candidate, candidate, strict=True)):
        if before != after:
            saved += problem.table.saved(layer, after) - problem.table.saved(layer, before)
            lost += problem.table.loss_points(layer, after) - problem.table.loss_points(layer, before)
    return problem.reward.of_shares(saved, lost)
