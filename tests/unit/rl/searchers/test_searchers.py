"""Laws of all searchers: budgets, seeds, and what each one's rule says, on problems whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from rl.baselines.local_search import FIRST_TEMPERATURE, LAST_TEMPERATURE, _chance
from rl.env.space import Candidate
from rl.searchers.moves import MOST_CHANGED, best_of
from rl.searchers.registry import SEARCHERS, find_searcher
from rl.searchers.warm_start import warm_steps
from tests.unit.rl.searchers.synthetic import Synthetic, measured, synthetic

LEARNING = ("composite", "composite_alone", "ddpg")
QUICK = [name for name in SEARCHERS if name not in LEARNING]
WARM = ("composite", "hill_climbing", "annealing", "tpe", "nsga2")


@pytest.fixture(scope="module")
def made() -> Synthetic:
    return synthetic(4, layers=9, table_error=1.0)


def candidates(made: Synthetic, name: str, budget: int, seed: int = 0) -> list[Candidate]:
    return [outcome.candidate for outcome in measured(made, find_searcher(name), budget, seed)]


@pytest.mark.parametrize("budget", [1, 5, 30])
@pytest.mark.parametrize("name", QUICK)
def test_a_searcher_stops_at_its_budget(made: Synthetic, name: str, budget: int) -> None:
    """By itself: the loop that measures is not asked."""
    assert len(candidates(made, name, budget)) == (min(3, budget) if name == "uniform" else budget)


@pytest.mark.parametrize("budget", [1, 6])
@pytest.mark.parametrize("name", LEARNING)
def test_a_learner_stops_at_its_budget(made: Synthetic, name: str, budget: int) -> None:
    assert len(candidates(made, name, budget)) == budget


@pytest.mark.parametrize("name", list(SEARCHERS))
def test_the_seed_decides(made: Synthetic, name: str) -> None:
    budget = 6 if name in LEARNING else 30
    assert candidates(made, name, budget, 5) == candidates(made, name, budget, 5)
    if name != "uniform":
        assert candidates(made, name, budget, 5) != candidates(made, name, budget, 6)


@pytest.mark.parametrize("name", WARM)
def test_a_warm_start_is_the_knapsacks_and_paid_for(made: Synthetic, name: str) -> None:
    budget = 12
    steps = warm_steps(made.context(budget, 0))
    found = candidates(made, name, budget)
    assert found[:steps] == candidates(made, "knapsack", budget)[:steps]
    assert len(found) == budget


def changed(one: Candidate, other: Candidate) -> int:
    return sum(before != after for before, after in zip(one, other, strict=True))


def test_hill_climbing_never_leaves_the_best(made: Synthetic) -> None:
    budget = 120
    outcomes = measured(made, find_searcher("hill_climbing"), budget)
    warm = warm_steps(made.context(budget, 0))
    current, rises = best_of([made.context(budget, 0).start, *outcomes[:warm]]), 0
    for outcome in outcomes[warm:]:
        assert 1 <= changed(current.candidate, outcome.candidate) <= MOST_CHANGED
        if outcome.reward >= current.reward:
            rises += outcome.reward > current.reward
            current = outcome
    assert rises > 3


def test_annealing_accepts_what_is_worse_ever_less_often() -> None:
    ends = FIRST_TEMPERATURE, LAST_TEMPERATURE
    assert _chance(-0.03, ends, 0.0) == pytest.approx(np.exp(-1))
    assert _chance(-0.001, ends, 1.0) == pytest.approx(np.exp(-1))
    middle = (FIRST_TEMPERATURE * LAST_TEMPERATURE) ** 0.5
    assert _chance(-middle, ends, 0.5) == pytest.approx(np.exp(-1))
    chances = [_chance(-0.01, ends, progress) for progress in np.linspace(0, 1, 11)]
    assert chances == sorted(chances, reverse=True)


def test_restricted_searchers_keep_to_their_part(made: Synthetic) -> None:
    for candidate in candidates(made, "quantization_only", 40):
        assert all(choice.option == 0 and choice.ratio == 0 for choice in candidate)
    for candidate in candidates(made, "pruning_only", 40):
        assert all(choice.w_bits == choice.a_bits == 8 for choice in candidate)
    for candidate in candidates(made, "ddpg", 10):
        assert {choice.option for choice in candidate} <= {0, 1}


def test_proposals_are_settled(made: Synthetic) -> None:
    """One spelling per policy, so that what is known is found again."""
    space = made.problem.space
    for name in SEARCHERS:
        for candidate in candidates(made, name, 5):
            assert candidate == tuple(space.settled(layer, choice) for layer, choice in enumerate(candidate))


def best(made: Synthetic, name: str, budget: int, seed: int) -> float:
    outcomes = measured(made, find_searcher(name), budget, seed)
    return max((outcome.saved for outcome in outcomes if outcome.feasible), default=0.0)


def test_every_strong_searcher_beats_random_draws(made: Synthetic) -> None:
    random = max(best(made, "random", 60, seed) for seed in range(3))
    for name in ("knapsack", "hill_climbing", "annealing", "tpe", "nsga2"):
        assert np.median([best(made, name, 60, seed) for seed in range(3)]) > random + 0.05


def test_the_composite_agent_adds_to_its_warm_start(made: Synthetic) -> None:
    """Nobody tells it where the table is wrong."""
    budget, gains = 40, list[float]()
    for seed in range(2):
        outcomes = measured(made, find_searcher("composite"), budget, seed)
        saved = [outcome.saved if outcome.feasible else 0.0 for outcome in outcomes]
        gains.append(max(saved) - max(saved[: warm_steps(made.context(budget, seed))]))
    assert min(gains) > 0.01


def test_the_agent_alone_learns() -> None:
    """From nothing, deciding every layer: its later policies are worth more than random ones, over seeds."""
    made = synthetic(4, layers=5, max_loss_points=3.0)
    for seed in range(2):
        learnt = measured(made, find_searcher("composite_alone"), 40, seed)
        drawn = measured(made, find_searcher("random"), 40, seed)
        later = np.mean([outcome.reward for outcome in learnt[-15:]])
        assert later > np.mean([outcome.reward for outcome in drawn]) + 0.1
