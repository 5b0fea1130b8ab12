"""Compute what a store lacks of a plan, on processes or a cluster, each result stored as soon as it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from accel_sim import __version__
from accel_sim.files import write_atomically
from rl.sweeps.plan import Job, Plan
from rl.sweeps.store import FAILED, SCHEMA, SPEC, STORE, Outcome, SweepStore, canonical_json
from rl.sweeps.worker import RUN_FAILED, Chunk, run_job

__all__ = ["Shard", "Tasks", "estimate_seconds", "missing_jobs", "open_store", "run_missing", "stored_keys"]

_MOST_IN_CHUNK, _CHUNKS_PER_WORKER = 16, 8
_TIMED_POINTS = 3
Progress = Callable[[int, int, str], object]


class Tasks(Protocol):
    """Workers: :class:`rl.executors.ordered.ProcessTasks` or ``DaskTasks`` of :func:`rl.sweeps.worker.run_chunk`."""

    def finished(self, tasks: Sequence[Chunk]) -> Iterator[tuple[int, list[Outcome] | None]]:
        """Index and outcomes of each chunk as it ends; ``None`` where it killed every worker."""


@dataclass(frozen=True)
class Shard:
    """Every ``of``-th point from number ``index`` (from 0) on."""

    index: int = 0
    of: int = 1

    def holds(self, number: int) -> bool:
        """Whether a point is in the shard."""
        return number % self.of == self.index


def open_store(plan: Plan, directory: Path, spec: bytes) -> SweepStore:
    """The store in a folder, made where there is none, with its results in their places in the plan.

    Args:
        spec: text of the specification, kept beside the store.

    Raises:
        InputError: the folder cannot be used.
    """
    store = SweepStore(directory, create=True)
    write_atomically(directory / SPEC, spec)
    axes = [{"name": axis.name, "values": list(axis.values)} for axis in plan.axes]
    plan_hash = hashlib.sha256("".join(plan.keys).encode()).hexdigest()[:32]
    store.set_meta(
        {
            "schema": SCHEMA,
            "bitgrove": __version__,
            "title": plan.title,
            "axes": axes,
            "plan": plan_hash,
            "planned": len(plan.points),
        }
    )
    store.align(plan.keys, plan.points)
    failed = [point for point in store.points() if point.status == FAILED]
    store.forget(point.number for point in failed if point.message.startswith(RUN_FAILED))
    return store


def stored_keys(directory: Path, *, details: bool = False) -> set[str]:
    """Keys of the results in a folder that need not be computed again; none where there is no store.

    ``details``: whether a result must have its details to count.

    Raises:
        InputError: the store cannot be read.
    """
    return SweepStore(directory).keys(RUN_FAILED, details=details) if (directory / STORE).is_file() else set()


def missing_jobs(plan: Plan, stored: Iterable[str], shard: Shard) -> list[Job]:
    """Points of the shard whose keys are not ``stored``; neighbours share as much as possible."""
    there = set(stored)
    jobs = [job for job in plan.jobs if shard.holds(job.number) and plan.keys[job.number] not in there]
    return sorted(jobs, key=_sharing)


def _sharing(job: Job) -> tuple[str, int, str, int]:
    """Sort key: points of one model whose layers are cut and laid out alike stand side by side.

    Arrays of as many rows cut K alike, or M.
    """
    if job.hardware is None:
        return "", 0, "", job.number
    alike = job.hardware.model_dump(mode="json", include={"array", "buffers", "vector_unit", "mapping"})
    return repr(job.request), job.hardware.array.rows, canonical_json(alike), job.number


def run_missing(
    plan: Plan, jobs: Sequence[Job], store: SweepStore, tasks: Tasks, workers: int, progress: Progress
) -> None:
    """Compute ``jobs``; every chunk's outcomes are stored in one transaction when it ends.

    Args:
        progress: called with (points done, points in all, what is done).
    """
    done = 0
    for outcomes in _outcomes(plan, jobs, tasks, workers):
        store.add(outcomes, plan.keys, plan.points)
        done += len(outcomes)
        progress(done, len(jobs), plan.title)


def _outcomes(plan: Plan, jobs: Sequence[Job], tasks: Tasks, workers: int) -> Iterator[list[Outcome]]:
    chunks = _chunks(plan, jobs, max(1, min(_MOST_IN_CHUNK, len(jobs) // (_CHUNKS_PER_WORKER * workers))))
    chunks = _dealt(chunks, workers)
    deadly: list[Chunk] = []
    for index, outcomes in tasks.finished(chunks):
        if outcomes is None:
            deadly.append(chunks[index])
        else:
            yield outcomes
    yield [_deadly(chunk.jobs[0]) for chunk in deadly if len(chunk.jobs) == 1]
    # Which of several points it is that kills the workers:
    singles = _chunks(plan, [job for chunk in deadly if len(chunk.jobs) > 1 for job in chunk.jobs], 1)
    for index, outcomes in tasks.finished(singles):
        yield [_deadly(singles[index].jobs[0])] if outcomes is None else outcomes


def _dealt(chunks: list[Chunk], workers: int) -> list[Chunk]:
    """The chunks in an order in which each worker, as they take them in turns, works its way through neighbours."""
    stretch = max(1, -(-len(chunks) // workers))
    return [chunk for first in range(stretch) for chunk in chunks[first::stretch]]


def _deadly(job: Job) -> Outcome:
    message = f"{RUN_FAILED}the worker's process ended each time it tried this point (too little memory?)"
    return Outcome(job.number, FAILED, message)


def _chunks(plan: Plan, jobs: Sequence[Job], size: int) -> list[Chunk]:
    """Jobs in runs of ``size``, each of one model."""
    folder = str(Path.cwd())
    chunks: list[Chunk] = []
    for job in jobs:
        last = chunks[-1] if chunks else None
        if last is not None and len(last.jobs) < size and last.jobs[0].request == job.request:
            chunks[-1] = replace(last, jobs=(*last.jobs, job))
        else:
            chunks.append(Chunk((job,), plan.engine, plan.seed, plan.details, folder))
    return chunks


def estimate_seconds(plan: Plan, jobs: Sequence[Job], workers: int) -> float:
    """About how long ``jobs`` will take, from a few of them run here; the first, which may compile, only warms up."""
    chosen = [jobs[len(jobs) * i // _TIMED_POINTS] for i in range(_TIMED_POINTS)] if len(jobs) > _TIMED_POINTS else jobs
    chunk = Chunk(tuple(chosen), plan.engine, plan.seed, plan.details, str(Path.cwd()))
    seconds = [run_job(job, chunk).seconds for job in chosen]
    timed = seconds[1:] or seconds
    return sum(timed) / max(1, len(timed)) * len(jobs) / workers
