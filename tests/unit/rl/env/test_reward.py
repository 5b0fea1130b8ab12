"""The reward's formula, worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel_sim.errors import InputError
from rl.env.reward import REWARD_RANGE, Reward

RULE = Reward(max_loss_points=1.0, reference_energy_pj=200.0, reference_top1_percent=90.0, slope=0.3)


@pytest.mark.parametrize(
    ("top1", "energy", "expected"),
    [
        (90.0, 200.0, 0.0),
        (90.0, 50.0, 0.75),
        (89.0, 50.0, 0.75),  # at the bound
        (95.0, 50.0, 0.75),  # more accuracy earns nothing
        (88.0, 50.0, 1.75 * math.exp(-0.3) - 1),  # one point beyond
        (84.0, 100.0, 1.5 * math.exp(-1.5) - 1),
        (90.0, 300.0, -0.5),
        (10.0, 300.0, -1.0),  # far beyond
        (90.0, 1000.0, -1.0),  # cut off
    ],
)
def test_formula(top1, energy, expected) -> None:
    assert RULE.of(top1, energy) == pytest.approx(expected, abs=1e-6)


def test_the_first_point_beyond_the_bound_costs_about_the_slope() -> None:
    slope = (RULE.of(89.0, 50.0) - RULE.of(88.99, 50.0)) / 0.01
    assert slope == pytest.approx(0.3 * 1.75, rel=0.01)


def test_saving_more_does_not_pay_for_a_network_that_is_ruined_further() -> None:
    assert RULE.of(70.0, 60.0) > RULE.of(10.0, 1.0)


def test_a_ruined_network_is_worth_less_than_doing_nothing() -> None:
    assert RULE.of(10.0, 1.0) < RULE.of(90.0, 200.0)


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 100), st.floats(0, 1e6), st.floats(0, 100))
def test_rewards_are_in_their_range_and_fall_with_loss_and_energy(top1, energy, worse) -> None:
    reward = RULE.of(top1, energy)
    assert REWARD_RANGE[0] <= reward <= REWARD_RANGE[1]
    assert RULE.of(max(0.0, top1 - worse), energy) <= reward
    assert RULE.of(top1, energy + worse) <= reward


@pytest.mark.parametrize("bound", [-1.0, 101.0, math.nan, math.inf])
def test_a_wrong_bound_is_refused(bound) -> None:
    with pytest.raises(InputError, match=r"max-loss: holds .*; allowed: 0 to 100 points"):
        Reward(bound, 1.0, 90.0)
