"""Tasks on processes: in order, and whole after a worker was killed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from accel_sim.errors import RunError
from rl.executors.ordered import ProcessTasks
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
