"""The composite agent: DDPG picks the continuous actions, Rainbow then picks the discrete one beside them.

Rainbow reads the state, the features of DDPG's actor and its actions; DDPG's critic reads both kinds of actions; both
learn from the same windows of one replay. The priority of a window is the mean of both absolute errors, weighted by
``priority_mix``, each in shares of the return range::

    priority = ((1 − mix) · |error of DDPG's critic| + mix · |error of Rainbow's expected return| + floor) ^ alpha

After a window, the target actor's decision stands for the continuous actions, and Rainbow's choice beside it for the
discrete one. The actor is improved for the discrete action that Rainbow would take beside its present decision.

With one discrete action the agent is DDPG alone, without continuous ones Rainbow alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor

from accel_sim import __version__
from accel_sim.errors import InputError
from rl.agents.arrays import join, part_of
from rl.agents.checkpoint import read_checkpoint, write_checkpoint
from rl.agents.config import AgentConfig, Problem
from rl.agents.ddpg import Ddpg, Decision
from rl.agents.exploration import decayed, random_valid, truncated_normal
from rl.agents.rainbow import Rainbow
from rl.agents.random_state import generator_state, restore_generator
from rl.agents.replay import Batch, Replay, Transition

__all__ = ["Action", "CompositeAgent", "Errors"]


@dataclass(frozen=True)
class Action:
    """``continuous (continuous_size,)`` in [0, 1], and the index of the discrete action."""

    continuous: NDArray[np.float32]
    discrete: int


@dataclass(frozen=True)
class Errors:
    """Mean absolute errors of the last update, in shares of the return range; none where a learner is absent."""

    critic: float | None
    rainbow: float | None


class CompositeAgent:
    """Acts, remembers and learns; the same calls with the same seed give the same results, bit for bit.

    Args:
        problem: sizes of the environment's spaces and the range of its returns.
        config: hyper-parameters.
        seed: of everything random in here.

    """

    def __init__(self, problem: Problem, config: AgentConfig, seed: int) -> None:
        self.problem, self.config, self.seed = problem, config, seed
        of_replay, of_exploration, of_networks = np.random.SeedSequence(seed).spawn(3)
        self._exploration = np.random.default_rng(of_exploration)
        self._torch_generator = torch.Generator().manual_seed(int(of_networks.generate_state(1)[0]))
        self._replay = Replay(problem, config.replay, config.gamma, np.random.default_rng(of_replay))
        generator = self._torch_generator
        has_ddpg, has_rainbow = problem.continuous_size > 0, problem.discrete_count > 1
        self._ddpg = Ddpg(problem, config.ddpg, config.gamma, generator) if has_ddpg else None
        self._rainbow = Rainbow(problem, self._rainbow_inputs(), config.rainbow, generator) if has_rainbow else None
        self._episodes = self._updates = 0

    @property
    def episodes(self) -> int:
        """Episodes that were remembered to their end; seeded ones do not count."""
        return self._episodes

    @property
    def updates(self) -> int:
        """Updates that were done."""
        return self._updates

    @property
    def replay(self) -> Replay:
        """What both learners sample."""
        return self._replay

    @property
    def warming_up(self) -> bool:
        """Whether exploring actions are uniformly random."""
        return self._episodes < self.config.warmup_episodes

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise on continuous actions in this episode."""
        ddpg = self.config.ddpg
        return decayed(ddpg.noise_start, ddpg.noise_decay, ddpg.noise_floor, self._episodes_after_warmup)

    @property
    def epsilon(self) -> float:
        """Share of random discrete actions in this episode."""
        rainbow = self.config.rainbow
        return decayed(rainbow.epsilon_start, rainbow.epsilon_decay, rainbow.epsilon_floor, self._episodes_after_warmup)

    def act(self, state: NDArray[np.floating], mask: NDArray[np.bool_], *, explore: bool = True) -> Action:
        """Decide in ``state (state_size,)`` among the discrete actions that ``mask (discrete_count,)`` allows.

        Args:
            state: normalised by the environment.
            mask: True where allowed.
            explore: with warm-up, noise and random actions; else the best that the agent knows.

        Raises:
            InputError: the mask allows nothing.

        """
        if not mask.any():
            raise InputError(f"mask: none of the {len(mask)} discrete actions is allowed; at least one must be")
        if explore and self.warming_up:
            continuous = self._exploration.random(self.problem.continuous_size, dtype=np.float32)
            return Action(continuous, random_valid(mask, self._exploration))
        with _torch_threads(self.config.threads):
            return self._decide(torch.from_numpy(state.astype(np.float32))[None], mask, explore=explore)

    def remember(self, transition: Transition) -> None:
        """Store a step that :meth:`act` led to.

        Raises:
            InputError: it is wrong, or does not follow the step before it.

        """
        self._replay.add(transition)
        self._episodes += transition.ends_episode

    def seed_replay(self, transitions: Iterable[Transition]) -> None:
        """Store steps of whole episodes that others made, such as a cheap exact method's; a warm start.

        They count neither as episodes nor for warm-up; exploration starts as it would without them.

        Raises:
            InputError: a step is wrong, or the last one does not end its episode.

        """
        ended = True
        for transition in transitions:
            self._replay.add(transition)
            ended = transition.ends_episode
        if not ended:
            raise InputError("seeded transitions: the last one does not end its episode (terminated or truncated)")

    def update(self, count: int = 1) -> Errors:
        """Learn from ``count`` batches, at least one.

        Raises:
            InputError: nothing is stored yet.
            RunError: a gradient is not finite.

        """
        with _torch_threads(self.config.threads):
            for _ in range(count - 1):
                self._update_once()
            return self._update_once()

    def save(self, directory: Path) -> None:
        """Write everything, the replay and the random generators included, complete or not at all.

        Raises:
            InputError: the folder cannot be made or written.

        """
        facts = {
            "schema": 1,
            "bitgrove": __version__,
            "seed": self.seed,
            "episodes": self._episodes,
            "updates": self._updates,
            "problem": self.problem.model_dump(mode="json"),
            "config": self.config.model_dump(mode="json"),
        }
        parts = {
            "replay": self._replay.state_dict(),
            "random": {
                "exploration": generator_state(self._exploration),
                "torch": self._torch_generator.get_state().numpy(),
            },
        }
        if self._ddpg is not None:
            parts["ddpg"] = self._ddpg.state_dict()
        if self._rainbow is not None:
            parts["rainbow"] = self._rainbow.state_dict()
        write_checkpoint(directory, facts, join(parts))

    @classmethod
    def load(cls, directory: Path) -> CompositeAgent:
        """The agent that :meth:`save` wrote; it goes on as if it had never stopped.

        Raises:
            InputError: a file is missing, damaged or no checkpoint.

        """
        facts, arrays = read_checkpoint(directory)
        try:
            # Through JSON, where a list is a valid tuple.
            problem = Problem.model_validate_json(json.dumps(facts["problem"]))
            agent = cls(problem, AgentConfig.model_validate_json(json.dumps(facts["config"])), facts["seed"])
            agent._episodes, agent._updates = facts["episodes"], facts["updates"]
            agent._replay.load_state_dict(part_of(arrays, "replay"))
            agent._exploration = restore_generator(arrays["random.exploration"].astype(np.uint64))
            agent._torch_generator.set_state(torch.from_numpy(np.array(arrays["random.torch"])))
            for learner, name in ((agent._ddpg, "ddpg"), (agent._rainbow, "rainbow")):
                if learner is not None:
                    learner.load_state_dict(part_of(arrays, name))
        except (KeyError, ValidationError) as error:
            raise InputError(f"{directory}: is not an agent's checkpoint: {error}") from error
        return agent

    @property
    def _episodes_after_warmup(self) -> int:
        return max(0, self._episodes - self.config.warmup_episodes)

    def _decide(self, states: Tensor, mask: NDArray[np.bool_], *, explore: bool) -> Action:
        """For ``states (1, state_size)``."""
        continuous, decision = np.zeros(0, np.float32), None
        if self._ddpg is not None:
            decision = self._ddpg.decide(states)
            continuous = decision.actions[0].detach().numpy()
            if explore:
                continuous = truncated_normal(continuous, self.noise_deviation, self._exploration)
        if explore and self._exploration.random() < self.epsilon:
            return Action(continuous, random_valid(mask, self._exploration))
        if self._rainbow is None:
            return Action(continuous, 0)
        inputs = self._inputs(states, decision, torch.from_numpy(continuous)[None])
        choice = self._rainbow.greedy(inputs, torch.from_numpy(mask)[None], noisy=explore)
        return Action(continuous, int(choice))

    def _update_once(self) -> Errors:
        batch = _tensors(self._replay.sample(self.config.batch_size))
        decision = None if self._ddpg is None else self._ddpg.decide(batch.states)
        following = None if self._ddpg is None else self._ddpg.decide_target(batch.next_states)
        rainbow_errors, next_discrete = self._learn_discrete(batch, decision, following)
        critic_errors = self._learn_continuous(batch, decision, following, next_discrete)
        self._replay.update_priorities(batch.indices, self._joined(critic_errors, rainbow_errors))
        self._updates += 1
        return Errors(_mean(critic_errors), _mean(rainbow_errors))

    def _joined(self, critic: Tensor | None, rainbow: Tensor | None) -> NDArray[np.float32]:
        """Errors ``(B,)`` for the priorities."""
        mix = self.config.priority_mix
        parts = [(critic, 1.0 - mix), (rainbow, mix)]
        there = [(errors.numpy(), share) for errors, share in parts if errors is not None]
        if len(there) == 1:
            return np.asarray(there[0][0])
        return np.asarray(np.sum([errors * share for errors, share in there], axis=0))

    def _learn_discrete(
        self, batch: _Tensors, decision: Decision | None, following: Decision | None
    ) -> tuple[Tensor | None, Tensor]:
        """Rainbow's errors ``(B,)``, and what it would do after the windows ``(B,)``."""
        if self._rainbow is None:
            return None, torch.zeros_like(batch.discrete)
        next_actions = None if following is None else following.actions
        bootstrap = self._rainbow.bootstrap(self._inputs(batch.next_states, following, next_actions), batch.next_masks)
        inputs = self._inputs(batch.states, decision, batch.continuous)
        errors = self._rainbow.learn(inputs, batch.discrete, batch.returns, batch.discounts, batch.weights, bootstrap)
        return errors, bootstrap.choice

    def _learn_continuous(
        self, batch: _Tensors, decision: Decision | None, following: Decision | None, next_discrete: Tensor
    ) -> Tensor | None:
        """Errors of the critic ``(B,)``."""
        if self._ddpg is None or decision is None or following is None:
            return None
        errors = self._ddpg.learn_critic(
            batch.states,
            batch.continuous,
            batch.discrete,
            batch.returns,
            batch.lengths,
            batch.discounts,
            batch.weights,
            (batch.next_states, following.actions, next_discrete),
        )
        discrete = torch.zeros_like(batch.discrete)
        if self._rainbow is not None:
            inputs = self._inputs(batch.states, decision, decision.actions)
            discrete = self._rainbow.greedy(inputs, batch.masks, noisy=False)
        self._ddpg.learn_actor(batch.states, decision, discrete)
        return errors

    def _inputs(self, states: Tensor, decision: Decision | None, actions: Tensor | None) -> Tensor:
        """What Rainbow reads ``(B, …)``: states, the actor's features beside them, continuous actions."""
        parts = [states]
        if decision is not None and self.config.rainbow.reads_features:
            parts.append(decision.features)
        if actions is not None and self.config.rainbow.reads_actions:
            parts.append(actions)
        return torch.cat(parts, dim=1).detach()

    def _rainbow_inputs(self) -> int:
        """Numbers that Rainbow reads per state."""
        problem, rainbow = self.problem, self.config.rainbow
        features = self.config.ddpg.hidden[-1] if problem.continuous_size > 0 and rainbow.reads_features else 0
        return problem.state_size + features + (problem.continuous_size if rainbow.reads_actions else 0)


@dataclass(frozen=True)
class _Tensors:
    """A batch as tensors over the same memory; ``indices`` and ``lengths`` stay arrays."""

    indices: NDArray[np.int64]
    lengths: NDArray[np.int64]
    states: Tensor
    continuous: Tensor
    discrete: Tensor
    masks: Tensor
    weights: Tensor
    returns: Tensor
    discounts: Tensor
    next_states: Tensor
    next_masks: Tensor


def _tensors(batch: Batch) -> _Tensors:
    return _Tensors(
        indices=batch.indices,
        lengths=batch.lengths,
        states=torch.from_numpy(batch.states),
        continuous=torch.from_numpy(batch.continuous),
        discrete=torch.from_numpy(batch.discrete),
        masks=torch.from_numpy(batch.masks),
        weights=torch.from_numpy(batch.weights),
        returns=torch.from_numpy(batch.returns),
        discounts=torch.from_numpy(batch.discounts),
        next_states=torch.from_numpy(batch.next_states),
        next_masks=torch.from_numpy(batch.next_masks),
    )


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Run torch on ``count`` threads inside the block: sums of more threads round differently."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _mean(errors: Tensor | None) -> float | None:
    return None if errors is None else float(errors.mean())
