"""Evaluations of a search on other processes: each builds the evaluator from the request once and keeps it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock

from accel_sim.errors import InputError
from rl.env.evaluator import Evaluation, PolicyEvaluator
from rl.env.space import Candidate
from rl.executors.dask_tasks import DaskTasks
from rl.executors.ordered import ProcessTasks
from rl.runs.request import SearchRequest, prepare

__all__ = ["OnWorkers", "on_cluster", "on_processes"]

_Task = tuple[SearchRequest, str, Candidate]
_one_at_a_time = Lock()


class OnWorkers:
    """An executor whose tasks run elsewhere."""

    def __init__(
        self, request: SearchRequest, tasks: ProcessTasks[_Task, Evaluation] | DaskTasks[_Task, Evaluation]
    ) -> None:
        self._request, self._tasks = request, tasks

    def evaluate(self, candidates: Sequence[Candidate]) -> Iterator[Evaluation]:
        """See :class:`rl.executors.protocol.Executor`."""
        folder = str(Path.cwd())  # paths of the request are relative to it
        return self._tasks.results([(self._request, folder, candidate) for candidate in candidates])

    def close(self) -> None:
        """End or leave the workers."""
        self._tasks.close()


def on_processes(request: SearchRequest, workers: int) -> OnWorkers:
    """``workers`` processes of this machine, which share its cores."""
    threads = max(1, len(os.sched_getaffinity(0)) // workers)
    return OnWorkers(request, ProcessTasks(_measure, workers, partial(_limit_threads, threads)))


def on_cluster(request: SearchRequest, address: str) -> OnWorkers:
    """The workers of a Dask cluster.

    Raises:
        InputError: no scheduler answers, it has no workers, or they have another version of this package.
    """
    tasks: DaskTasks[_Task, Evaluation] = DaskTasks(_measure, address)
    try:
        tasks.check_version()
    except InputError:
        tasks.close()
        raise
    return OnWorkers(request, tasks)


def _limit_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _measure(task: _Task) -> Evaluation:
    request, folder, candidate = task
    with _one_at_a_time:  # a worker of a cluster may have several threads; an evaluator uses all cores by itself
        return _evaluator(request, folder).evaluate(candidate)


@lru_cache(maxsize=2)
def _evaluator(request: SearchRequest, folder: str) -> PolicyEvaluator:
    os.chdir(folder)
    return prepare(request).evaluator()
