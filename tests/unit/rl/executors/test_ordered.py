"""Tasks on processes and on a Dask cluster: in order, and whole after a worker was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from accel_sim.errors import InputError, RunError
from rl.executors.ordered import DaskTasks, ProcessTasks
from tests.unit.rl.executors import tasks

NUMBERS = list(range(7))
SQUARES = [number * number for number in NUMBERS]


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_give_results_in_order(workers: int) -> None:
    with closing(ProcessTasks(tasks.square, workers)) as pool:
        assert list(pool.results(NUMBERS)) == SQUARES
        assert list(pool.results([])) == []
        assert list(pool.results([2])) == [4]


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    with closing(ProcessTasks(tasks.die_once, 2)) as pool:
        assert list(pool.results([(number, str(tmp_path)) for number in NUMBERS])) == SQUARES
    assert (tmp_path / "died").exists()


def test_a_task_that_always_kills_its_process_ends_the_run() -> None:
    with closing(ProcessTasks(tasks.die, 1)) as pool, pytest.raises(RunError, match="ended 4 times at the same task"):
        list(pool.results([1]))


def test_results_as_they_come_name_the_task_that_kills_its_process() -> None:
    with closing(ProcessTasks(tasks.square, 2)) as pool:
        assert sorted(pool.finished(NUMBERS)) == list(enumerate(SQUARES))
        assert list(pool.finished([])) == []
    with closing(ProcessTasks(tasks.die_at_three, 2)) as pool:
        expected = [None if number == 3 else number * number for number in NUMBERS]
        assert sorted(pool.finished(NUMBERS), key=lambda pair: pair[0]) == list(enumerate(expected))


def test_a_tasks_own_error_is_raised() -> None:
    with closing(ProcessTasks(tasks.fail, 1)) as pool, pytest.raises(ValueError, match="task 5"):
        list(pool.results([5]))
    with closing(ProcessTasks(tasks.fail, 1)) as pool, pytest.raises(ValueError, match="task 5"):
        list(pool.finished([5]))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler and two workers, each a process of its own on this machine."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    place, root = folder / "scheduler.json", Path(__file__).resolve().parents[4]
    environment = {**os.environ, "PYTHONPATH": str(root), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    dask = [sys.executable, "-m", "dask"]
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    commands = [[*dask, "scheduler", "--scheduler-file", str(place), "--port", "0", *local]]
    worker = [*dask, "worker", "--scheduler-file", str(place), "--nthreads", "1", *local]
    commands += [[*worker, "--local-directory", str(folder)]] * 2
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for command in commands]
    try:
        yield _address(place)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(timeout=30)


def _address(place: Path) -> str:
    """Of the scheduler, once both workers are there."""
    from distributed import Client

    with Client(scheduler_file=str(place), timeout=60) as client:
        client.wait_for_workers(2, timeout=60)
        return str(client.scheduler.address)


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
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match=r"no Dask scheduler answers at 'tcp://127.0.0.1:9'; allowed: an address"):
        DaskTasks(tasks.square, "tcp://127.0.0.1:9")
