"""Tasks on a Dask cluster, done again where a worker or the scheduler is lost. Knows nothing of searches and sweeps.

The same two calls as :class:`rl.executors.ordered.ProcessTasks`: ``results`` in the order of the tasks, ``finished`` as
they come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from accel_sim import __version__
from accel_sim.errors import InputError, RunError
from rl.executors.ordered import RETRIES

__all__ = ["DaskTasks"]

_CONNECT_S = 5.0
_CHECK_S = 1.0
_GATHER_S = 10.0
_COME_BACK_S = 120.0
"""How long a scheduler may be away, or be without workers, before a run is given up."""
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Ended(Generic[_Result]):
    """How a task ended: with a result, or with an error."""

    result: _Result | None = None
    error: BaseException | None = None


class DaskTasks(Generic[_Task, _Result]):
    """``run(task)`` on the workers of a Dask cluster, which must have this package and see the same files.

    Args:
        run: a function of a module.
        address: of the scheduler, ``tcp://HOST:PORT``.
        patience_s: how long to wait for the first worker.
        option: of the command line that asked for the cluster; messages begin with it.
        no_workers: what to say where no worker comes.
        come_back_s: how long a lost scheduler, or the last lost worker, is waited for.

    Raises:
        InputError: Dask is not installed, no scheduler answers there, or it has no workers.
    """

    def __init__(
        self,
        run: Callable[[_Task], _Result],
        address: str,
        patience_s: float = 0.0,
        *,
        option: str = "--scheduler",
        no_workers: str = "",
        come_back_s: float = _COME_BACK_S,
    ) -> None:
        self._run, self._address, self._option, self._come_back_s = run, address, option, come_back_s
        self._client, self._checked = self._connected(), False
        if not self._has_workers(patience_s):
            self.close()
            reason = f"the scheduler at {address!r} has no workers; start some with 'dask worker'"
            raise InputError(f"{option}: {no_workers or reason}")

    def results(self, tasks: Sequence[_Task]) -> Iterator[_Result]:
        """In the order of the tasks; the scheduler moves the tasks of a dead worker to others.

        Raises:
            RunError: a task's worker died several times, or the cluster was lost.
        """
        from distributed import KilledWorker

        early: dict[int, _Ended[_Result]] = {}
        coming = self._ended(tasks)
        for index in range(len(tasks)):
            while index not in early:
                number, ended = next(coming)
                early[number] = ended
            error = early[index].error
            if isinstance(error, KilledWorker):
                raise RunError(f"workers of the cluster ended several times at the same task: {error}") from error
            if error is not None:
                raise error
            yield early.pop(index).result  # type: ignore[misc]  # without an error it is a result

    def finished(self, tasks: Sequence[_Task]) -> Iterator[tuple[int, _Result | None]]:
        """Index and result of each task as it ends; ``None`` where it killed several workers.

        Raises:
            RunError: the cluster was lost.
        """
        from distributed import KilledWorker

        for index, ended in self._ended(tasks):
            if ended.error is not None and not isinstance(ended.error, KilledWorker):
                raise ended.error
            yield index, ended.result

    def _ended(self, tasks: Sequence[_Task]) -> Iterator[tuple[int, _Ended[_Result]]]:
        """Every task as it ends. What a lost scheduler had not given back is handed to the one that takes its place."""
        missing = dict(enumerate(tasks))
        for attempt in range(RETRIES + 1):
            for index, ended in self._until_lost(missing):
                del missing[index]
                yield index, ended
            if not missing:
                return
            if attempt < RETRIES:
                self._reconnect()
        raise RunError(f"{self._option}: the scheduler was lost {RETRIES + 1} times; what was finished is kept")

    def _until_lost(self, tasks: dict[int, _Task]) -> Iterator[tuple[int, _Ended[_Result]]]:
        """Tasks as they end, until all have or the scheduler is lost."""
        ended: SimpleQueue[Any] = SimpleQueue()
        indices = {self._client.submit(self._run, task, pure=False): index for index, task in tasks.items()}
        for future in indices:
            future.add_done_callback(ended.put)
        alone_since: float | None = None
        try:
            while indices:
                try:
                    future = ended.get(timeout=_CHECK_S)
                except Empty:
                    if self._client.status == "closed":  # gave up looking for its scheduler
                        return
                    alone_since = self._alone_since(alone_since)
                    continue
                try:
                    outcome = _Ended(result=future.result(timeout=_GATHER_S))
                except CancelledError:  # what a client does to its futures when it loses the scheduler
                    return
                except Exception as error:  # the task's own, or KilledWorker
                    if isinstance(error, TimeoutError) and future.status != "error":
                        # Its worker ended with the result: the task has to be done again.
                        alone_since = self._alone_since(alone_since)
                        future.add_done_callback(ended.put)
                        continue
                    outcome = _Ended(error=error)
                alone_since = None  # a result came: whoever goes now is waited for anew
                yield indices.pop(future), outcome
        finally:
            with suppress(Exception):  # a lost scheduler has nothing left to cancel
                self._client.cancel(list(indices))

    def _alone_since(self, before: float | None) -> float | None:
        """Since when there have been no workers; ``None`` while there are some.

        Raises:
            RunError: for too long.
        """
        if self.workers:
            return None
        now = time.monotonic()
        if before is not None and now - before > self._come_back_s:
            raise RunError(
                f"{self._option}: all workers of the cluster have ended, and none came for {self._come_back_s:g} s; "
                "what was finished is kept"
            )
        return now if before is None else before

    def _reconnect(self) -> None:
        """Wait for a scheduler at the same address, with workers.

        Raises:
            RunError: there is none in time.
            InputError: its workers have another version, where that was asked for before.
        """
        self.close()
        deadline = time.monotonic() + self._come_back_s
        while time.monotonic() < deadline:
            try:
                self._client = self._connected()
            except InputError:
                time.sleep(_CHECK_S)
                continue
            if self._has_workers(max(_CHECK_S, deadline - time.monotonic())):
                if self._checked:
                    self.check_version()
                return
            self.close()
        raise RunError(
            f"{self._option}: the scheduler at {self._address!r} was lost, and none with workers came back within "
            f"{self._come_back_s:g} s; what was finished is kept"
        )

    def _connected(self) -> Any:
        try:
            from distributed import Client
        except ImportError as error:
            raise InputError(f"{self._option}: needs dask.distributed; pip install 'bitgrove[cluster]'") from error
        try:
            return Client(self._address, timeout=_CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self._option}: no Dask scheduler answers at {self._address!r}; "
                "allowed: an address such as tcp://host:8786"
            ) from error

    def _has_workers(self, patience_s: float) -> bool:
        """Whether there is a worker within the time."""
        if patience_s:
            with suppress(TimeoutError):
                self._client.wait_for_workers(1, timeout=patience_s)
        return self.workers > 0

    def everywhere(self, function: Callable[[], Any]) -> set[Any]:
        """What a function returns on the workers.

        Raises:
            InputError: they cannot run it.
        """
        try:
            return set(self._client.run(function).values())
        except Exception as error:  # whatever a worker that lacks the package makes of it
            reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
            raise InputError(f"{self._option}: a worker of the cluster cannot run this package: {reason}") from error

    def check_version(self) -> None:
        """Make sure that the workers have this package, in this version; those of a scheduler that comes back, too.

        Raises:
            InputError: they do not.
        """
        self._checked = True
        others = self.everywhere(_version) - {__version__}
        if others:
            raise InputError(
                f"{self._option}: workers have version {', '.join(sorted(others))}; allowed: {__version__}, as here"
            )

    @property
    def workers(self) -> int:
        """How many there are now."""
        return len(self._client.scheduler_info()["workers"])

    def close(self) -> None:
        """Leave the cluster as it is."""
        self._client.close()


def _version() -> str:
    return __version__
