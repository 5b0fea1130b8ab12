"""A progress bar for what turns out to take longer than a second."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["ProgressBar", "progress_bar"]

_PATIENCE_S = 1.0


class _RateColumn(ProgressColumn):
    """Steps per second of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.3g}/s")


class ProgressBar:
    """What a long job reports to."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def phase(self, text: str) -> None:
        """Announce work of unknown length, e.g. reading a model."""
        self._progress.reset(self._task, total=None, description=text)

    def step(self, done: int, total: int, text: str) -> None:
        """Report ``done`` of ``total`` steps, ``text`` naming the last; fits ``accel_sim.simulate(progress=...)``."""
        self._progress.update(self._task, completed=done, total=total, description=text)


@contextmanager
def progress_bar(*, quiet: bool, time_left: bool = False) -> Iterator[ProgressBar]:
    """Show a bar on standard error after a second, wiped at the end; none if ``quiet`` or not on a terminal.

    Args:
        quiet: show nothing.
        time_left: whether steps take about equally long, so that their rate and the rest can be told.
    """
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        *((_RateColumn(), TextColumn("left"), TimeRemainingColumn()) if time_left else ()),
    )
    progress = Progress(*columns, console=console, transient=True)
    # The first second may pass in one long call (reading a model), so a timer starts the display.
    timer = threading.Timer(_PATIENCE_S, progress.start)
    timer.daemon = True
    if console.is_terminal and not quiet:
        timer.start()
    try:
        yield ProgressBar(progress)
    finally:
        timer.cancel()
        if timer.ident is not None:
            timer.join()
        if progress.live.is_started:
            progress.stop()
