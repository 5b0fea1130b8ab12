"""Gymnasium's classic tasks for the agent: actions and rewards in the units that it takes."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium
import numpy as np
from numpy.typing import NDArray

from rl.agents.composite import Action, CompositeAgent
from rl.agents.replay import Transition

ToNative = Callable[[Action], object]
"""The agent's action as the task takes it."""


def greedy_score(agent: CompositeAgent, task: gymnasium.Env, to_native: ToNative, episodes: int, seed: int) -> float:
    """Mean undiscounted return of ``episodes`` without exploration."""
    returns = []
    for episode in range(episodes):
        state, _ = task.reset(seed=seed + episode)
        total, over = 0.0, False
        while not over:
            state, reward, terminated, truncated, _ = task.step(to_native(_act(agent, state, explore=False)))
            total, over = total + float(reward), terminated or truncated
        returns.append(total)
    return float(np.mean(returns))


def train(
    agent: CompositeAgent, task: gymnasium.Env, to_native: ToNative, steps: int, steps_per_update: int, seed: int
) -> None:
    """Act, remember and learn for whole episodes until ``steps`` are reached."""
    done_steps = 0
    while done_steps < steps:
        state, _ = task.reset(seed=seed + done_steps)
        over = False
        while not over:
            action = _act(agent, state, explore=True)
            following, reward, terminated, truncated, _ = task.step(to_native(action))
            agent.remember(
                Transition(
                    state,
                    action.continuous,
                    action.discrete,
                    _mask(agent),
                    float(reward),
                    following,
                    _mask(agent),
                    terminated,
                    truncated,
                )
            )
            state, over, done_steps = following, terminated or truncated, done_steps + 1
            if not agent.warming_up and done_steps % steps_per_update == 0:
                agent.update()


def _act(agent: CompositeAgent, state: NDArray[np.floating], *, explore: bool) -> Action:
    return agent.act(state, _mask(agent), explore=explore)


def _mask(agent: CompositeAgent) -> NDArray[np.bool_]:
    return np.ones(agent.problem.discrete_count, np.bool_)
