"""Timing of calls and of whole processes: every repetition is kept, CPU time beside the wall clock."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Times", "time_calls", "time_process"]


@dataclass(frozen=True)
class Times:
    """Seconds of each repetition; CPU time is user + system of all threads."""

    cpu_s: tuple[float, ...]
    wall_s: tuple[float, ...]

    @property
    def cpu_median_s(self) -> float:
        return median(self.cpu_s)

    @property
    def wall_median_s(self) -> float:
        return median(self.wall_s)


def time_calls(function: Callable[[], object], repeats: int, before: Callable[[], object] | None = None) -> Times:
    """Time ``repeats`` calls in this process; ``before`` runs ahead of each call and is not counted."""
    cpu_s, wall_s = [], []
    for _ in range(repeats):
        if before is not None:
            before()
        wall, cpu = time.perf_counter(), time.process_time()
        function()
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    return Times(tuple(cpu_s), tuple(wall_s))


def time_process(command: Sequence[str], repeats: int) -> Times:
    """Time ``command`` as a process of its own, from its start to its end, after one run that is not counted.

    Raises:
        subprocess.CalledProcessError: the command fails.

    """
    runs = [_time_one_process(command) for _ in range(1 + repeats)][1:]
    return Times(tuple(cpu for cpu, _ in runs), tuple(wall for _, wall in runs))


def _time_one_process(command: Sequence[str]) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
