"""Searchers of Optuna (Akiba et al., 2019), asked and told: TPE for the reward, NSGA-II for energy and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from rl.env.space import LEAST_BITS, MOST_BITS, RATIOS, Candidate, Choice, SearchSpace
from rl.searchers.knapsack import Knapsack
from rl.searchers.protocol import Proposals, SearchContext
from rl.searchers.warm_start import bisection, warm_steps

__all__ = ["nsga2", "tpe"]

MOST_POPULATION = 24


def tpe(context: SearchContext) -> Proposals:
    """Tree-structured Parzen estimator (Bergstra et al., 2011) of the reward; told of the warm start's candidates."""
    sampler = optuna.samplers.TPESampler(seed=context.seed)
    yield from _asked(context, _study(sampler, ["maximize"]), together=1)


def nsga2(context: SearchContext) -> Proposals:
    """NSGA-II (Deb et al., 2002) of saved energy against lost accuracy; told of the warm start's candidates.

    A generation's candidates are proposed together, so that they can be measured side by side.
    """
    population = max(4, min(MOST_POPULATION, context.budget // 6))
    sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=context.seed)
    yield from _asked(context, _study(sampler, ["maximize", "minimize"]), together=population)


def _study(sampler: optuna.samplers.BaseSampler, directions: Sequence[Literal["maximize", "minimize"]]) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=sampler, directions=directions)


def _asked(context: SearchContext, study: optuna.Study, together: int) -> Proposals:
    space = context.problem.space
    forms, two = _distributions(space), len(study.directions) == 2
    seen, _ = yield from bisection(context, Knapsack(space, context.problem.table), warm_steps(context))
    for outcome in seen:
        values = [outcome.saved, outcome.loss_points] if two else [outcome.reward]
        parameters = _parameters(outcome.candidate)
        study.add_trial(optuna.trial.create_trial(params=parameters, distributions=forms, values=values))
    left = context.budget - len(seen)
    while left > 0:
        trials = [study.ask(forms) for _ in range(min(together, left))]
        outcomes = yield [_candidate(space, trial.params) for trial in trials]
        for trial, outcome in zip(trials, outcomes, strict=True):
            study.tell(trial, [outcome.saved, outcome.loss_points] if two else outcome.reward)
        left -= len(trials)


def _distributions(space: SearchSpace) -> dict[str, BaseDistribution]:
    forms: dict[str, BaseDistribution] = {}
    for layer, own in enumerate(space.layers):
        forms[f"{layer}.option"] = CategoricalDistribution([int(i) for i in np.flatnonzero(own.allowed)])
        forms[f"{layer}.ratio"] = IntDistribution(0, len(RATIOS) - 1)
        forms[f"{layer}.w_bits"] = IntDistribution(LEAST_BITS, MOST_BITS)
        forms[f"{layer}.a_bits"] = IntDistribution(LEAST_BITS, MOST_BITS)
    return forms


def _parameters(candidate: Candidate) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for layer, choice in enumerate(candidate):
        found[f"{layer}.option"], found[f"{layer}.ratio"] = choice.option, RATIOS.index(choice.ratio)
        found[f"{layer}.w_bits"], found[f"{layer}.a_bits"] = choice.w_bits, choice.a_bits
    return found


def _candidate(space: SearchSpace, values: dict[str, Any]) -> Candidate:
    return tuple(
        space.settled(
            layer,
            Choice(
                values[f"{layer}.option"],
                RATIOS[values[f"{layer}.ratio"]],
                values[f"{layer}.w_bits"],
                values[f"{layer}.a_bits"],
            ),
        )
        for layer in range(len(space.layers))
    )
