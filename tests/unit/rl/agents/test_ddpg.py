"""DDPG on problems with known answers, and each of its parts by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from accel_sim.errors import RunError
from rl.agents.composite import CompositeAgent
from rl.agents.config import DdpgConfig, Problem
from rl.agents.ddpg import Ddpg
from rl.agents.layers import linear
from rl.agents.parameters import Optimised, flatten, polyak
from rl.agents.reward_scaling import RewardScaler
from tests.unit.rl.agents.problems import ContinuousBandit, ContinuousIdentity, evaluate, learn, small_config

PROBLEM = Problem(state_size=2, continuous_size=1, discrete_count=3, return_range=(-4.0, 2.0))


def test_the_state_is_the_best_action() -> None:
    """The best action that does not look at the state, 0.5, earns 8.3 of 10."""
    environment = ContinuousIdentity()
    agent = CompositeAgent(environment.problem, small_config(), seed=0)
    learn(agent, environment, episodes=40, updates_per_step=1)
    assert evaluate(agent, environment).mean_return > 9.5


def test_the_best_arm_of_a_continuous_bandit_is_found() -> None:
    environment = ContinuousBandit()
    agent = CompositeAgent(environment.problem, small_config(), seed=0)
    learn(agent, environment, episodes=160, updates_per_step=2)
    found = agent.act(np.ones(1, np.float32), environment.mask(), explore=False).continuous
    np.testing.assert_allclose(found, environment.best, atol=0.1)


def critic_after(discrete: list[int], rewards: list[float], **config: object) -> torch.Tensor:
    """Values of the three discrete actions after 200 terminal steps of each pair."""
    learner = Ddpg(
        PROBLEM,
        DdpgConfig(**{"hidden": (16,), "critic_rate": 1e-2, "reward_scaling": "none", **config}),  # type: ignore[arg-type]
        1.0,
        torch.Generator().manual_seed(0),
    )
    count = len(rewards)
    states, actions = torch.ones(count, 2), torch.full((count, 1), 0.5)
    following = (states, actions, torch.zeros(count, dtype=torch.int64))
    for _ in range(200):
        learner.learn_critic(
            states,
            actions,
            torch.tensor(discrete),
            torch.tensor(rewards),
            np.ones(count, np.int64),
            torch.zeros(count),
            torch.ones(count),
            following,
        )
    return learner.values(states, actions, torch.tensor(discrete))


def test_the_critic_reads_the_discrete_action() -> None:
    torch.testing.assert_close(
        critic_after([0, 1, 2], [-1.0, 0.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0]), atol=0.05, rtol=0.0
    )
    blind = critic_after([0, 1, 2], [-1.0, 0.0, 1.0], reads_discrete=False)
    torch.testing.assert_close(blind, torch.zeros(3), atol=0.05, rtol=0.0)


def test_targets_stay_inside_the_return_range() -> None:
    assert float(critic_after([0], [10.0])) == pytest.approx(2.0, abs=0.05)
    assert float(critic_after([0], [10.0], clip_targets=False)) > 5.0


def test_polyak_averaging_by_hand() -> None:
    target, trained = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -2.0])
    polyak(target, trained, 0.25)
    assert target.tolist() == [1.5, 1.0]


def test_gradients_are_clipped_by_their_norm() -> None:
    """Adam's first moment after one step is a tenth of the gradient that reached it."""
    layer = linear(3, 1, torch.Generator().manual_seed(0))
    trained = Optimised(layer, rate=1e-3, gradient_clip=0.5, name="test")
    trained.descend(100.0 * layer(torch.ones(1, 3)).sum())
    assert np.linalg.norm(trained.state_dict()["exp_avg"].astype(float)) == pytest.approx(0.05, rel=1e-5)


def test_a_gradient_that_is_not_finite_stops_the_run() -> None:
    layer = linear(3, 1, torch.Generator().manual_seed(0))
    trained = Optimised(layer, rate=1e-3, gradient_clip=None, name="the critic")
    with pytest.raises(RunError, match="the critic: the gradient's norm is nan"):
        trained.descend(layer(torch.full((1, 3), torch.nan)).sum())


def test_flat_parameters_are_those_of_the_layers() -> None:
    layer = linear(3, 2, torch.Generator().manual_seed(0))
    before = layer(torch.ones(1, 3)).detach()
    flat = flatten(layer)
    torch.testing.assert_close(layer(torch.ones(1, 3)).detach(), before)
    flat.zero_()
    assert not layer(torch.ones(1, 3)).any()


def test_rewards_are_scaled_as_stated() -> None:
    returns, lengths = np.array([3.0, 1.5], np.float32), np.array([2, 1])

    def scaled(scaling: str) -> list[float]:
        scaler = RewardScaler(PROBLEM, scaling, 0.95, 0.5)  # type: ignore[arg-type]
        scaler.observe(returns, lengths)
        return [round(float(value), 6) for value in scaler.scale(torch.from_numpy(returns), lengths)]

    assert scaled("none") == [3.0, 1.5]
    assert scaled("range") == [0.75, 0.375]  # by max(|−4|, |2|)
    # Per step: 3 / (1 + 0.5) = 2 and 1.5; mean 1.75, deviation 0.25.
    assert scaled("moving_baseline") == [3.0 - 1.75 * 1.5, 1.5 - 1.75]
    assert scaled("deviation") == [12.0, 6.0]
