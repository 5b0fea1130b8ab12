"""Small environments whose best behaviour is known, and the loop that lets an agent learn one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rl.agents.composite import Action, CompositeAgent
from rl.agents.config import AgentConfig, DdpgConfig, Problem, RainbowConfig, ReplayConfig
from rl.agents.replay import Transition

Floats = NDArray[np.float32]


class Environment(Protocol):
    """Episodes of a few steps; all discrete actions are allowed unless ``mask`` says otherwise."""

    problem: Problem

    def reset(self, rng: np.random.Generator) -> Floats: ...

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]: ...

    def mask(self) -> NDArray[np.bool_]: ...


class _AllAllowed:
    problem: Problem

    def mask(self) -> NDArray[np.bool_]:
        return np.ones(self.problem.discrete_count, np.bool_)


class DiscreteIdentity(_AllAllowed):
    """The state names the action that earns 1; each step has a new one. One episode is ten steps."""

    def __init__(self, actions: int = 4) -> None:
        self.problem = Problem(state_size=actions, continuous_size=0, discrete_count=actions, return_range=(0.0, 10.0))

    def reset(self, rng: np.random.Generator) -> Floats:
        self._step = 0
        return self._observe(rng)

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]:
        reward = float(action.discrete == self._wanted)
        self._step += 1
        return self._observe(rng), reward, self._step == 10

    def _observe(self, rng: np.random.Generator) -> Floats:
        self._wanted = int(rng.integers(self.problem.discrete_count))
        return np.eye(self.problem.discrete_count, dtype=np.float32)[self._wanted]


class MaskedIdentity(DiscreteIdentity):
    """The same, but the action that the state names is not allowed, and earns 5 if it is taken all the same."""

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]:
        assert action.discrete != self._wanted
        after = (self._wanted + 1) % self.problem.discrete_count
        state, _, done = super().step(Action(action.continuous, self._wanted), rng)
        return state, float(action.discrete == after), done

    def mask(self) -> NDArray[np.bool_]:
        return np.arange(self.problem.discrete_count) != self._wanted


class ContinuousIdentity(_AllAllowed):
    """The state is the action that earns most: ``1 − |action − state|²`` per step, ten steps."""

    problem = Problem(state_size=2, continuous_size=2, discrete_count=1, return_range=(-10.0, 10.0))

    def reset(self, rng: np.random.Generator) -> Floats:
        self._step = 0
        return self._observe(rng)

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]:
        reward = 1.0 - float(np.square(action.continuous - self._wanted).sum())
        self._step += 1
        return self._observe(rng), reward, self._step == 10

    def _observe(self, rng: np.random.Generator) -> Floats:
        self._wanted = rng.random(2, dtype=np.float32)
        return self._wanted


class ContinuousBandit(_AllAllowed):
    """One step: ``1 − Σ (action − best)²`` with the best inside the box, near its edge and on it."""

    problem = Problem(state_size=1, continuous_size=3, discrete_count=1, return_range=(-2.0, 1.0))
    best = np.array([0.3, 0.9, 1.0], np.float32)

    def reset(self, rng: np.random.Generator) -> Floats:
        return np.ones(1, np.float32)

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]:
        return np.ones(1, np.float32), 1.0 - float(np.square(action.continuous - self.best).sum()), True


class Chain(_AllAllowed):
    """Right (1) eight times earns 1, at the end only; left (0) ends the episode with 0.05."""

    length = 8
    problem = Problem(state_size=8, continuous_size=0, discrete_count=2, return_range=(0.0, 1.0))

    def reset(self, rng: np.random.Generator) -> Floats:
        self._place = 0
        return self._observe()

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]:
        if action.discrete == 0:
            return self._observe(), 0.05, True
        self._place += 1
        done = self._place == self.length
        return self._observe(), float(done), done

    def _observe(self) -> Floats:
        return np.eye(self.length, dtype=np.float32)[min(self._place, self.length - 1)]


class Joint(_AllAllowed):
    """The best discrete action depends on the state and on the continuous one; three steps.

    The state is s in {0, 1}, twice. The discrete action pays 0.5 where it is ``(continuous > 0.5) xor s``, the
    continuous one ``0.5 − 2·(continuous − 0.2 − 0.6·s)²``.
    """

    problem = Problem(state_size=2, continuous_size=1, discrete_count=2, return_range=(-3.0, 3.0))

    def reset(self, rng: np.random.Generator) -> Floats:
        self._step = 0
        return self._observe(rng)

    def step(self, action: Action, rng: np.random.Generator) -> tuple[Floats, float, bool]:
        continuous = float(action.continuous[0])
        reward = 0.5 * (action.discrete == self.best_discrete(continuous))
        reward += 0.5 - 2.0 * (continuous - 0.2 - 0.6 * self._state) ** 2
        self._step += 1
        return self._observe(rng), reward, self._step == 3

    def best_discrete(self, continuous: float) -> int:
        """In the present state."""
        return (continuous > 0.5) ^ self._state

    def _observe(self, rng: np.random.Generator) -> Floats:
        self._state = int(rng.integers(2))
        return np.array([self._state, 1.0 - self._state], np.float32)


@dataclass(frozen=True)
class Outcome:
    """What greedy episodes earn after learning."""

    mean_return: float
    least_return: float


def small_config(*, n_steps: int = 1, **changes: object) -> AgentConfig:
    """Narrow networks and high learning rates, for problems of a few hundred steps."""
    return AgentConfig(
        **{  # type: ignore[arg-type]
            "replay": ReplayConfig(capacity=5_000, beta_updates=500, n_steps=n_steps),
            "ddpg": DdpgConfig(hidden=(32, 32), actor_rate=3e-3, critic_rate=3e-3, target_tau=0.05, noise_start=0.4),
            "rainbow": RainbowConfig(hidden=(32, 32), rate=3e-3, target_tau=0.05),
            "gamma": 0.5,
            "batch_size": 32,
            **changes,
        }
    )


def learn(
    agent: CompositeAgent, environment: Environment, episodes: int, updates_per_step: float, seed: int = 0
) -> None:
    """Let ``agent`` explore and learn; updates are done at each episode's end, from the end of the warm-up on."""
    rng = np.random.default_rng(seed)
    for _ in range(episodes):
        steps = run_episode(agent, environment, rng)
        if not agent.warming_up:
            agent.update(max(1, round(steps * updates_per_step)))


def run_episode(agent: CompositeAgent, environment: Environment, rng: np.random.Generator) -> int:
    """One exploring episode into the replay; its number of steps."""
    state, done, steps = environment.reset(rng), False, 0
    while not done:
        mask = environment.mask()
        action = agent.act(state, mask)
        following, reward, done = environment.step(action, rng)
        agent.remember(
            Transition(
                state, action.continuous, action.discrete, mask, reward, following, environment.mask(), terminated=done
            )
        )
        state, steps = following, steps + 1
    return steps


def evaluate(agent: CompositeAgent, environment: Environment, episodes: int = 20, seed: int = 1) -> Outcome:
    """Greedy episodes."""
    rng, returns = np.random.default_rng(seed), []
    for _ in range(episodes):
        state, done, total = environment.reset(rng), False, 0.0
        while not done:
            action = agent.act(state, environment.mask(), explore=False)
            state, reward, done = environment.step(action, rng)
            total += reward
        returns.append(total)
    return Outcome(float(np.mean(returns)), float(np.min(returns)))
