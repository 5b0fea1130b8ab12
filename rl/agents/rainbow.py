"""Rainbow (Hessel et al., 2018) for discrete actions of which some may not be allowed.

Double, duelling, distributional and noisy parts are here; n-step windows and priorities come with the batch.
Departures: the targets follow by Polyak averaging, small networks need no hard copies; the error that becomes a
priority is that of the expected return, in the unit of DDPG's, so that both can be joined.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rl.agents.arrays import Arrays
from rl.agents.categorical import project, support
from rl.agents.config import Problem, RainbowConfig
from rl.agents.layers import NoisyLinear, linear, resample_noise, stack
from rl.agents.parameters import Optimised, flatten, load_flat, polyak

__all__ = ["Bootstrap", "Rainbow", "RainbowNetwork"]


class RainbowNetwork(nn.Module):
    """``(B, inputs)`` to ``(B, discrete_count, atoms)``: logits of the returns, or one value where ``atoms`` is 1."""

    def __init__(
        self, inputs: int, actions: int, atoms: int, config: RainbowConfig, generator: torch.Generator
    ) -> None:
        super().__init__()
        *before, width = config.hidden
        self._actions, self._atoms = actions, atoms
        self.body = stack(inputs, before, generator)
        body_width = before[-1] if before else inputs

        def layer(size_in: int, size_out: int) -> nn.Module:
            if config.noisy:
                return NoisyLinear(size_in, size_out, config.noise_scale, generator)
            return linear(size_in, size_out, generator)

        # The streams' hidden layers are one layer, half of which each stream reads: fewer calls.
        self._stream_width = width
        self.streams = nn.Sequential(layer(body_width, width * (1 + config.duelling)), nn.ReLU())
        self.advantage = layer(width, actions * atoms)
        self.value = layer(width, atoms) if config.duelling else None
        self._noisy_layers = [module for module in self.modules() if isinstance(module, NoisyLinear)]

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits or values of all actions, allowed or not."""
        hidden = self.streams(self.body(inputs))
        advantage: Tensor = self.advantage(hidden[:, : self._stream_width]).view(-1, self._actions, self._atoms)
        if self.value is None:
            return advantage
        value: Tensor = self.value(hidden[:, self._stream_width :])
        return advantage + (value[:, None, :] - advantage.mean(dim=1, keepdim=True))

    def resample(self, generator: torch.Generator) -> None:
        """Draw new noise and apply it."""
        resample_noise(self._noisy_layers, generator)
        self.set_noisy(True)

    def set_noisy(self, noisy: bool) -> None:
        """Apply the noise that was drawn last, or none."""
        for layer in self._noisy_layers:
            layer.noisy = noisy


class Bootstrap(NamedTuple):
    """What follows a window: ``choice (B,)`` of the next action, and its ``value (B, atoms)`` distribution or mean."""

    choice: Tensor
    value: Tensor


class Rainbow:
    """The learner: a trained network and its target."""

    def __init__(self, problem: Problem, input_size: int, config: RainbowConfig, generator: torch.Generator) -> None:
        self._config, self._generator = config, generator
        low, high = problem.return_range
        self._low, self._width = low, problem.return_width
        atoms = config.atoms if config.distributional else 1
        self._support = support(low, high, atoms) if config.distributional else None
        self._network, self._target = (
            RainbowNetwork(input_size, problem.discrete_count, atoms, config, generator) for _ in range(2)
        )
        self._trained = Optimised(self._network, config.rate, config.gradient_clip, "Rainbow")
        self._target_flat = flatten(self._target)
        self._target_flat.copy_(self._trained.flat)

    @torch.no_grad()
    def greedy(self, inputs: Tensor, masks: Tensor, *, noisy: bool) -> Tensor:
        """``(B,)`` the allowed action of the largest expected return.

        Args:
            inputs: ``(B, input_size)``.
            masks: ``(B, discrete_count)``, True where allowed.
            noisy: with new noise on the weights (exploration), or with their means.

        """
        if noisy:
            self._network.resample(self._generator)
        else:
            self._network.set_noisy(False)
        return self._best(self._network(inputs), masks)

    @torch.no_grad()
    def values(self, inputs: Tensor) -> Tensor:
        """``(B, discrete_count)`` expected returns, without noise."""
        self._network.set_noisy(False)
        return self._expected(self._network(inputs))

    @torch.no_grad()
    def bootstrap(self, next_inputs: Tensor, next_masks: Tensor) -> Bootstrap:
        """The next action, by the trained network (double) or by the target, and the target's value of it.

        Both networks get new noise.
        """
        self._target.resample(self._generator)
        self._network.resample(self._generator)
        target = self._target(next_inputs)
        choosing = self._network(next_inputs) if self._config.double else target
        choice = self._best(choosing, next_masks)
        value = _of_action(target, choice)
        return Bootstrap(choice, functional.softmax(value, dim=1) if self._support is not None else value)

    def learn(
        self,
        inputs: Tensor,
        discrete: Tensor,
        returns: Tensor,
        discounts: Tensor,
        weights: Tensor,
        bootstrap: Bootstrap,
    ) -> Tensor:
        """One step down the weighted loss under the noise of :meth:`bootstrap`, then the target follows.

        Args:
            inputs: ``(B, input_size)`` at the windows' first steps.
            discrete: ``(B,)`` actions taken there.
            returns: ``(B,)`` of the windows.
            discounts: ``(B,)`` factor of what follows.
            weights: ``(B,)`` importance weights.
            bootstrap: what follows.

        Returns:
            ``(B,)`` absolute errors of the expected return, in shares of the return range.

        """
        output = _of_action(self._network(inputs), discrete)
        if self._support is not None:
            loss, errors = self._categorical_loss(output, returns, discounts, bootstrap.value)
        else:
            goal = returns + discounts * self._expected(bootstrap.value)
            errors = (goal - self._expected(output)) / self._width
            loss = 0.5 * errors.square()
        self._trained.descend((weights * loss).mean())
        polyak(self._target_flat, self._trained.flat, self._config.target_tau)
        return errors.detach().abs()

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Everything that learning depends on but the random generator; noise is drawn anew before each use."""
        return {**self._trained.state_dict(), "target": self._target_flat.numpy().copy()}

    def load_state_dict(self, arrays: Arrays) -> None:
        """Take over what :meth:`state_dict` gave.

        Raises:
            InputError: it belongs to a network of another size.

        """
        self._trained.load_state_dict(arrays)
        load_flat(self._target_flat, arrays["target"], "Rainbow's target")

    def _categorical_loss(
        self, logits: Tensor, returns: Tensor, discounts: Tensor, following: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy to the projected target ``(B,)``, and the error of the expected return in shares ``(B,)``."""
        assert self._support is not None
        goal = project(following, returns, discounts, self._support)
        log_probabilities = functional.log_softmax(logits, dim=1)
        errors = ((goal - log_probabilities.detach().exp()) @ self._support) / self._width
        return -(goal * log_probabilities).sum(dim=1), errors

    def _expected(self, output: Tensor) -> Tensor:
        """``(…, atoms)`` to ``(…,)``: expected returns."""
        if self._support is not None:
            return functional.softmax(output, dim=-1) @ self._support
        # The bare value is learnt as a share of the return range, whatever the rewards' unit.
        return self._low + self._width * output.squeeze(-1)

    def _best(self, output: Tensor, masks: Tensor) -> Tensor:
        return self._expected(output).masked_fill_(~masks, -torch.inf).argmax(dim=1)


def _of_action(output: Tensor, action: Tensor) -> Tensor:
    """``(B, actions, atoms)`` to ``(B, atoms)`` of one action each ``(B,)``."""
    atoms = output.shape[2]
    return output.gather(1, action.view(-1, 1, 1).expand(-1, 1, atoms)).squeeze(1)
