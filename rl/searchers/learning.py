"""The composite agent as a searcher, and DDPG with one fixed algorithm as its ablation.

The search starts with the knapsack's candidates, which seed the replay. Then every episode is one of three kinds, drawn
by the seed:

* the agent decides every layer, with its exploration;
* the agent decides a few layers, the others are as in one of the best candidates so far;
* a few layers of such a candidate are moved a little.

Of the last two kinds several are drawn, and the one that the sensitivity table, corrected by what the candidate they
start from measured, expects the most of is taken. All learners learn from all episodes: they are off-policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rl.agents.composite import Action, CompositeAgent
from rl.agents.config import Problem
from rl.agents.replay import Transition
from rl.env.episode import Episode, SearchProblem
from rl.env.reward import REWARD_RANGE
from rl.env.space import Candidate, Choice
from rl.searchers.knapsack import Knapsack
from rl.searchers.moves import best_of, mutated, predicted_after
from rl.searchers.protocol import Outcome, Proposals, SearchContext
from rl.searchers.warm_start import bisection, warm_steps

__all__ = ["LearningConfig", "composite", "composite_alone", "ddpg_fixed", "learning_search", "transitions"]


@dataclass(frozen=True)
class LearningConfig:
    """How episodes are made and learnt from.

    Attributes:
        warm_start: whether the knapsack's candidates come first.
        own_share: share of episodes in which the agent decides every layer.
        guided_share: share in which it decides some; the rest are small moves.
        drawn: candidates of the last two kinds that are drawn to take the most promising of.
        elite: best candidates that these start from.
        updates_per_step: batches that are learnt from per step of an episode.
        fixed_option: the one option, by its index, of an agent that chooses none; ``None``: it chooses.
    """

    warm_start: bool = True
    own_share: float = 0.2
    guided_share: float = 0.3
    drawn: int = 24
    elite: int = 4
    updates_per_step: int = 1
    fixed_option: int | None = None


ALONE = LearningConfig(warm_start=False, own_share=1.0, guided_share=0.0)


def composite(context: SearchContext) -> Proposals:
    """The composite agent with warm start and episodes around the best so far."""
    yield from learning_search(context, LearningConfig())


def composite_alone(context: SearchContext) -> Proposals:
    """The composite agent deciding every layer of every episode, from nothing: an ablation."""
    yield from learning_search(context, ALONE)


def ddpg_fixed(context: SearchContext) -> Proposals:
    """DDPG for ratio and widths with the first algorithm that prunes, everything else as the composite agent."""
    space = context.problem.space
    prunes = [index for index, option in enumerate(space.options) if option.takes_ratio]
    yield from learning_search(context, LearningConfig(fixed_option=prunes[0] if prunes else 0))


def learning_search(context: SearchContext, config: LearningConfig) -> Proposals:
    """See the module."""
    learner = _Learner(context, config)
    seen: list[Outcome] = []
    if config.warm_start:
        knapsack = Knapsack(context.problem.space, context.problem.table, learner.allowed)
        seen, _ = yield from bisection(context, knapsack, warm_steps(context))
        learner.start_from(seen)
    while len(seen) < context.budget:
        (outcome,) = yield [learner.propose([context.start, *seen])]
        learner.learn(outcome)
        seen.append(outcome)


class _Learner:
    """An agent, and the episodes that it takes part in."""

    def __init__(self, context: SearchContext, config: LearningConfig) -> None:
        self._problem, self._config = context.problem, config
        self._generator = np.random.default_rng([context.seed, 1])
        low, high = REWARD_RANGE
        # With shaping, what is left to earn is the reward less a potential that has the same range.
        returns = (low - high, high - low) if context.problem.shaped else REWARD_RANGE
        sizes = Problem(
            state_size=context.problem.state_size,
            continuous_size=3,
            discrete_count=1 if config.fixed_option is not None else len(context.problem.space.options),
            return_range=returns,
        )
        self._agent = CompositeAgent(sizes, context.agent, context.seed)

    def allowed(self, choice: Choice) -> bool:
        """Whether a choice keeps to the fixed option; one that prunes nothing always does."""
        fixed = self._config.fixed_option
        return fixed is None or choice.option == fixed or not self._problem.space.options[choice.option].takes_ratio

    def start_from(self, seen: Sequence[Outcome]) -> None:
        """Seed the replay, and learn from it as long as from episodes of its own."""
        steps = [step for outcome in seen for step in self._transitions(outcome)]
        if steps:
            self._agent.seed_replay(steps)
            self._agent.update(len(steps) * self._config.updates_per_step)

    def learn(self, outcome: Outcome) -> None:
        """Remember an episode and learn."""
        steps = self._transitions(outcome)
        for step in steps:
            self._agent.remember(step)
        self._agent.update(len(steps) * self._config.updates_per_step)

    def propose(self, seen: Sequence[Outcome]) -> Candidate:
        """The next candidate; one that was measured already only if nothing else comes up.

        Args:
            seen: the dense 8-bit network, and all that was measured.
        """
        known = {outcome.candidate for outcome in seen}
        kind = self._generator.random()
        if kind < self._config.own_share:
            return self._decided(None, np.ones(self._problem.layers, np.bool_))
        guided = kind < self._config.own_share + self._config.guided_share
        best: tuple[float, Candidate] | None = None
        for _ in range(self._config.drawn):
            start = self._start(seen)
            candidate = self._guided(start) if guided else self._moved(start)
            expected = predicted_after(self._problem, start, candidate)
            if candidate not in known and (best is None or expected > best[0]):
                best = (expected, candidate)
        return best[1] if best is not None else self._problem.space.random(self._generator)

    def _start(self, seen: Sequence[Outcome]) -> Outcome:
        """One of the best so far; the better, the likelier."""
        left, elite = list(seen), list[Outcome]()
        while left and len(elite) < self._config.elite:
            elite.append(best_of(left))
            left = [outcome for outcome in left if outcome.candidate != elite[-1].candidate]
        weights = 0.5 ** np.arange(len(elite))
        return elite[int(self._generator.choice(len(elite), p=weights / weights.sum()))]

    def _guided(self, start: Outcome) -> Candidate:
        few = np.zeros(self._problem.layers, np.bool_)
        count = int(self._generator.integers(1, max(2, self._problem.layers // 4) + 1))
        few[self._generator.choice(len(few), min(count, len(few)), replace=False)] = True
        return self._decided(start.candidate, few)

    def _moved(self, start: Outcome) -> Candidate:
        return mutated(self._problem.space, start.candidate, self._generator, self.allowed)

    def _decided(self, start: Candidate | None, by_agent: NDArray[np.bool_]) -> Candidate:
        """An episode in which the agent decides the marked layers."""
        episode, space = Episode(self._problem), self._problem.space
        while not episode.done:
            layer = episode.layer
            if start is not None and not by_agent[layer]:
                episode.choose(start[layer])
                continue
            action = self._agent.act(episode.observation(), self._mask(episode.mask))
            fixed = self._config.fixed_option
            option = action.discrete if fixed is None else fixed
            episode.choose(space.choice(layer, action.continuous, option))
        return episode.candidate

    def _mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return mask if self._config.fixed_option is None else np.ones(1, np.bool_)

    def _transitions(self, outcome: Outcome) -> list[Transition]:
        return transitions(self._problem, outcome, discrete=self._config.fixed_option is None)


def transitions(problem: SearchProblem, outcome: Outcome, *, discrete: bool = True) -> list[Transition]:
    """The steps of a measured candidate's episode, whoever proposed it.

    Args:
        problem: states and rewards.
        outcome: the candidate and what it was worth.
        discrete: whether the learner chooses options; else it sees a single one.
    """
    episode, states, masks, actions = Episode(problem), list[NDArray[np.float32]](), list[NDArray[np.bool_]](), []
    single = np.ones(1, np.bool_)
    for choice in outcome.candidate:
        states.append(episode.observation())
        masks.append(episode.mask if discrete else single)
        actions.append(Action(problem.space.continuous(choice), choice.option if discrete else 0))
        episode.choose(choice)
    states.append(episode.observation())
    masks.append(episode.mask if discrete else single)
    rewards, last = episode.rewards(outcome.reward), problem.layers - 1
    return [
        Transition(
            state=states[step],
            continuous=action.continuous,
            discrete=action.discrete,
            mask=masks[step],
            reward=rewards[step],
            next_state=states[step + 1],
            next_mask=masks[step + 1],
            terminated=step == last,
        )
        for step, action in enumerate(actions)
    ]
