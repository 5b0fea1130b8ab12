"""A searcher's proposals, measured one by one and kept; a search that was killed goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from accel_sim.errors import InputError
from rl.env.evaluator import Evaluation
from rl.env.space import Candidate
from rl.executors.protocol import Executor
from rl.runs.store import SearchStore
from rl.searchers.protocol import Outcome, SearchContext, Searcher, outcome_of

__all__ = ["Confirm", "run_searcher"]

Confirm = Callable[[Candidate, Evaluation], Evaluation]


def run_searcher(
    searcher: Searcher,
    context: SearchContext,
    executor: Executor,
    store: SearchStore,
    progress: Callable[[list[Outcome]], object] | None = None,
    confirm: Confirm | None = None,
) -> list[Outcome]:
    """Everything that the searcher proposes within the budget, with what it was worth.

    What the store holds already is not measured again: the searcher is sent what was measured then.

    Args:
        executor: measures candidates; those of a batch side by side, if it can.
        progress: called after every candidate with all outcomes so far.
        confirm: measures a candidate anew, on more images, that looks like the best within the bound so far; who looks
            best on few images was lucky on them, and a search that believes it goes where the luck is.

    Raises:
        InputError: the store holds another candidate than the searcher proposes (made by another version or machine).
    """
    outcomes: list[Outcome] = []
    proposals = searcher(context)
    try:
        batch = next(proposals)
        while True:
            affordable = batch[: context.budget - len(outcomes)]
            start = len(outcomes)
            for outcome in _measured(outcomes, affordable, context, executor, store, confirm):
                outcomes.append(outcome)
                if progress is not None:
                    progress(outcomes)
            if len(outcomes) == context.budget:
                return outcomes
            batch = proposals.send(outcomes[start:])
    except StopIteration:
        return outcomes
    finally:
        proposals.close()


def _measured(
    outcomes: Sequence[Outcome],
    batch: Sequence[Candidate],
    context: SearchContext,
    executor: Executor,
    store: SearchStore,
    confirm: Confirm | None,
) -> Iterator[Outcome]:
    """The outcomes of a batch behind those so far; each is stored before the next is waited for."""
    start = len(outcomes)
    best = max((one.reward for one in (context.start, *outcomes) if one.feasible), default=-1.0)
    stored = [_stored(store, start + index, candidate) for index, candidate in enumerate(batch)]
    missing = [candidate for candidate, there in zip(batch, stored, strict=True) if there is None]
    fresh = executor.evaluate(missing)
    for index, (candidate, there) in enumerate(zip(batch, stored, strict=True)):
        evaluation = there if there is not None else next(fresh)
        outcome = outcome_of(context.problem, candidate, evaluation)
        if there is None and confirm is not None and outcome.feasible and outcome.reward > best:
            evaluation = confirm(candidate, evaluation)
            outcome = outcome_of(context.problem, candidate, evaluation)
        best = max(best, outcome.reward) if outcome.feasible else best
        if there is None:
            policy = context.problem.space.policy(candidate)
            store.add(start + index, candidate, policy.model_dump_json(by_alias=True), outcome.reward, evaluation)
        yield outcome


def _stored(store: SearchStore, number: int, candidate: Candidate) -> Evaluation | None:
    there = store.episode(number)
    if there is None:
        return None
    if there[0] != candidate:
        raise InputError(
            f"the stored search: policy {number + 1} is not the one that this version of the program proposes;"
            " choose another --out"
        )
    return there[1]
