"""Exploration noise against scipy's truncated normal; schedules; valid actions only."""

from __future__ import annotations

import numpy as np
import pytest

from accel_sim.errors import InputError
from rl.agents.exploration import decayed, random_valid, truncated_normal


@pytest.mark.parametrize(("mean", "deviation"), [(0.3, 0.5), (0.0, 0.1), (1.0, 0.4), (0.5, 5.0)])
def test_draws_are_those_of_a_truncated_normal(mean: float, deviation: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    draws = truncated_normal(np.full(4_000, mean), deviation, np.random.default_rng(0))
    outside = stats.truncnorm(-mean / deviation, (1 - mean) / deviation, loc=mean, scale=deviation)
    assert stats.kstest(draws, outside.cdf).pvalue > 0.01
    # No lump on the bounds, which a clipped normal has.
    assert np.mean((draws == 0.0) | (draws == 1.0)) < 0.001


def test_a_tiny_deviation_stays_finite() -> None:
    draws = truncated_normal(np.array([0.0, 0.5, 1.0]), 1e-6, np.random.default_rng(0))
    np.testing.assert_allclose(draws, [0.0, 0.5, 1.0], atol=1e-4)


def test_decay_stops_at_the_floor() -> None:
    assert [decayed(0.5, 0.5, 0.1, episode) for episode in range(5)] == [0.5, 0.25, 0.125, 0.1, 0.1]


def test_random_actions_are_valid_and_even() -> None:
    mask = np.array([False, True, False, True, True])
    rng = np.random.default_rng(0)
    counts = np.bincount([random_valid(mask, rng) for _ in range(900)], minlength=5)
    assert counts[[0, 2]].tolist() == [0, 0]
    assert counts[[1, 3, 4]].min() > 240  # 300 each, less 4 standard deviations
    with pytest.raises(InputError, match="none of the 3 discrete actions is allowed"):
        random_valid(np.zeros(3, np.bool_), rng)
