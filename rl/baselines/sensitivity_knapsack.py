"""The sensitivity table and the knapsack alone."""

from __future__ import annotations

import numpy as np

from rl.searchers.knapsack import Knapsack
from rl.searchers.protocol import Proposals, SearchContext
from rl.searchers.warm_start import bisection

__all__ = ["sensitivity_knapsack"]

BISECTION_STEPS = 16
SPREAD = 0.4
"""Standard deviation of the logarithm of the factors on the layers' losses."""


def sensitivity_knapsack(context: SearchContext) -> Proposals:
    """Fit the knapsack's budget to the bound by bisection, then solve it for losses that are in doubt.

    What is left of the budget goes into solutions for tables whose losses are multiplied by random factors, one per
    layer: the table is a measurement, and its neighbours have other optima.
    """
    knapsack, generator = Knapsack(context.problem.space, context.problem.table), context.generator()
    seen, budget = yield from bisection(context, knapsack, min(context.budget, BISECTION_STEPS))
    layers = context.problem.layers
    for _ in range(context.budget - len(seen)):
        factors = np.exp(SPREAD * generator.standard_normal(layers))
        scale = float(np.exp(SPREAD / 2 * generator.standard_normal()))
        yield [knapsack.solve(budget * scale, factors)]
