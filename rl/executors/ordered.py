"""Tasks on processes of this machine, a task whose worker dies done again. Knows nothing of searches and sweeps.

``results`` gives results in the order of the tasks and ends with an error where a task kills every worker; ``finished``
gives them as they come, and says of such a task that it has none.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar

from accel_sim.errors import RunError

__all__ = ["RETRIES", "ProcessTasks"]

RETRIES = 3
"""How often a task is tried again whose worker died under it."""
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class ProcessTasks(Generic[_Task, _Result]):
    """``run(task)`` in ``workers`` processes, started afresh (forked ones inherit locks of threads that they lack).

    Args:
        run: a function of a module; it and the tasks are pickled.
        workers: how many.
        prepare: called once in each process.
    """

    def __init__(
        self, run: Callable[[_Task], _Result], workers: int, prepare: Callable[[], object] | None = None
    ) -> None:
        self._run, self._workers, self._prepare = run, workers, prepare
        self._pool = self._start()

    def results(self, tasks: Sequence[_Task]) -> Iterator[_Result]:
        """In the order of the tasks.

        Raises:
            RunError: a task's worker died :data:`RETRIES` times in a row.
        """
        futures = [self._submit(task) for task in tasks]
        for index in range(len(tasks)):
            for attempt in range(RETRIES + 1):
                try:
                    result = futures[index].result()
                    break
                except BrokenProcessPool as error:
                    if attempt == RETRIES:
                        raise RunError(f"worker processes ended {RETRIES + 1} times at the same task") from error
                    self._restart(tasks, futures, index)
            yield result

    def finished(self, tasks: Sequence[_Task]) -> Iterator[tuple[int, _Result | None]]:
        """Index and result of each task as it ends; ``None`` where its worker died :data:`RETRIES` times and once more.

        A dead worker takes with it what runs beside it; those tasks are then run one at a time, which shows whose fault
        it is.
        """
        waiting, suspects = deque(range(len(tasks))), deque[int]()
        running: dict[Future[_Result], int] = {}
        deaths: Counter[int] = Counter()
        while waiting or suspects or running:
            if suspects and not running:
                index = suspects.popleft()
                running[self._submit(tasks[index])] = index
            while waiting and not suspects and not deaths.keys() & running.values() and len(running) < self._ahead:
                index = waiting.popleft()
                running[self._submit(tasks[index])] = index
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield running.pop(future), future.result()
            lost = sorted(index for future, index in running.items() if _broken(future))
            if not lost:
                continue
            wait(running)  # the others' end, too, is only a matter of time
            done = [(index, future.result()) for future, index in running.items() if _succeeded(future)]
            lost = sorted(set(running.values()) - {index for index, _ in done})
            running.clear()
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = self._start()
            deaths.update(lost)
            yield from done
            yield from ((index, None) for index in lost if deaths[index] > RETRIES)
            suspects.extend(index for index in lost if deaths[index] <= RETRIES)

    @property
    def _ahead(self) -> int:
        """Tasks that are handed out: one for each worker, and one for each to go on with."""
        return 2 * self._workers

    def _restart(self, tasks: Sequence[_Task], futures: list[Future[_Result]], first: int) -> None:
        """A dead worker takes the whole pool with it: a new one does all that has no result."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._start()
        for index in range(first, len(tasks)):
            if not _succeeded(futures[index]):
                futures[index] = self._submit(tasks[index])

    def _submit(self, task: _Task) -> Future[_Result]:
        try:
            return self._pool.submit(self._run, task)
        except BrokenProcessPool as error:  # found out when the result is asked for, with those before it
            failed: Future[_Result] = Future()
            failed.set_exception(error)
            return failed

    def _start(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=self._prepare)

    def close(self) -> None:
        """End the processes; what still runs is given up."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _broken(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and isinstance(future.exception(), BrokenProcessPool)
