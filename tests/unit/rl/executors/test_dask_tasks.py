"""Tasks on a Dask cluster: in order, and whole after a worker was killed or the scheduler was started anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from accel_sim.errors import InputError, RunError
from rl.executors import dask_tasks
from rl.executors.dask_tasks import DaskTasks
from tests.unit.rl.executors import tasks
from tests.unit.rl.executors.dask_processes import DaskProcesses

NUMBERS = list(range(7))
SQUARES = [number * number for number in NUMBERS]

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with two workers, each a process of its own on this machine."""
    with closing(DaskProcesses(tmp_path_factory.mktemp("dask"))) as processes:
        yield processes.address


@pytest.fixture
def own(tmp_path: Path) -> Iterator[DaskProcesses]:
    """A cluster that a test may ruin."""
    with closing(DaskProcesses(tmp_path)) as processes:
        yield processes


def test_a_cluster_gives_results_in_order_and_survives_a_killed_worker(cluster: str, tmp_path: Path) -> None:
    with closing(DaskTasks(tasks.square, cluster)) as pool:
        assert pool.workers == 2
        assert pool.everywhere(tasks.answer) == {42}
        with pytest.raises(InputError, match="a worker of the cluster cannot run this package: ValueError: no answer"):
            pool.everywhere(tasks.no_answer)
        assert list(pool.results(NUMBERS)) == SQUARES
        assert sorted(pool.finished(NUMBERS)) == list(enumerate(SQUARES))
    with closing(DaskTasks(tasks.die_once, cluster)) as pool:
        assert list(pool.results([(number, str(tmp_path)) for number in NUMBERS])) == SQUARES
    assert (tmp_path / "died").exists()


def test_nobody_answers() -> None:
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'; allowed: an address"):
        DaskTasks(tasks.square, "tcp://127.0.0.1:9")


@pytest.mark.parametrize("call", ["results", "finished"])
def test_a_scheduler_that_is_started_anew_loses_nothing(call: str, own: DaskProcesses, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    ran.mkdir()
    numbers = list(range(20))
    with closing(DaskTasks(tasks.note, own.address)) as pool:
        coming = iter(getattr(pool, call)([(number, str(ran)) for number in numbers]))
        found = [next(coming) for _ in range(5)]
        own.restart()
        found += coming
    expected = [number * number for number in numbers]
    assert (found if call == "results" else [result for _, result in sorted(found)]) == expected
    times = Counter(int(path.name.partition("-")[0]) for path in ran.iterdir())
    assert sorted(times) == numbers
    given = numbers[:5] if call == "results" else [index for index, _ in found[:5]]
    assert all(times[number] == 1 for number in given)  # what was handed over is not done again
    assert max(times.values()) == 2


def test_a_scheduler_that_stays_away_ends_the_run(own: DaskProcesses, tmp_path: Path) -> None:
    with closing(DaskTasks(tasks.note, own.address, come_back_s=3)) as pool:
        coming = pool.finished([(number, str(tmp_path)) for number in NUMBERS])
        next(coming)
        own.close()
        with pytest.raises(
            RunError, match=r"--scheduler: the scheduler at '.*' was lost, and none .* within 3 s; what"
        ):
            list(coming)


def test_workers_that_stay_away_end_the_run(own: DaskProcesses, tmp_path: Path) -> None:
    with closing(DaskTasks(tasks.note, own.address, come_back_s=2)) as pool:
        coming = pool.finished([(number, str(tmp_path)) for number in NUMBERS])
        next(coming)
        own.end_workers()
        with pytest.raises(RunError, match=r"--scheduler: all workers of the cluster have ended, and none .* for 2 s"):
            list(coming)


class GivesAt:
    """Of a Dask client what a run uses: each task is the time at which its result comes, in seconds."""

    status = "running"

    def submit(self, _run: Any, after_s: float, **_: Any) -> Future[float]:
        future: Future[float] = Future()
        timer = Timer(after_s, future.set_result, [after_s])
        timer.daemon = True
        timer.start()
        return future

    def cancel(self, _futures: Any) -> None: ...


def test_workers_that_went_before_are_waited_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the first look; then results for longer than the patience; then nobody again."""
    monkeypatch.setattr(dask_tasks, "_CHECK_S", 0.4)
    monkeypatch.setattr(DaskTasks, "workers", 0)
    pool = DaskTasks.__new__(DaskTasks)
    pool._client, pool._run, pool._option, pool._come_back_s = GivesAt(), float, "--scheduler", 1.0
    times = [0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 2.2]  # looks at 0.4 and, without a result since 1.6, at 2.0
    assert [number for number, _ in pool._until_lost(dict(enumerate(times)))] == list(range(len(times)))
