"""Sweeps from Python: a specification in, the points and what they show out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accel_sim.errors import InputError
from rl.executors.ordered import ProcessTasks
from rl.sweeps.analysis import Sensitivity, best_points, check_metrics, pareto_front, sensitivity, where
from rl.sweeps.plan import Plan, make_plan, plan_of
from rl.sweeps.run import Progress, Shard, Tasks, missing_jobs, open_store, run_missing, stored_keys
from rl.sweeps.spec import spec_of, spec_text
from rl.sweeps.store import DONE, FAILED, Outcome, StoredPoint, SweepStore
from rl.sweeps.view import file_rows
from rl.sweeps.worker import Chunk, run_chunk

if TYPE_CHECKING:
    import pandas

__all__ = ["SweepResult", "sweep"]


def sweep(
    spec: Mapping[str, Any] | str | Path, out: str | Path, workers: int = 1, progress: Progress | None = None
) -> SweepResult:
    """Simulate every point of a design space; what ``out`` holds already is not computed again.

    Args:
        spec: what ``bitgrove sweep`` reads from a YAML file, as a mapping or as the file's path. Relative paths in a
            mapping begin at the working directory.
        out: folder where results are kept; ``bitgrove sweep`` and ``bitgrove report`` read it, too.
        workers: processes; with 1 the points run in this process. A script that asks for more must start the sweep
            under ``if __name__ == "__main__":``.
        progress: called with (points done, points to compute, title).

    Raises:
        InputError: something is wrong with the specification as a whole, or with the folder; one line per problem.
            What is wrong with single points is in their ``message``.

    >>> import tempfile
    >>> space = {"hardware": "dense_int8_8x8", "models": ["gemm:8,8,8"], "axes": {"array.rows": [2, 4, 8]}}
    >>> found = sweep(space, tempfile.mkdtemp())
    >>> [point.axes["array.rows"] for point in found.pareto("latency_s", "area_mm2")]
    [8, 4, 2]
    """
    if workers < 1:
        raise InputError(f"workers: holds {workers}; allowed: from 1")
    plan, text, folder = *_planned(spec), Path(out)
    jobs = missing_jobs(plan, stored_keys(folder, details=plan.details), Shard())
    store = open_store(plan, folder, text)
    if jobs:
        with _tasks(workers) as tasks:
            run_missing(plan, jobs, store, tasks, workers, progress or _silent)
    return SweepResult(plan.title, tuple(store.points()), store)


def _planned(spec: Mapping[str, Any] | str | Path) -> tuple[Plan, bytes]:
    """The plan, and the text that it was made of."""
    if isinstance(spec, Mapping):
        read, document = spec_of(spec)
        return plan_of(read, document, Path(), "sweep", _silent), spec_text(spec).encode()
    plan = make_plan(Path(spec), _silent)
    return plan, Path(spec).read_bytes()


@dataclass(frozen=True)
class SweepResult:
    """The points of a sweep.

    Attributes:
        title: of the specification.
        points: every point with its ``number``, ``axes``, ``status``, ``metrics`` (the numbers of a simulation's total,
            by dotted name) and, where it failed, ``message``; in the order of the specification.
    """

    title: str
    points: tuple[StoredPoint, ...]
    store: SweepStore

    @property
    def done(self) -> tuple[StoredPoint, ...]:
        """The points that were computed."""
        return tuple(point for point in self.points if point.status == DONE)

    @property
    def failed(self) -> tuple[StoredPoint, ...]:
        """The points that could not be computed; each says why in ``message``."""
        return tuple(point for point in self.points if point.status == FAILED)

    def where(self, condition: str) -> SweepResult:
        """The computed points that meet a condition on axes and metrics, e.g. ``"area_mm2 < 2"``.

        Raises:
            InputError: a wrong condition.
        """
        return SweepResult(self.title, tuple(where(self.points, condition)), self.store)

    def best(self, metric: str = "edp_js", count: int = 1) -> list[StoredPoint]:
        """The best points by a metric, the best first.

        Raises:
            InputError: no such metric.
        """
        check_metrics(self.points, [metric])
        return best_points(self.done, metric, count)

    def pareto(self, *metrics: str) -> list[StoredPoint]:
        """The points that no other beats in one metric without losing in another, by the first metric.

        Args:
            metrics: ``latency_s`` and ``energy_j`` if left out.

        Raises:
            InputError: no such metric.
        """
        names = metrics or ("latency_s", "energy_j")
        check_metrics(self.points, names)
        return pareto_front(self.done, names)

    def sensitivity(self, metric: str) -> Sensitivity | None:
        """How much each axis decides a metric; ``None`` where there is too little to say anything.

        Raises:
            InputError: no such metric.
        """
        check_metrics(self.points, [metric])
        return sensitivity(self.done, metric)

    def detail(self, point: StoredPoint) -> dict[str, Any] | None:
        """The whole JSON of a point's simulation, layers included; ``None`` where ``details`` are not kept."""
        return self.store.detail(point.number)

    def to_rows(self) -> list[dict[str, Any]]:
        """One flat row per point: its number and status, its axes, its metrics."""
        return file_rows(self.points)

    def to_pandas(self) -> pandas.DataFrame:
        """One row per point, see :meth:`to_rows`; needs pandas."""
        import pandas

        return pandas.DataFrame(self.to_rows())


class _Here:
    """Computes in this process, where classes that were registered at run time are known."""

    def finished(self, tasks: Sequence[Chunk]) -> Iterator[tuple[int, list[Outcome] | None]]:
        yield from enumerate(map(run_chunk, tasks))


@contextmanager
def _tasks(workers: int) -> Iterator[Tasks]:
    if workers == 1:
        yield _Here()
        return
    pool = ProcessTasks(run_chunk, workers)
    try:
        yield pool
    finally:
        pool.close()


def _silent(*_: object) -> None: ...
