"""A whole search: from a request to a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Protocol

from accel_sim.errors import InputError
from rl.env.episode import SearchProblem
from rl.env.evaluator import Evaluation, PolicyEvaluator
from rl.env.features import layer_features
from rl.env.reward import Reward
from rl.env.sensitivity import SensitivityTable, measure_sensitivity, probe_count
from rl.executors.protocol import Executor, InProcess
from rl.runs.confirmation import Confirmation
from rl.runs.files import write_results
from rl.runs.final import Finals
from rl.runs.loop import run_searcher
from rl.runs.paired import SearchImages
from rl.runs.request import Prepared, SearchRequest, prepare
from rl.runs.result import SearchResult
from rl.runs.saved_request import request_values
from rl.runs.store import SearchStore
from rl.runs.summary import summary
from rl.runs.table_file import TABLE, read_table, write_table
from rl.searchers.protocol import Outcome, SearchContext
from rl.searchers.registry import find_searcher

__all__ = ["Cost", "Watch", "refuse_unreachable", "search"]

UNIFORM_BITS = (8, 6, 4)
MEASURED_IN_FULL = 20
"""Policies, as a rule; each takes some six evaluations' time."""
ExecutorMaker = Callable[[SearchRequest], Executor]


@dataclass(frozen=True)
class Cost:
    """What a search will take, said before it starts.

    Attributes:
        evaluation_s: of one policy, measured.
        simulation_s: the part of it that the machine's simulation takes.
        policies, stored: to be tried in all, and of these already in the store.
        probes: networks that the sensitivity table still needs.
        images: that each policy classifies.
        top1_percent: of the float network on these images, 0..100.
        chance_percent: what guessing would get.
        standard_error_points: of the accuracy on so few images, percentage points.
    """

    evaluation_s: float
    simulation_s: float
    policies: int
    stored: int
    probes: int
    images: int
    top1_percent: float
    chance_percent: float
    standard_error_points: float

    @property
    def total_s(self) -> float:
        """All of it, roughly: probes classify fewer images, policies that are measured in full more."""
        return self.evaluation_s * (self.policies - self.stored + 0.5 * self.probes + 6 * MEASURED_IN_FULL)


class Watch(Protocol):
    """What is told of a search while it runs."""

    def phase(self, text: str) -> None:
        """Something of unknown length starts."""

    def step(self, done: int, total: int, text: str) -> None:
        """``done`` of ``total`` are done."""

    def cost(self, cost: Cost) -> None:
        """Before the first policy."""

    def tried(self, outcomes: Sequence[Outcome], total: int) -> None:
        """After every policy, with all outcomes so far."""


def search(request: SearchRequest, watch: Watch | None = None, executor: ExecutorMaker | None = None) -> SearchResult:
    """Run a search, or go on with the one that ``request.out`` holds; write its results there.

    Args:
        request: what to search.
        watch: is told of progress.
        executor: makes what policies are measured on; this process if left out.

    Raises:
        InputError: something is wrong with the request, the folder holds another search, or no policy can meet the
            bound. Nothing of this takes longer than an evaluation to find out.
    """
    seen = watch or _Silent()
    seen.phase(f"reading {request.model}")
    prepared = prepare(request)
    find_searcher(request.agent)
    seen.phase("the dense 8-bit network")
    evaluator = prepared.evaluator()
    reward = _reward(prepared, evaluator)
    with closing(executor(request) if executor else InProcess(evaluator.evaluate)) as place:
        store = SearchStore(request.out, prepared.identity)
        store.set_fact("request", request_values(request))
        uniform = {bits: evaluator.evaluate(evaluator.space.uniform(bits, bits)) for bits in UNIFORM_BITS}
        seen.cost(_cost(prepared, evaluator, store, uniform))
        table = _table(prepared, evaluator, seen)
        problem = SearchProblem(
            evaluator.space, layer_features(evaluator.graph, evaluator.space, table), table, reward, request.shaped
        )
        context = SearchContext(problem, request.episodes, request.seed, evaluator.reference, request.agent_config)
        finals = Finals(prepared, evaluator, SearchImages(prepared), reward, store, seen.phase)
        outcomes = run_searcher(
            find_searcher(request.agent),
            context,
            place,
            store,
            lambda all_: seen.tried(all_, request.episodes),
            Confirmation(finals, reward, store),
        )
    winner, measured = finals.choose(outcomes, context.start)
    found = summary(prepared, table, outcomes, finals, winner, measured)
    result = SearchResult(prepared, problem, tuple(outcomes), winner, uniform, found)
    seen.phase("writing")
    write_results(result, request.out)
    return result


class _Silent:
    def phase(self, text: str) -> None: ...

    def step(self, done: int, total: int, text: str) -> None: ...

    def cost(self, cost: Cost) -> None: ...

    def tried(self, outcomes: Sequence[Outcome], total: int) -> None: ...


def _reward(prepared: Prepared, evaluator: PolicyEvaluator) -> Reward:
    reference, request = evaluator.reference, prepared.request
    reward = Reward(request.max_loss_points, reference.energy_pj, evaluator.float_accuracy.top1_percent)
    refuse_unreachable(reward, reference.top1_percent, prepared.inner.size)
    return reward


def refuse_unreachable(reward: Reward, reference_top1_percent: float, images: int) -> None:
    """Make sure that the dense 8-bit network, of all policies the one that loses least, meets the bound.

    Raises:
        InputError: it does not.
    """
    if not reward.within_bound(reference_top1_percent):
        lost = reward.loss_points(reference_top1_percent)
        raise InputError(
            f"--max-loss: holds {reward.max_loss_points:g}; no policy is known to meet it: the dense 8-bit network"
            f" loses {lost:.2f} points on the {images} images that policies are tried on; allowed: from {lost:.2f}"
        )


def _cost(prepared: Prepared, evaluator: PolicyEvaluator, store: SearchStore, uniform: dict[int, Evaluation]) -> Cost:
    typical = min(uniform.values(), key=lambda one: one.seconds)  # the first ones compile
    share = evaluator.float_accuracy.top1_percent / 100
    there = (prepared.request.out / TABLE).exists() or prepared.request.sensitivity is not None
    return Cost(
        evaluation_s=typical.seconds,
        simulation_s=typical.simulation_seconds,
        policies=prepared.request.episodes,
        stored=store.episodes,
        probes=0 if there else probe_count(evaluator.space),
        images=prepared.inner.size,
        top1_percent=evaluator.float_accuracy.top1_percent,
        chance_percent=100 / prepared.inner.classes,
        standard_error_points=100 * sqrt(share * (1 - share) / prepared.inner.size),
    )


def _table(prepared: Prepared, evaluator: PolicyEvaluator, watch: Watch) -> SensitivityTable:
    """The table of the folder, else of the request, else measured now; it lies in the folder afterwards."""
    own: Path = prepared.request.out / TABLE
    given = own if own.exists() else prepared.request.sensitivity
    if given is not None:
        table = read_table(given, prepared.measured_by)
    else:
        table = measure_sensitivity(evaluator, progress=watch.step)
    if not own.exists():
        write_table(own, table, prepared.measured_by)
        table = read_table(own, prepared.measured_by)  # a search that goes on reads it, too: the same numbers
    return table
