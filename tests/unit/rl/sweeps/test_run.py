"""Sweeps run: the same store whatever the workers, nothing finished is lost, a bad point harms no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from accel_sim.errors import InputError
from rl.executors.dask_tasks import DaskTasks
from rl.executors.ordered import ProcessTasks
from rl.sweeps.merge import merge_stores
from rl.sweeps.plan import Plan
from rl.sweeps.run import Shard, Tasks, estimate_seconds, missing_jobs, open_store, run_missing, stored_keys
from rl.sweeps.store import SweepStore
from rl.sweeps.worker import run_chunk
from tests.unit.rl.executors.test_dask_tasks import cluster  # noqa: F401  (a fixture)
from tests.unit.rl.sweeps import specs

ROOT = Path(__file__).resolve().parents[4]


class Here:
    """Computes in this process, last chunk first."""

    def finished(self, tasks):
        for index in reversed(range(len(tasks))):
            yield index, run_chunk(tasks[index])


def sweep(plan: Plan, out: Path, tasks: Tasks, shard: Shard | None = None, workers: int = 2) -> tuple[SweepStore, int]:
    """The store, and how many points were computed."""
    out.parent.mkdir(parents=True, exist_ok=True)
    store = open_store(plan, out, specs.write(out.parent).read_bytes())
    jobs = missing_jobs(plan, stored_keys(out, details=plan.details), shard or Shard())
    run_missing(plan, jobs, store, tasks, workers, lambda *_: None)
    return store, len(jobs)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_one_and_two_workers_give_the_same_store(tmp_path: Path) -> None:
    plan = specs.plan_of(tmp_path)
    here = specs.content(sweep(plan, tmp_path / "here", Here())[0])
    assert [point.number for point, _ in here] == list(range(12))
    for workers in (1, 2):
        with closing(ProcessTasks(run_chunk, workers)) as tasks:
            store, _ = sweep(plan, tmp_path / str(workers), tasks, workers=workers)
        assert specs.content(store) == here


def test_a_result_is_that_of_simulate(tmp_path: Path) -> None:
    from accel_sim import gemm, load_hardware, simulate

    store, _ = sweep(specs.plan_of(tmp_path), tmp_path / "s", Here())
    point = store.points()[5]
    assert point.axes == {"model": "gemm:24,16,32", "array.rows": 16, "dram.channels": 2}
    machine = load_hardware("dense_int8_8x8", {"dram.model": "bandwidth", "array.rows": 16, "dram.channels": 2})
    expected = simulate(gemm(24, 16, 32), machine)
    assert point.metrics["latency_s"] == expected.total.latency_s
    assert point.metrics["energy_pj.dram"] == expected.total.energy_pj.dram
    assert point.metrics["hardware"] == "dense_int8_8x8"
    detail = store.detail(5)
    assert detail is not None
    assert detail["layers"] == [layer.to_dict() for layer in expected.layers]
    assert [axis["name"] for axis in store.meta("axes")] == list(point.axes)


def test_a_changed_specification_computes_only_what_is_missing(tmp_path: Path) -> None:
    out, first = tmp_path / "s", specs.plan_of(tmp_path)
    before = specs.content(sweep(first, out, Here())[0])
    longer = specs.plan_of(tmp_path, specs.TEXT.replace("[4, 8, 16]", "[2, 4, 8, 16]"))
    store, computed = sweep(longer, out, Here())
    assert computed == 4
    assert [point.number for point in store.points()] == list(range(16))
    assert {point.key for point in store.points()} >= {point.key for point, _ in before}
    shorter = specs.plan_of(tmp_path, specs.TEXT.replace("[4, 8, 16]", "[16]"))
    assert sweep(shorter, out, Here())[1] == 0
    assert len(SweepStore(out).points()) == 4
    store, computed = sweep(first, out, Here())
    assert computed == 0
    assert specs.content(store) == before


def test_details_that_were_not_kept_are_computed_when_they_are_asked_for(tmp_path: Path) -> None:
    without, _ = sweep(specs.plan_of(tmp_path, specs.TEXT + "details: false\n"), tmp_path / "out", Here())
    assert without.detail(0) is None
    store, computed = sweep(specs.plan_of(tmp_path), tmp_path / "out", Here())
    assert computed == len(store.points())
    assert store.detail(0) is not None
    assert sweep(specs.plan_of(tmp_path), tmp_path / "out", Here())[1] == 0


def test_a_failing_point_stops_no_other(tmp_path: Path) -> None:
    plan = specs.plan_of(tmp_path, specs.FAILING)
    store, _ = sweep(plan, tmp_path / "s", Here())
    status = [point.status for point in store.points()]
    assert status == ["done", "done", "failed", "failed", "done", "done"]
    assert "buffers.weights.kib: holds 0.015625; layer gemm needs at least" in store.points()[2].message
    assert sweep(plan, tmp_path / "s", Here())[1] == 0  # it would fail again


def test_a_point_that_breaks_a_rule_is_recorded(tmp_path: Path) -> None:
    text = specs.FAILING.replace("parallel, serial_act]", "parallel]\n  array.encoding: [bits]\n  batch: [1, 2]")
    store, _ = sweep(specs.plan_of(tmp_path, text), tmp_path / "s", Here())
    assert store.points()[1].status == "failed"
    assert store.points()[1].message == "gemm:24,16,32: a batch of 2 has no meaning for one product; give a larger M"


def test_a_point_that_kills_its_worker_is_found(tmp_path: Path) -> None:
    plan = specs.plan_of(tmp_path)
    expected = specs.content(sweep(plan, tmp_path / "here", Here())[0])
    with closing(ProcessTasks(specs.run_or_die_once, 2)) as tasks:
        store, _ = sweep(plan, tmp_path / "once", tasks, workers=1)
    assert (tmp_path / "died").exists()
    assert specs.content(store) == expected
    with closing(ProcessTasks(specs.run_or_die, 2)) as tasks:
        store, _ = sweep(plan, tmp_path / "always", tasks, workers=1)
    assert [point.number for point in store.points() if point.status == "failed"] == [3]
    assert store.points()[3].message.startswith("failed: the worker's process ended each time")
    assert sweep(plan, tmp_path / "always", Here())[1] == 1  # the next run tries it again
    assert specs.content(SweepStore(tmp_path / "always")) == expected


def test_a_killed_run_loses_nothing_that_it_had_finished(tmp_path: Path) -> None:
    text = specs.TEXT.replace("[4, 8, 16]", "{range: [1, 60, 1]}")
    plan, out = specs.plan_of(tmp_path, text), tmp_path / "s"
    command = [sys.executable, "-m", "rl.cli", "sweep", "space.yaml", "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not ((out / "sweep.sqlite").exists() and _count(out) > 0):
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    there = specs.content(SweepStore(out))
    assert 0 < len(there) < len(plan.points)
    store, computed = sweep(plan, out, Here())
    assert computed == len(plan.points) - len(there)
    assert specs.content(store) == specs.content(sweep(plan, tmp_path / "whole", Here())[0])


def _count(out: Path) -> int:
    try:
        return len(SweepStore(out).points())
    except InputError:  # the tables are being made
        return 0


def test_shards_merge_into_the_whole(tmp_path: Path) -> None:
    plan = specs.plan_of(tmp_path)
    folders = [tmp_path / f"part{index}" for index in range(3)]
    for index, folder in enumerate(folders):
        store, computed = sweep(plan, folder, Here(), Shard(index, 3))
        assert computed == 4
        assert [point.number % 3 for point in store.points()] == [index] * 4
    merged = merge_stores(folders, tmp_path / "merged")
    assert specs.content(merged) == specs.content(sweep(plan, tmp_path / "whole", Here())[0])
    assert (tmp_path / "merged" / "spec.yaml").read_text() == specs.TEXT
    assert sweep(plan, tmp_path / "merged", Here())[1] == 0
    folders[0].joinpath("sweep.sqlite").touch()
    SweepStore(folders[0]).set_meta({"planned": None})
    assert merge_stores(folders, tmp_path / "again").meta("planned") == 12
    other, _ = sweep(specs.plan_of(tmp_path, specs.TEXT + "seed: 1\n"), tmp_path / "other", Here(), Shard(0, 4))
    with pytest.raises(InputError, match=r"other: holds another sweep than .*part0 \(plan differ\); not merged"):
        merge_stores([folders[0], other.directory], tmp_path / "bad")
    with pytest.raises(InputError, match=r"nowhere: holds no sweep\.sqlite"):
        merge_stores([tmp_path / "nowhere"], tmp_path / "bad")


def test_a_cluster_survives_a_killed_worker(cluster: str, tmp_path: Path) -> None:  # noqa: F811
    plan = specs.plan_of(tmp_path)
    with closing(DaskTasks(specs.run_or_die_once, cluster)) as tasks:
        tasks.check_version()
        store, _ = sweep(plan, tmp_path / "dask", tasks, workers=tasks.workers)
    assert (tmp_path / "died").exists()
    assert specs.content(store) == specs.content(sweep(plan, tmp_path / "here", Here())[0])


def test_an_estimate_is_of_the_missing_points(tmp_path: Path) -> None:
    plan = specs.plan_of(tmp_path)
    assert estimate_seconds(plan, [], 2) == 0
    assert estimate_seconds(plan, plan.jobs[:1], 1) > 0
    assert 0 < estimate_seconds(plan, plan.jobs, 2) < 60
