"""Gymnasium's classic tasks to a stated score."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from rl.agents.composite import CompositeAgent
from rl.agents.config import AgentConfig, DdpgConfig, Problem, RainbowConfig, ReplayConfig
from tests.unit.rl.agents.gym import greedy_score, train

CARTPOLE = Problem(state_size=4, continuous_size=0, discrete_count=2, return_range=(0.0, 50.0))
CARTPOLE_CONFIG = AgentConfig(
    gamma=0.98,
    replay=ReplayConfig(beta_updates=4_000),
    rainbow=RainbowConfig(hidden=(64, 64), rate=1e-3, target_tau=0.02),
)
PENDULUM = Problem(state_size=3, continuous_size=1, discrete_count=1, return_range=(-800.0, 0.0))
PENDULUM_CONFIG = AgentConfig(
    gamma=0.98,
    warmup_episodes=5,
    replay=ReplayConfig(n_steps=1, beta_updates=8_000),
    ddpg=DdpgConfig(
        hidden=(64, 64), actor_rate=1e-3, critic_rate=2e-3, noise_start=0.15, noise_floor=0.05, saturation_penalty=1e-4
    ),
)


@pytest.mark.validate
def test_rainbow_balances_the_pole() -> None:
    """195 steps, at which CartPole-v0 counted as solved, as the median of three seeds; random actions reach about 22.

    Seeds differ much at this budget: 451, 150, 292, 341 and 500 steps were seen with seeds 0 to 4 (v1 asks for 475).
    """
    scores = []
    for seed in range(3):
        task = gymnasium.make("CartPole-v1")
        agent = CompositeAgent(CARTPOLE, CARTPOLE_CONFIG, seed)
        train(agent, task, lambda action: action.discrete, steps=8_000, steps_per_update=2, seed=100_000 * seed)
        scores.append(greedy_score(agent, task, lambda action: action.discrete, episodes=10, seed=10_000))
    assert np.median(scores) >= 195, scores


@pytest.mark.validate
def test_ddpg_swings_the_pendulum_up() -> None:
    """Random actions earn about −1200; −129, −130 and −137 were seen with seeds 0 to 2."""
    task = gymnasium.make("Pendulum-v1")
    agent = CompositeAgent(PENDULUM, PENDULUM_CONFIG, seed=0)

    def torque(action: object) -> object:
        return np.asarray(action.continuous * 4.0 - 2.0, np.float32)  # type: ignore[attr-defined]

    train(agent, task, torque, steps=8_000, steps_per_update=1, seed=0)
    assert greedy_score(agent, task, torque, episodes=10, seed=10_000) >= -200
