"""Rows of a study that several processes fill: none is lost, none is measured twice."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.validation.rows import RowStore


@dataclass(frozen=True)
class _Trial:
    key: str


def _trials() -> list[_Trial]:
    return [_Trial(f"t{index}") for index in range(12)]


def _store(folder: Path) -> RowStore:
    return RowStore(folder / "rows.csv", ("key", "by"), lambda: (t.key for t in _trials()), folder / "claims")


def _work(folder: Path, name: str) -> list[str]:
    store, done = _store(folder), []
    for trial in store.missing(_trials()):
        time.sleep(0.02)
        store.add({"key": trial.key, "by": name})
        done.append(trial.key)
    return done


def test_two_processes_share_the_trials_and_keep_each_others_rows(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        done = [one for part in pool.map(_work, [tmp_path] * 2, "ab") for one in part]
    assert sorted(done) == sorted(t.key for t in _trials())
    assert list(_store(tmp_path).read()) == [t.key for t in _trials()]


def test_a_claimed_trial_is_left_to_who_has_it(tmp_path: Path) -> None:
    first = _store(tmp_path).missing(_trials())
    assert next(first).key == "t0"
    second = _store(tmp_path).missing(_trials())
    assert next(second).key == "t1"
    first.close()  # as when its process dies
    assert next(_store(tmp_path).missing(_trials())).key == "t0"


@pytest.mark.parametrize("key", ["gone", "t3"])
def test_rows_of_trials_that_are_no_more_are_dropped(tmp_path: Path, key: str) -> None:
    store = _store(tmp_path)
    store.path.write_text(f"key,by\n{key},before\n", encoding="utf-8")
    store.add({"key": "t5", "by": "now"})
    assert set(store.read()) == {key, "t5"} - {"gone"}
    assert store.count_missing(_trials()) == 12 - len(store.read())
