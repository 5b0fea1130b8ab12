"""Deep deterministic policy gradient (Lillicrap et al., 2016) beside an agent that picks discrete actions.

The actor maps a state to continuous actions in [0, 1] and shows its last hidden layer, the features. The critic values
a state, the continuous actions and the discrete action together, so that the actor learns for the discrete action that
will really be taken.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rl.agents.arrays import Arrays, join, part_of
from rl.agents.config import DdpgConfig, Problem
from rl.agents.layers import linear, stack
from rl.agents.parameters import Optimised, flatten, load_flat, polyak
from rl.agents.reward_scaling import RewardScaler

__all__ = ["Actor", "Critic", "Ddpg", "Decision"]

LAST_LAYER_BOUND = 3e-3
"""Of the last layers' first weights: actions start in the middle, values at zero (Lillicrap et al., 2016)."""


class Decision(NamedTuple):
    """What the actor says of B states."""

    actions: Tensor
    """``(B, continuous_size)`` in [0, 1]."""
    features: Tensor
    """``(B, features)``, not negative."""
    logits: Tensor
    """``(B, continuous_size)`` inputs of the sigmoid."""


class Actor(nn.Module):
    """``(B, state_size)`` to a :class:`Decision`."""

    def __init__(self, problem: Problem, config: DdpgConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.body = stack(problem.state_size, config.hidden, generator)
        self.head = linear(config.hidden[-1], problem.continuous_size, generator, LAST_LAYER_BOUND)

    def forward(self, states: Tensor) -> Decision:
        """Actions, features and logits."""
        features = self.body(states)
        logits = self.head(features)
        return Decision(torch.sigmoid(logits), features, logits)


class Critic(nn.Module):
    """States, continuous actions and one-hot discrete actions to values ``(B,)``."""

    def __init__(self, problem: Problem, config: DdpgConfig, generator: torch.Generator) -> None:
        super().__init__()
        reads_discrete = config.reads_discrete and problem.discrete_count > 1
        inputs = problem.state_size + problem.continuous_size + problem.discrete_count * reads_discrete
        self.body = stack(inputs, config.hidden, generator)
        self.head = linear(config.hidden[-1], 1, generator, LAST_LAYER_BOUND)
        self._one_hot = torch.eye(problem.discrete_count) if reads_discrete else None

    def forward(self, states: Tensor, continuous: Tensor, discrete: Tensor) -> Tensor:
        """``(B, state_size)``, ``(B, continuous_size)`` and ``(B,)`` to ``(B,)``."""
        inputs = [states, continuous]
        if self._one_hot is not None:
            inputs.append(self._one_hot[discrete])
        values: Tensor = self.head(self.body(torch.cat(inputs, dim=1)))
        return values.squeeze(1)


class Ddpg:
    """The learner: actor and critic, each with its target."""

    def __init__(self, problem: Problem, config: DdpgConfig, gamma: float, generator: torch.Generator) -> None:
        self._config, self._return_width = config, problem.return_width
        self._actor, self._target_actor = (Actor(problem, config, generator) for _ in range(2))
        self._critic, self._target_critic = (Critic(problem, config, generator) for _ in range(2))
        self._trained_actor = Optimised(self._actor, config.actor_rate, config.gradient_clip, "DDPG's actor")
        self._trained_critic = Optimised(self._critic, config.critic_rate, config.gradient_clip, "DDPG's critic")
        self._target_actor_flat, self._target_critic_flat = flatten(self._target_actor), flatten(self._target_critic)
        self._target_actor_flat.copy_(self._trained_actor.flat)
        self._target_critic_flat.copy_(self._trained_critic.flat)
        self._scaler = RewardScaler(problem, config.reward_scaling, config.scaling_decay, gamma)

    def decide(self, states: Tensor) -> Decision:
        """The trained actor on ``states (B, state_size)``, with what :meth:`learn_actor` needs to go back."""
        decision: Decision = self._actor(states)
        return decision

    @torch.no_grad()
    def decide_target(self, states: Tensor) -> Decision:
        """The target actor on ``states (B, state_size)``: what follows a window."""
        decision: Decision = self._target_actor(states)
        return decision

    @torch.no_grad()
    def values(self, states: Tensor, continuous: Tensor, discrete: Tensor) -> Tensor:
        """``(B,)`` values by the trained critic, in its own unit (``reward_scaling``)."""
        values: Tensor = self._critic(states, continuous, discrete)
        return values

    def learn_critic(
        self,
        states: Tensor,
        continuous: Tensor,
        discrete: Tensor,
        returns: Tensor,
        lengths: NDArray[np.integer],
        discounts: Tensor,
        weights: Tensor,
        following: tuple[Tensor, Tensor, Tensor],
    ) -> Tensor:
        """One step of the critic down the weighted squared error.

        Args:
            states: ``(B, state_size)`` at the windows' first steps.
            continuous: ``(B, continuous_size)`` actions taken there; ``discrete (B,)`` likewise.
            returns: ``(B,)`` of the windows.
            lengths: ``(B,)`` steps of the windows.
            discounts: ``(B,)`` factor of what follows.
            weights: ``(B,)`` importance weights.
            following: states, continuous and discrete actions after the windows.

        Returns:
            ``(B,)`` absolute errors, in shares of the return range.

        """
        self._scaler.observe(returns.numpy(), lengths)
        with torch.no_grad():
            goal = torch.addcmul(self._scaler.scale(returns, lengths), discounts, self._target_critic(*following))
            if self._config.clip_targets and self._scaler.bounds is not None:
                goal.clamp_(*self._scaler.bounds)
        errors: Tensor = goal - self._critic(states, continuous, discrete)
        self._trained_critic.descend((weights * errors.square()).mean())
        return errors.detach().abs() * (self._scaler.unit / self._return_width)

    def learn_actor(self, states: Tensor, decision: Decision, discrete: Tensor) -> None:
        """One step of the actor up the critic's value; then both targets follow.

        Args:
            states: ``(B, state_size)``.
            decision: of the present actor on them, from :meth:`decide`.
            discrete: ``(B,)`` actions that would be taken beside it.

        """
        value = self._critic(states, decision.actions, discrete).mean()
        penalty = self._config.saturation_penalty * decision.logits.square().mean()
        self._trained_actor.descend(penalty - value)
        polyak(self._target_actor_flat, self._trained_actor.flat, self._config.target_tau)
        polyak(self._target_critic_flat, self._trained_critic.flat, self._config.target_tau)

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Everything that learning depends on."""
        targets = {"actor": self._target_actor_flat.numpy().copy(), "critic": self._target_critic_flat.numpy().copy()}
        return join(
            {
                "actor": self._trained_actor.state_dict(),
                "critic": self._trained_critic.state_dict(),
                "scaler": self._scaler.state_dict(),
                "target": targets,
            }
        )

    def load_state_dict(self, arrays: Arrays) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            InputError: it belongs to networks of another size.

        """
        self._trained_actor.load_state_dict(part_of(arrays, "actor"))
        self._trained_critic.load_state_dict(part_of(arrays, "critic"))
        self._scaler.load_state_dict(part_of(arrays, "scaler"))
        load_flat(self._target_actor_flat, arrays["target.actor"], "the target actor")
        load_flat(self._target_critic_flat, arrays["target.critic"], "the target critic")
