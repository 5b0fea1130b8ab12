"""Where the strong searchers begin: the knapsack's candidate for the budget that turns out to meet the bound."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from rl.env.space import Candidate
from rl.searchers.knapsack import Knapsack
from rl.searchers.protocol import Outcome, SearchContext

__all__ = ["WARM_SHARE", "Bisection", "bisection", "warm_steps"]

WARM_SHARE = 0.08
"""Share of the budget that a warm start takes, at least..."""
LEAST_STEPS = 4
"""... so many candidates."""
FIRST_FACTOR = 4.0
LEAST_BUDGET_POINTS = 0.02

Bisection = Generator[Sequence[Candidate], Sequence[Outcome], tuple[list[Outcome], float]]


def warm_steps(context: SearchContext) -> int:
    """Candidates of a warm start."""
    return min(context.budget, max(LEAST_STEPS, round(WARM_SHARE * context.budget)))


def bisection(context: SearchContext, knapsack: Knapsack, steps: int) -> Bisection:
    """Find the predicted loss whose knapsack solution loses just what the bound allows when it is measured.

    The table adds up what layers lose alone, which may be too much or too little: the budget is raised or lowered by a
    factor until solutions lie on both sides of the bound, then halved in between (geometrically).

    Returns:
        What was measured, and the largest budget that met the bound (else the least that was tried).
    """
    budget = max(context.problem.reward.max_loss_points, 10 * LEAST_BUDGET_POINTS)
    low: float | None = None
    high: float | None = None
    seen: dict[Candidate, Outcome] = {}
    for _ in range(4 * steps):
        candidate = knapsack.solve(budget)
        if candidate not in seen:
            if len(seen) == steps:
                break
            (seen[candidate],) = yield [candidate]
        if seen[candidate].feasible:
            low = budget
        else:
            high = budget
        if (low or budget) < LEAST_BUDGET_POINTS or (low or 0) > 1e3:
            break
        budget = _next(budget, low, high)
    found = low if low is not None else (high or budget)
    return list(seen.values()), found


def _next(budget: float, low: float | None, high: float | None) -> float:
    if low is None:
        return budget / FIRST_FACTOR
    if high is None:
        return budget * FIRST_FACTOR
    return float((low * high) ** 0.5)
