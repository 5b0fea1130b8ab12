"""Tasks for worker processes, which import them by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    """Later tasks end first."""
    time.sleep(0.02 * (4 - number % 5))
    return number * number


def die_once(task: tuple[int, str]) -> int:
    """Kills its process the first time that anybody runs it with 3."""
    number, folder = task
    marker = Path(folder) / "died"
    if number == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return square(number)


def die(task: int) -> int:
    """Always kills its process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return task


def fail(task: int) -> int:
    """An error that is the task's own."""
    raise ValueError(f"task {task}")


def answer() -> int:
    """On every worker."""
    return 42


def no_answer() -> int:
    """On no worker."""
    raise ValueError("no answer")


def die_at_three(number: int) -> int:
    """Kills its process at 3, always."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def note(task: tuple[int, str]) -> int:
    """Leaves a file each time that it runs."""
    number, folder = task
    (Path(folder) / f"{number}-{time.monotonic_ns()}").touch()
    time.sleep(0.1)
    return number * number
