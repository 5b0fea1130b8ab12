"""What a worker does: simulate the points of a chunk, one after another."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any

from accel_sim.errors import BitgroveError, InputError
from accel_sim.result import flatten
from rl.sweeps.plan import Job
from rl.sweeps.store import DONE, FAILED, Outcome, canonical_json
from rl.sweeps.workloads import read_workload

__all__ = ["RUN_FAILED", "Chunk", "run_chunk", "run_job"]

RUN_FAILED = "failed: "
"""How the message of a failure begins that another try may not have."""
_COMPRESSION = 6
_one_at_a_time = Lock()


@dataclass(frozen=True)
class Chunk:
    """Points for one worker; ``folder``: where relative paths begin."""

    jobs: tuple[Job, ...]
    engine: str
    seed: int
    details: bool
    folder: str


def run_chunk(chunk: Chunk) -> list[Outcome]:
    """Compute the points of a chunk; what one of them fails at does not stop the others."""
    with _one_at_a_time:  # a worker of a cluster may have several threads; the caches are the process's
        os.chdir(chunk.folder)
        return [run_job(job, chunk) for job in chunk.jobs]


def run_job(job: Job, chunk: Chunk) -> Outcome:
    """Compute one point."""
    start = time.perf_counter()
    try:
        tree = _simulate(job, chunk)
    except BitgroveError as error:
        return Outcome(job.number, FAILED, _one_line(str(error).splitlines()), seconds=time.perf_counter() - start)
    except Exception as error:  # a fault of ours or of this machine; the other points are not to suffer
        text = f"{RUN_FAILED}{type(error).__name__}: {error}"
        return Outcome(job.number, FAILED, _one_line(text.splitlines()), seconds=time.perf_counter() - start)
    metrics = flatten(tree["total"]) | {"hardware": tree["hardware"]["name"], "model": tree["model"]}
    details = zlib.compress(canonical_json(tree).encode(), _COMPRESSION) if chunk.details else None
    return Outcome(job.number, DONE, "", canonical_json(metrics), time.perf_counter() - start, details)


def _simulate(job: Job, chunk: Chunk) -> dict[str, Any]:
    from accel_sim import simulate

    if job.hardware is None or job.request is None:
        raise InputError(job.problem)
    workload, content = read_workload(job.request, job.needs_operands)
    if content != job.workload:
        raise InputError(f"{RUN_FAILED}{job.request.model}: this worker reads another model than the sweep's command")
    return simulate(workload, job.hardware, engine=chunk.engine, seed=chunk.seed).to_dict()


def _one_line(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())
