"""Dask workers as jobs of a batch system (Slurm, LSF), described by a YAML file; through dask-jobqueue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import validate
from accel_sim.hardware.document import FileKind, read_document
from accel_sim.hardware.schema import Section

__all__ = ["JobQueue", "read_job_queue", "running_cluster"]

_FILE = FileKind(max_bytes=65_536, max_values=1_000, error=InputError)
_CLASSES = {"slurm": "SLURMCluster", "lsf": "LSFCluster"}


class JobQueue(Section):
    """Jobs that each start Dask workers."""

    system: Literal["slurm", "lsf"]
    """The batch system."""
    jobs: Annotated[int, Field(ge=1)]
    """Jobs to submit."""
    cores: Annotated[int, Field(ge=1)]
    """Cores of a job; one worker each, unless ``processes`` says otherwise."""
    memory: Annotated[str, Field(min_length=2, max_length=20)]
    """Memory of a job, e.g. ``16GB``."""
    processes: Annotated[int, Field(ge=1)] | None = None
    """Workers of a job."""
    queue: str | None = None
    """Queue or partition."""
    account: str | None = None
    """Account (Slurm) or project (LSF)."""
    walltime: str | None = None
    """Longest time of a job, as the batch system writes it."""
    directives: list[str] = Field(default_factory=list)
    """Further lines of the job's header, e.g. ``--exclusive``."""
    prologue: list[str] = Field(default_factory=list)
    """Shell lines before a worker starts, e.g. ``module load python``."""
    patience_s: Annotated[float, Field(gt=0)] = 600.0
    """How long to wait for the first worker, in seconds."""


def read_job_queue(path: Path) -> JobQueue:
    """The description in a file.

    Raises:
        InputError: the file cannot be read or is wrong; one line per problem.
    """
    return validate(JobQueue, read_document(path, kind=_FILE))


@contextmanager
def running_cluster(queue: JobQueue) -> Iterator[str]:
    """Submit the jobs, give the scheduler's address, and end the jobs afterwards.

    Raises:
        InputError: dask-jobqueue is not installed, or the batch system is not there.
    """
    try:
        import dask_jobqueue
    except ImportError as error:
        raise InputError("--cluster: needs dask-jobqueue; pip install 'bitgrove[jobqueue]'") from error
    make: Any = getattr(dask_jobqueue, _CLASSES[queue.system])
    owner = "account" if queue.system == "slurm" else "project"
    optional = {"queue": queue.queue, owner: queue.account, "walltime": queue.walltime}
    cluster = make(
        cores=queue.cores,
        memory=queue.memory,
        processes=queue.processes or queue.cores,
        job_extra_directives=queue.directives,
        job_script_prologue=queue.prologue,
        **{name: value for name, value in optional.items() if value is not None},
    )
    try:
        cluster.scale(jobs=queue.jobs)
        yield str(cluster.scheduler_address)
    finally:
        cluster.close()
