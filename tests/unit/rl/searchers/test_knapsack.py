"""The knapsack against all combinations, and the bisection that finds its budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl.searchers.knapsack import BINS, Knapsack
from rl.searchers.protocol import SearchContext
from rl.searchers.warm_start import bisection, warm_steps
from tests.unit.rl.searchers.synthetic import Synthetic, measured, synthetic

BUDGETS = st.floats(0.05, 10.0)


def best_of_all(made: Synthetic, budget: float, *, rounded: bool, factors: np.ndarray | None = None) -> float:
    """Most energy saved by any combination of choices within the budget, losses rounded up to bins or as they are."""
    saved, lost = np.zeros(1), np.zeros(1)
    for layer in range(made.problem.layers):
        _, gains, losses = made.problem.table.all_choices(made.problem.space, layer)
        losses = losses * (1.0 if factors is None else factors[layer])
        spent = np.ceil(losses / budget * BINS - 1e-9) if rounded else losses / budget * BINS
        saved, lost = np.add.outer(saved, gains).ravel(), np.add.outer(lost, spent).ravel()
        saved, lost = saved[lost <= BINS], lost[lost <= BINS]
    return float(saved.max())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), budget=BUDGETS)
def test_it_is_the_best_of_all_combinations(seed: int, budget: float) -> None:
    made = synthetic(seed, layers=3, options=1)
    saved, lost = made.problem.table.predicted(Knapsack(made.problem.space, made.problem.table).solve(budget))
    assert saved == pytest.approx(best_of_all(made, budget, rounded=True), abs=1e-12)
    assert lost <= budget * (1 + 1e-9)
    # Rounding up costs at most a bin per layer.
    assert saved >= best_of_all(made, budget * (1 - 3 / BINS), rounded=False) - 1e-12


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), budget=BUDGETS)
def test_factors_scale_the_losses_of_layers(seed: int, budget: float) -> None:
    made = synthetic(seed, layers=2)
    factors = np.random.default_rng(seed).uniform(0.2, 5.0, 2)
    candidate = Knapsack(made.problem.space, made.problem.table).solve(budget, factors)
    lost = sum(factors[layer] * made.problem.table.loss_points(layer, choice) for layer, choice in enumerate(candidate))
    assert lost <= budget * (1 + 1e-9)
    best = best_of_all(made, budget, rounded=True, factors=factors)
    assert made.problem.table.predicted(candidate)[0] == pytest.approx(best, abs=1e-12)


def test_only_what_is_allowed_takes_part() -> None:
    made = synthetic(1, layers=4)
    plain = Knapsack(made.problem.space, made.problem.table, lambda choice: choice.option == 0)
    assert {choice.option for choice in plain.solve(5.0)} == {0}
    assert {choice.option for choice in Knapsack(made.problem.space, made.problem.table).solve(5.0)} != {0}


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_bisection_finds_the_budget_that_meets_the_bound(scale: float) -> None:
    """The true losses are a multiple of those in the table: so is the budget to be found."""
    made = synthetic(2, layers=8)
    truth = type(made.truth)(made.truth.layers, scale, made.truth.reference_energy_pj, 0, 0)
    wrong = Synthetic(made.problem, truth)
    knapsack, found = Knapsack(made.problem.space, made.problem.table), list[float]()

    def searcher(context: SearchContext):  # type: ignore[no-untyped-def]
        found.append((yield from bisection(context, knapsack, 16))[1])

    outcomes = measured(wrong, searcher, 16)
    assert len(outcomes) <= 16
    assert 0.9 / scale <= found[0] <= 1.02 / scale
    best = max(outcome.saved for outcome in outcomes if outcome.feasible)
    assert best == pytest.approx(made.problem.table.predicted(knapsack.solve(1 / scale))[0], abs=0.01)


@pytest.mark.parametrize(("budget", "steps"), [(1, 1), (3, 3), (4, 4), (20, 4), (200, 16)])
def test_a_warm_start_takes_its_share_of_the_budget(budget: int, steps: int) -> None:
    assert warm_steps(synthetic(0, layers=2).context(budget, 0)) == steps
