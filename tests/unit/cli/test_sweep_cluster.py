"""``bitgrove sweep --cluster``: whole sweeps through dask-jobqueue, with a batch system that really runs the jobs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from rl.cli import run
from rl.executors.ordered import ProcessTasks
from rl.sweeps.run import open_store, run_missing
from rl.sweeps.store import SweepStore
from rl.sweeps.worker import run_chunk
from tests.unit.rl.executors.batch_system import BatchSystem
from tests.unit.rl.sweeps import specs

pytest.importorskip("dask_jobqueue")

ROOT = Path(__file__).resolve().parents[3]
POINTS = 600
TEXT = specs.TEXT.replace("[4, 8, 16]", f"{{range: [1, {POINTS // 4}, 1]}}")


@pytest.fixture(params=["slurm", "lsf"])
def batch(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchSystem]:
    """The system's commands on PATH, a specification, and a file that asks for two jobs."""
    system = BatchSystem(tmp_path / "batch", request.param)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{system.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    specs.write(tmp_path, TEXT)
    Path("jobs.yaml").write_text(
        f"system: {request.param}\njobs: 2\ncores: 1\nmemory: 1GB\nqueue: short\naccount: chips\n"
        "directives: [--exclusive]\nprologue: ['touch began']\npatience_s: 120\n"
    )
    try:
        yield system
    finally:
        system.kill_all()


def started() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rl.cli", "sweep", "space.yaml", "--out", "s", "--cluster", "jobs.yaml"]
    return subprocess.Popen(
        [*command, "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    """A shell that runs the tests in the background makes them ignore Ctrl-C, which the command would inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def computed() -> int:
    try:
        with closing(sqlite3.connect("file:s/sweep.sqlite?mode=ro", uri=True, timeout=10)) as database:
            return int(database.execute("SELECT count(*) FROM points").fetchone()[0])
    except sqlite3.OperationalError:  # not yet made
        return 0


def in_the_middle(batch: BatchSystem) -> list[int]:
    """Wait for the first results; the jobs' process groups, stopped."""
    wait_until(lambda: len(batch.jobs) == 2)
    groups = list(batch.jobs.values())
    wait_until(lambda: computed() > 0)
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    assert computed() < POINTS
    return groups


def go_on(groups: list[int]) -> None:
    for group in groups:
        with suppress(ProcessLookupError):  # one that was killed
            os.killpg(group, signal.SIGCONT)


def whole() -> SweepStore:
    """The same sweep on processes of this machine."""
    plan = specs.plan_of(Path.cwd(), TEXT)
    store = open_store(plan, Path("local"), TEXT.encode())
    with closing(ProcessTasks(run_chunk, 1)) as tasks:
        run_missing(plan, plan.jobs, store, tasks, 1, lambda *_: None)
    return store


def test_a_sweep_in_two_jobs_of_which_one_is_killed(batch: BatchSystem) -> None:
    process = started()
    groups = in_the_middle(batch)
    batch.kill_one()
    go_on(groups)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 0, errors
    assert specs.content(SweepStore(Path("s"))) == specs.content(whole())
    assert batch.waiting == []
    wait_until(lambda: not any(batch.processes(group) for group in groups))
    for script in batch.scripts:
        assert "touch began" in script
        assert {line.split()[-1].strip('"') for line in script.splitlines() if line.startswith("#")} >= {
            "short",
            "chips",
            "--exclusive",
        }
    assert Path("began").exists()


def test_an_interrupted_sweep_ends_its_jobs_and_keeps_what_it_has(batch: BatchSystem) -> None:
    process = started()
    groups = in_the_middle(batch)
    process.send_signal(signal.SIGINT)
    go_on(groups)
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert 0 < computed() < POINTS
    assert batch.waiting == []
    wait_until(lambda: not any(batch.processes(group) for group in groups))


def test_a_job_that_never_starts(batch: BatchSystem, capsys: pytest.CaptureFixture[str]) -> None:
    batch.fill()
    jobs = Path("jobs.yaml")
    jobs.write_text(jobs.read_text().replace("patience_s: 120", "patience_s: 2"))
    assert run(["sweep", "space.yaml", "--out", "s", "--cluster", "jobs.yaml", "--quiet"]) == 2
    ask = "squeue" if "slurm" in jobs.read_text() else "bjobs -p"
    assert capsys.readouterr().err.splitlines() == [
        f"--cluster jobs.yaml: no job has started a worker within 2 s (patience_s); '{ask}' may say why"
    ]
    assert batch.waiting == []
    assert not Path("s").exists()


def test_a_submission_that_fails(batch: BatchSystem) -> None:
    batch.refuse("error: Batch job submission failed: Invalid partition name specified\n")
    process = started()
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 2
    slurm = "slurm" in Path("jobs.yaml").read_text()
    assert errors.splitlines() == [
        "--cluster jobs.yaml: a job cannot be submitted: "
        + (
            "error: Batch job submission failed: Invalid partition name specified"
            if slurm
            else "the command that submits it ended with exit code 1 and said nothing"
        )
    ]
    assert batch.waiting == []
    assert not Path("s").exists()


def test_jobs_that_all_end_early_end_the_sweep(batch: BatchSystem) -> None:
    jobs = Path("jobs.yaml")
    jobs.write_text(jobs.read_text().replace("patience_s: 120", "patience_s: 30"))
    process = started()
    in_the_middle(batch)
    batch.kill_all()
    errors = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert errors.splitlines() == [
        "bitgrove: --cluster jobs.yaml: all workers of the cluster have ended, and none came for 30 s; "
        "what was finished is kept"
    ]
    assert 0 < computed() < POINTS
    assert batch.waiting == []
