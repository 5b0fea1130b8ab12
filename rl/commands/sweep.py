"""``bitgrove sweep``: many machines and models at once, from one specification."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accel_sim.errors import InputError, RunError
from rl.outputs import check_destinations, csv_text, is_stdout, warn, write_text
from rl.progress import progress_bar

if TYPE_CHECKING:
    from rl.sweeps.plan import Plan
    from rl.sweeps.run import Shard, Tasks
    from rl.sweeps.store import StoredPoint, SweepStore

__all__ = ["sweep"]

FRONT, BY = "latency_s,energy_j", "edp_js"


def sweep(
    paths: Annotated[
        list[Path], typer.Argument(metavar="SPEC", help="The specification (YAML); with --merge, folders of sweeps.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where results are kept; what is there already is not computed again."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes; as many as there are cores if left out.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on the Dask cluster of this scheduler.")
    ] = None,
    cluster: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compute in jobs of Slurm or LSF, as this YAML file says.")
    ] = None,
    shard: Annotated[
        str | None, typer.Option(metavar="I/N", help="Compute every N-th point only, from the I-th on (1/4, 2/4, ...).")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Merge folders of the same sweep into --out.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many points there are and how long they may take; write nothing.")
    ] = False,
    pareto: Annotated[
        str, typer.Option(metavar="METRICS", help="Metrics of the Pareto front, separated by commas.")
    ] = FRONT,
    by: Annotated[str, typer.Option(metavar="METRIC", help="Metric of the best points.")] = BY,
    where: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Look only at points that meet a condition, e.g. 'area_mm2 < 2'."),
    ] = None,
    csv_: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="Write one row per point as CSV.")] = None,
    parquet: Annotated[str | None, typer.Option(metavar="FILE", help="Write one row per point as Parquet.")] = None,
    json_: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write everything as JSON; - prints it, and it alone.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No tables and no progress bar.")] = False,
) -> None:
    """Simulate every point of a design space, and show the best ones and what matters.

    Example: bitgrove sweep space.yaml --out space --pareto latency_s,area_mm2 --where 'energy_j < 1e-3'
    """
    wanted = _Wanted(
        by, tuple(name.strip() for name in pareto.split(",") if name.strip()), where, csv_, parquet, json_, quiet
    )
    wanted.check(out)
    if sum(option is not None for option in (workers, scheduler, cluster)) > 1:
        raise InputError("--workers, --scheduler, --cluster: allowed: one of them; a cluster has workers of its own")
    if merge:
        if out is None:
            raise InputError("--out: is missing; needed: the folder to merge into")
        given = {"--dry-run": dry_run or None, "--shard": shard, "--workers": workers, "--scheduler": scheduler}
        for name, value in {**given, "--cluster": cluster}.items():
            if value is not None:
                raise InputError(f"{name}: is given beside --merge, which computes nothing; allowed: one of them")
        from rl.sweeps.merge import merge_stores

        merged = merge_stores(paths, out)
        planned, there = merged.meta("planned"), len(merged.points())
        if planned is not None and there < planned:  # a folder of an earlier version does not say how many
            warn(f"{planned - there:,} of {planned:,} points are in none of the folders")
        wanted.show(merged, planned)
        return
    if len(paths) != 1:
        raise InputError(f"SPEC: got {len(paths)} files; allowed: one, or several folders with --merge")
    part = _shard(shard)
    with progress_bar(quiet=quiet) as bar:
        from rl.sweeps.plan import make_plan

        bar.phase(f"reading {paths[0]}")
        plan = make_plan(paths[0], bar.phase)
    places = _Places(workers or len(os.sched_getaffinity(0)), scheduler, cluster)
    if dry_run:
        _say_what_would_be_done(plan, out, part, places)
        return
    if out is None:
        raise InputError("--out: is missing; needed: the folder where results are kept")
    wanted.show(_computed(plan, paths[0].read_bytes(), out, part, places, quiet), len(plan.points))


@dataclass(frozen=True)
class _Places:
    """Where points are computed."""

    workers: int
    scheduler: str | None
    cluster: Path | None

    @contextmanager
    def tasks(self) -> Iterator[tuple[Tasks, int]]:
        """The workers, and how many they are."""
        from rl.executors.dask_tasks import DaskTasks
        from rl.executors.ordered import ProcessTasks
        from rl.sweeps.worker import run_chunk

        if self.cluster is not None:
            from rl.executors.job_queue import read_job_queue, running_cluster

            queue, option = read_job_queue(self.cluster), f"--cluster {self.cluster}"
            with (
                running_cluster(queue, option) as address,
                closing(
                    DaskTasks(
                        run_chunk,
                        address,
                        queue.patience_s,
                        option=option,
                        no_workers=queue.not_started,
                        come_back_s=queue.patience_s,
                    )
                ) as jobs,
            ):
                jobs.check_version()
                yield jobs, queue.jobs * (queue.processes or queue.cores)
        elif self.scheduler is not None:
            with closing(DaskTasks(run_chunk, self.scheduler)) as remote:
                remote.check_version()
                yield remote, remote.workers
        else:
            with closing(ProcessTasks(run_chunk, self.workers)) as local:
                yield local, self.workers


def _computed(plan: Plan, spec: bytes, out: Path, shard: Shard, places: _Places, quiet: bool) -> SweepStore:
    """The store, with all points of the shard in it; nothing is written before there are workers."""
    from rl.sweeps.run import missing_jobs, open_store, run_missing, stored_keys

    jobs = missing_jobs(plan, stored_keys(out, details=plan.details), shard)
    if not jobs:
        return open_store(plan, out, spec)
    with progress_bar(quiet=quiet, time_left=True) as bar, places.tasks() as (tasks, workers):
        store = open_store(plan, out, spec)
        bar.step(0, len(jobs), plan.title)
        run_missing(plan, jobs, store, tasks, workers, bar.step)
    return store


def _say_what_would_be_done(plan: Plan, out: Path | None, shard: Shard, places: _Places) -> None:
    from rl.sweeps.run import estimate_seconds, missing_jobs, stored_keys

    stored = stored_keys(out, details=plan.details) if out is not None else set()
    jobs = missing_jobs(plan, stored, shard)
    here = sum(key in stored for key in plan.keys)
    wrong = [job for job in plan.jobs if job.problem]
    typer.echo(f"{plan.title}: {len(plan.points):,} points, {here:,} stored, {len(jobs):,} to compute")
    for axis in plan.axes:
        typer.echo(f"  {axis.name}: {', '.join(map(str, axis.values[:12]))}{' …' if len(axis.values) > 12 else ''}")
    if wrong:
        typer.echo(f"  {len(wrong):,} points cannot be computed; the first: {wrong[0].problem}")
    if places.scheduler is not None or places.cluster is not None:
        typer.echo(f"about {estimate_seconds(plan, jobs, 1):,.0f} s on one worker")
    else:
        seconds = estimate_seconds(plan, jobs, places.workers)
        typer.echo(f"about {seconds:,.0f} s on {places.workers} worker{'s' if places.workers > 1 else ''}")


def _shard(text: str | None) -> Shard:
    from rl.sweeps.run import Shard

    if text is None:
        return Shard()
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise InputError(f"--shard: holds {text!r}; allowed: I/N with I from 1 to N, e.g. 2/8")
    return Shard(int(found[1]) - 1, int(found[2]))


@dataclass(frozen=True)
class _Wanted:
    """What to say and write about the results."""

    by: str
    front: Sequence[str]
    where: str | None
    csv: str | None
    parquet: str | None
    json: str | None
    quiet: bool

    def check(self, out: Path | None) -> None:
        """Refuse what cannot be written, or is no condition, before time is spent.

        Raises:
            InputError: names the option.
        """
        check_destinations([("--csv", self.csv), ("--parquet", self.parquet), ("--json", self.json)], ("--out", out))
        if is_stdout(self.csv) and is_stdout(self.json):
            raise InputError("--json -, --csv -: only one of them can be standard output")
        if is_stdout(self.parquet):
            raise InputError("--parquet -: allowed: a file")
        if not self.front:
            raise InputError("--pareto: names no metric; allowed: e.g. latency_s,energy_j")
        if self.parquet is not None:
            try:
                import pyarrow  # noqa: F401
            except ImportError as error:
                raise InputError("--parquet: needs pyarrow; pip install 'bitgrove[parquet]'") from error
        if self.where is not None:
            from rl.sweeps.expressions import parse_expression

            try:
                parse_expression(self.where)
            except InputError as error:
                raise InputError(f"--where {error}") from None

    def show(self, store: SweepStore, planned: int | None = None) -> None:
        """Write the files and print the tables.

        Raises:
            RunError: every point has failed.
        """
        from rl.sweeps.analysis import check_metrics, where
        from rl.sweeps.store import FAILED
        from rl.sweeps.view import file_rows, json_tree, write_parquet

        points = store.points()
        failed = [point for point in points if point.status == FAILED]
        if failed:
            warn(f"{len(failed)} of {len(points)} points failed; point {failed[0].number}: {failed[0].message}")
        check_metrics(points, [self.by, *self.front])
        kept = where(points, self.where)
        rows = file_rows(points, None if self.where is None else kept)
        if self.csv is not None:
            write_text(self.csv, csv_text(rows))
        if self.parquet is not None:
            write_parquet(self.parquet, rows)
        if self.json is not None:
            meta = {name: store.meta(name) for name in ("bitgrove", "title", "axes")}
            shown = points if self.where is None else kept
            write_text(self.json, json.dumps(json_tree(meta, shown, kept, self.by, self.front), indent=2) + "\n")
        if not self.quiet and not is_stdout(self.json) and not is_stdout(self.csv):
            self._print(store, kept, len(points), planned)
        if failed and len(failed) == len(points):
            raise RunError("every point of the sweep failed")

    def _print(self, store: SweepStore, kept: Sequence[StoredPoint], there: int, planned: int | None) -> None:
        from rich.console import Console

        from accel_sim.tables import TABLE_WIDTH
        from rl.sweeps.view import sweep_view

        console = Console()
        if not console.is_terminal:
            console = Console(width=TABLE_WIDTH)
        of = "" if planned is None or planned == there else f" of {planned:,}"
        under = "" if self.where is None else f", {len(kept):,} with {self.where}"
        console.print(f"{store.meta('title')}: {there:,}{of} points{under}", markup=False, highlight=False)
        if kept:
            console.print(sweep_view(kept, self.by, self.front))
