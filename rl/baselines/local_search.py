"""Hill climbing and simulated annealing, from the knapsack's solution on; also of widths or of pruning alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from rl.env.space import MOST_BITS, Choice
from rl.searchers.knapsack import Knapsack, anything
from rl.searchers.moves import best_of, mutated
from rl.searchers.protocol import Proposals, SearchContext
from rl.searchers.warm_start import bisection, warm_steps

__all__ = ["hill_climbing", "pruning_only", "quantization_only", "simulated_annealing"]

FIRST_TEMPERATURE, LAST_TEMPERATURE = 0.03, 0.001
"""In units of the reward; falls geometrically."""


def _local_search(
    context: SearchContext, temperatures: tuple[float, float] | None, allowed: Callable[[Choice], bool] = anything
) -> Proposals:
    """Change one to three layers of where it stands; go there if that is no worse, or else by chance.

    Args:
        temperatures: first and last; ``None``: never go where it is worse.
        allowed: choices that take part.
    """
    space, generator = context.problem.space, context.generator()
    knapsack = Knapsack(space, context.problem.table, allowed)
    seen, _ = yield from bisection(context, knapsack, warm_steps(context))
    current, steps = best_of([context.start, *seen]), context.budget - len(seen)
    for step in range(steps):
        (outcome,) = yield [mutated(space, current.candidate, generator, allowed)]
        gain, luck = outcome.reward - current.reward, generator.random()
        if gain >= 0 or (temperatures is not None and luck < _chance(gain, temperatures, step / steps)):
            current = outcome


def _chance(gain: float, temperatures: tuple[float, float], progress: float) -> float:
    """Metropolis' rule."""
    first, last = temperatures
    return math.exp(gain / (first * (last / first) ** progress))


def hill_climbing(context: SearchContext) -> Proposals:
    """Only ever up."""
    yield from _local_search(context, None)


def simulated_annealing(context: SearchContext) -> Proposals:
    """Down as well, ever less often (Kirkpatrick et al., 1983)."""
    yield from _local_search(context, (FIRST_TEMPERATURE, LAST_TEMPERATURE))


def quantization_only(context: SearchContext) -> Proposals:
    """Hill climbing over widths; nothing pruned, or only what the machine insists on."""
    first = {layer.allowed.index(True) for layer in context.problem.space.layers}
    yield from _local_search(context, None, partial(_unpruned, first))


def pruning_only(context: SearchContext) -> Proposals:
    """Hill climbing over algorithms and ratios; everything at 8 bits."""
    yield from _local_search(context, None, _at_8_bits)


def _unpruned(first: set[int], choice: Choice) -> bool:
    return choice.option in first and choice.ratio == 0.0


def _at_8_bits(choice: Choice) -> bool:
    return choice.w_bits == choice.a_bits == MOST_BITS
