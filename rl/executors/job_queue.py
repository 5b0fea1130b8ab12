"""Dask workers as jobs of a batch system (Slurm, LSF), described by a YAML file; through dask-jobqueue."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from accel_sim.errors import InputError
from accel_sim.hardware.diagnose import validate
from accel_sim.hardware.document import FileKind, read_document
from accel_sim.hardware.schema import Section

__all__ = ["JobQueue", "read_job_queue", "running_cluster"]

_FILE = FileKind(max_bytes=65_536, max_values=1_000, error=InputError)
_CHATTY = ("distributed", "distributed.client", "asyncio")
"""Loggers of the scheduler, which runs in this process; the user is told of lost jobs in one line."""
_CLASSES = {"slurm": "SLURMCluster", "lsf": "LSFCluster"}


class JobQueue(Section):
    """Jobs that each start Dask workers."""

    system: Literal["slurm", "lsf"]
    """The batch system."""
    jobs: Annotated[int, Field(ge=1)]
    """Jobs to submit."""
    cores: Annotated[int, Field(ge=1)]
    """Cores of a job; one worker each, unless ``processes`` says otherwise."""
    memory: Annotated[str, Field(max_length=20, pattern=r"^\d+(\.\d+)? ?([kKMGT]i?)?B?$", examples=["16GB"])]
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

    @property
    def not_started(self) -> str:
        """What to say when no job has started a worker in time."""
        ask = "squeue" if self.system == "slurm" else "bjobs -p"
        return f"no job has started a worker within {self.patience_s:g} s (patience_s); '{ask}' may say why"


def read_job_queue(path: Path) -> JobQueue:
    """The description in a file.

    Raises:
        InputError: the file cannot be read or is wrong; one line per problem.
    """
    return validate(JobQueue, read_document(path, kind=_FILE))


@contextmanager
def running_cluster(queue: JobQueue, option: str) -> Iterator[str]:
    """Submit the jobs, give the scheduler's address, and end the jobs afterwards.

    Args:
        queue: what the jobs are.
        option: of the command line that asked for them; messages begin with it.

    Raises:
        InputError: dask-jobqueue is not installed, or the batch system is not there or refuses a job.
    """
    dask, make = _dask(queue.system)
    owner = "account" if queue.system == "slurm" else "project"
    optional = {"queue": queue.queue, owner: queue.account, "walltime": queue.walltime}
    of_site = dask.config.get(f"jobqueue.{queue.system}.scheduler-options", {})
    try:
        cluster = make(
            cores=queue.cores,
            memory=queue.memory,
            processes=queue.processes or queue.cores,
            job_extra_directives=queue.directives,
            job_script_prologue=queue.prologue,
            scheduler_options={"dashboard_address": ":0", **of_site},  # any free port: other sweeps may run beside it
            **{name: value for name, value in optional.items() if value is not None},
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{option}: the cluster cannot be set up: {_reason(error)}") from error
    try:
        cluster.sync(_submit, cluster, queue.jobs)
    except BaseException as error:  # Ctrl-C too: jobs that were submitted must not stay behind
        with suppress(AssertionError):  # that jobs which were never submitted are not closed
            cluster.close()
        if isinstance(error, OSError | RuntimeError | ValueError):
            raise InputError(f"{option}: a job cannot be submitted: {_reason(error)}") from error
        raise
    with closing(cluster):
        yield str(cluster.scheduler_address)


def _dask(system: str) -> tuple[Any, Any]:
    """Dask, and dask-jobqueue's class for a batch system.

    Raises:
        InputError: dask-jobqueue is not installed.
    """
    interrupted = signal.getsignal(signal.SIGINT)
    try:
        import dask
        import dask_jobqueue
    except ImportError as error:
        raise InputError("--cluster: needs dask-jobqueue; pip install 'bitgrove[jobqueue]'") from error
    signal.signal(signal.SIGINT, interrupted)  # the import makes Ctrl-C an exit with status 0
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return dask, getattr(dask_jobqueue, _CLASSES[system])


async def _submit(cluster: Any, jobs: int) -> None:
    """Submit all jobs; unlike ``scale``, which leaves that to the background, raise what goes wrong."""
    for _ in range(jobs):
        cluster.worker_spec.update(cluster.new_worker_spec())
    await cluster


def _reason(error: Exception) -> str:
    """In one line: what the batch system said, of the command, exit code and outputs that dask-jobqueue reports."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    _, _, said = "\n".join(lines).partition("stderr:\n")
    if said:
        return " ".join(said.splitlines())
    code = next((line for line in lines if line.startswith("Exit code:")), None)
    if code is not None:  # of LSF, whose messages dask-jobqueue throws away
        return f"the command that submits it ended with {code.lower().replace(':', '')} and said nothing"
    return " ".join(lines) or type(error).__name__
