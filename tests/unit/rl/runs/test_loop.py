"""The run loop on a problem whose true figures are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rl.env.evaluator import Evaluation
from rl.env.space import Candidate
from rl.executors.protocol import InProcess
from rl.runs.loop import run_searcher
from rl.runs.store import SearchStore
from rl.searchers.protocol import Proposals, SearchContext
from tests.unit.rl.searchers.synthetic import synthetic

POINTS_OF_LUCK = 0.4


def proposals(context: SearchContext) -> Proposals:
    """Uniform widths in pairs, milder ones last."""
    space = context.problem.space
    for bits in (3, 5, 7):
        yield [space.uniform(bits, bits), space.uniform(bits + 1, bits + 1)]


def test_what_looks_best_is_measured_again_and_believed(tmp_path: Path) -> None:
    problem = synthetic(1, 4, max_loss_points=100.0)
    confirmed: list[Candidate] = []

    def lucky(candidate: Candidate) -> Evaluation:
        found = problem.evaluate(candidate)
        return replace(found, top1_percent=found.top1_percent + POINTS_OF_LUCK)

    def confirm(candidate: Candidate, evaluation: Evaluation) -> Evaluation:
        confirmed.append(candidate)
        return replace(evaluation, top1_percent=problem.evaluate(candidate).top1_percent)

    store = SearchStore(tmp_path, {"of": "a test"})
    context = problem.context(6, 0)
    outcomes = run_searcher(proposals, context, InProcess(lucky), store, confirm=confirm)
    assert len(outcomes) == 6
    rewards = [context.start.reward]
    for one in outcomes:
        looked = replace(one.evaluation, top1_percent=lucky(one.candidate).top1_percent)
        best = problem.problem.reward.of(looked.top1_percent, looked.energy_pj) > max(rewards)
        assert (one.candidate in confirmed) == best
        luck = 0.0 if best else POINTS_OF_LUCK
        assert one.evaluation.top1_percent == pytest.approx(problem.evaluate(one.candidate).top1_percent + luck)
        rewards.append(one.reward)
    assert 0 < len(confirmed) < 6
    # one that goes on is told what was found then, and confirms nothing anew
    again = run_searcher(proposals, context, InProcess(lucky), store, confirm=lambda *_: pytest.fail("measured again"))
    assert [one.evaluation for one in again] == [one.evaluation for one in outcomes]
