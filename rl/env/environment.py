"""The search as a Gymnasium environment: one step per prunable layer, one episode per policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from accel_sim.errors import RunError
from rl.env.episode import Episode, SearchProblem
from rl.env.evaluator import Evaluation
from rl.env.space import Candidate

__all__ = ["CompressionEnv"]

Observation = NDArray[np.float32]
Action = dict[str, Any]


class CompressionEnv(gymnasium.Env[Observation, Action]):
    """Chooses layer by layer; the last step measures the policy.

    * **Observation**: ``Box(0, 1, (state_size,))``, see :class:`rl.env.episode.Episode`.
    * **Action**: ``{"continuous": Box(0, 1, (3,)), "option": Discrete(options)}``; the first holds ratio, width of the
      weights and width of the activations, as :mod:`rl.env.space` reads them; the second is an algorithm.
      ``info["mask"]`` says which algorithms the next layer may take; another counts as the first that it may take.
    * **Reward**: :class:`rl.env.reward.Reward` of the whole policy, in shares per step (:mod:`rl.env.episode`); the sum
      over an episode is always the measured reward.
    * **End**: ``terminated`` after the last layer; ``info`` then has ``candidate``, ``evaluation`` and ``reward``.

    Args:
        problem: space, table and reward.
        evaluate: measures a candidate, such as :meth:`rl.env.evaluator.PolicyEvaluator.evaluate`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  (the base class's attribute)

    def __init__(self, problem: SearchProblem, evaluate: Callable[[Candidate], Evaluation]) -> None:
        self._problem, self._evaluate = problem, evaluate
        self.observation_space = spaces.Box(0.0, 1.0, (problem.state_size,), np.float32)
        self.action_space = spaces.Dict(
            {
                "continuous": spaces.Box(0.0, 1.0, (3,), np.float32),
                "option": spaces.Discrete(len(problem.space.options)),
            }
        )
        self._episode: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start with the first layer; nothing here is random."""
        super().reset(seed=seed, options=options)
        self._episode = Episode(self._problem)
        return self._episode.observation(), {"mask": self._episode.mask}

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Decide one layer.

        Raises:
            RunError: there is no layer left, or the environment was not reset.
        """
        episode = self._episode
        if episode is None or episode.done:
            raise RunError("environment: no episode is running; allowed: reset first")
        space = self._problem.space
        episode.choose(space.choice(episode.layer, action["continuous"], int(action["option"])))
        info: dict[str, Any] = {"mask": episode.mask}
        if not episode.done:
            reward = episode.step_reward()
            return episode.observation(), reward, False, False, info
        evaluation = self._evaluate(episode.candidate)
        measured = self._problem.reward.of(evaluation.top1_percent, evaluation.energy_pj)
        info |= {"candidate": episode.candidate, "evaluation": evaluation, "reward": measured}
        return episode.observation(), episode.rewards(measured)[-1], True, False, info
