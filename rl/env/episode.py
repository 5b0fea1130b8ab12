"""One episode, one policy: what is seen before each layer, and what each step earns in the end.

Shaped rewards: the potential of a state is the reward that the sensitivity table predicts if the layers so far are as
chosen and the others as in the reference network. Each step earns the rise of the potential, and the last one what is
missing to the measured reward, so that the steps' sum is the measured reward (Ng, Harada and Russell, 1999). Plain
rewards: the last step earns it all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl.env.features import FEATURES, LOSS_UNIT_POINTS
from rl.env.reward import Reward
from rl.env.sensitivity import SensitivityTable
from rl.env.space import LEAST_BITS, MAX_RATIO, MOST_BITS, Candidate, Choice, SearchSpace

__all__ = ["Episode", "SearchProblem"]


@dataclass(frozen=True, eq=False)
class SearchProblem:
    """All that an episode depends on beside the measurement of its policy.

    Attributes:
        space: the candidates.
        features: ``(layers, F)`` of :func:`rl.env.features.layer_features`.
        table: predictions.
        reward: what a policy is worth.
        shaped: whether steps earn shares of the reward.
    """

    space: SearchSpace
    features: NDArray[np.float32]
    table: SensitivityTable
    reward: Reward
    shaped: bool = True

    @property
    def layers(self) -> int:
        """Steps of an episode."""
        return len(self.space.layers)

    @property
    def state_size(self) -> int:
        """Numbers of an observation."""
        return len(FEATURES) + 5 + 3 + len(self.space.options)


class Episode:
    """The layers chosen so far.

    An observation has, in 0..1: the features of the layer that is next (zeros after the last one); the share of
    layers done; the share of energy predicted to be spent by them, predicted to be saved by them, and still to be
    spent by the others in the reference network; the loss predicted so far; the last step's ratio and widths, and its
    option as one of n.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self._problem = problem
        self._choices: list[Choice] = []
        self._saved, self._lost, self._potentials = 0.0, 0.0, [0.0]

    @property
    def layer(self) -> int:
        """Index of the layer that is next."""
        return len(self._choices)

    @property
    def done(self) -> bool:
        """Whether every layer has its choice."""
        return self.layer == self._problem.layers

    @property
    def candidate(self) -> Candidate:
        """The choices so far."""
        return tuple(self._choices)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """``(options,)`` that the next layer may take; all after the last one."""
        space = self._problem.space
        return np.ones(len(space.options), np.bool_) if self.done else space.mask(self.layer)

    def choose(self, choice: Choice) -> None:
        """Decide the next layer."""
        problem, layer = self._problem, self.layer
        choice = problem.space.settled(layer, choice)
        self._choices.append(choice)
        self._saved += problem.table.saved(layer, choice)
        self._lost += problem.table.loss_points(layer, choice)
        self._potentials.append(problem.reward.of_shares(self._saved, self._lost))

    def observation(self) -> NDArray[np.float32]:
        """``(state_size,)``, see the class."""
        problem = self._problem
        shares = [own.energy_share for own in problem.table.layers]
        done_share, left_share = sum(shares[: self.layer]), sum(shares[self.layer :])
        features = np.zeros(len(FEATURES)) if self.done else problem.features[self.layer]
        progress = [
            self.layer / problem.layers,
            done_share - self._saved,
            self._saved,
            left_share,
            self._lost / (self._lost + LOSS_UNIT_POINTS),
        ]
        values = np.concatenate([features, progress, self._last_actions()])
        return np.asarray(np.clip(values, 0.0, 1.0), np.float32)

    def step_reward(self) -> float:
        """What the last step earned, if it was not the episode's last."""
        return self._potentials[-1] - self._potentials[-2] if self._problem.shaped else 0.0

    def rewards(self, reward: float) -> list[float]:
        """What each step earns, given the measured reward of the whole policy; their sum is that reward."""
        steps = [0.0] * self._problem.layers
        if self._problem.shaped:
            steps = [after - before for before, after in zip(self._potentials, self._potentials[1:], strict=False)]
        steps[-1] = reward - sum(steps[:-1])
        return steps

    def _last_actions(self) -> NDArray[np.float64]:
        values = np.zeros(3 + len(self._problem.space.options))
        if self._choices:
            last, widths = self._choices[-1], MOST_BITS - LEAST_BITS
            values[:3] = (
                last.ratio / MAX_RATIO,
                (last.w_bits - LEAST_BITS) / widths,
                (last.a_bits - LEAST_BITS) / widths,
            )
            values[3 + last.option] = 1.0
        return values
