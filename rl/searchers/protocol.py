"""What a searcher is: a generator that yields candidates and is sent what they were worth.

Every searcher, learning or not, sees the same context and pays for its candidates from the same budget::

    def searcher(context):
        outcomes = yield [candidate, another]     # measured in any order, sent back in this one
        ...

It may end before the budget is spent. Everything random in it comes from the context's seed, so the same outcomes lead
to the same proposals: that is how a search that was killed goes on (:mod:`rl.runs.loop`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from rl.agents.config import AgentConfig
from rl.env.episode import SearchProblem
from rl.env.evaluator import Evaluation
from rl.env.space import Candidate

__all__ = ["Outcome", "Proposals", "SearchContext", "Searcher", "outcome_of"]


@dataclass(frozen=True)
class Outcome:
    """A measured candidate.

    Attributes:
        reward: what it is worth.
        saved: share of the reference's energy.
        loss_points: lost accuracy, percentage points.
        feasible: whether that is within the bound.
    """

    candidate: Candidate
    evaluation: Evaluation
    reward: float
    saved: float
    loss_points: float
    feasible: bool


@dataclass(frozen=True, eq=False)
class SearchContext:
    """What a searcher knows.

    Attributes:
        problem: space, table and reward.
        budget: candidates that may be measured in all.
        seed: of everything random.
        reference: the dense 8-bit network's measurement, which every search begins with.
        agent: hyper-parameters of those that learn.
    """

    problem: SearchProblem
    budget: int
    seed: int
    reference: Evaluation
    agent: AgentConfig = AgentConfig(warmup_episodes=0)

    @property
    def start(self) -> Outcome:
        """The dense 8-bit network's outcome: where to go on from while nothing else is within the bound."""
        return outcome_of(self.problem, self.problem.space.reference, self.reference)

    def generator(self) -> np.random.Generator:
        """A fresh generator of the seed."""
        return np.random.default_rng(self.seed)


Proposals = Generator[Sequence[Candidate], Sequence[Outcome], None]
Searcher = Callable[[SearchContext], Proposals]


def outcome_of(problem: SearchProblem, candidate: Candidate, evaluation: Evaluation) -> Outcome:
    """What a measurement means for the search."""
    reward, top1, energy_pj = problem.reward, evaluation.top1_percent, evaluation.energy_pj
    return Outcome(
        candidate=candidate,
        evaluation=evaluation,
        reward=reward.of(top1, energy_pj),
        saved=reward.saved(energy_pj),
        loss_points=reward.loss_points(top1),
        feasible=reward.within_bound(top1),
    )
