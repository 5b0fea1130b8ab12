"""What a user sees of a running search: a bar with the best so far on the terminal, and TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rl.progress import ProgressBar, progress_bar
from rl.runs.search import Cost
from rl.searchers.moves import best_of
from rl.searchers.protocol import Outcome

__all__ = ["SearchWatch", "search_watch"]


class SearchWatch:
    """Reports a search; see :class:`rl.runs.search.Watch`.

    Args:
        bar: for phases and steps.
        say: prints a line.
        directory: of the event files; ``None``: there are none.
    """

    def __init__(self, bar: ProgressBar, say: Callable[[str], object], directory: Path | None) -> None:
        self._bar, self._say = bar, say
        self._directory = directory
        self._events: Any = None

    def phase(self, text: str) -> None:
        """Something of unknown length starts."""
        self._bar.phase(text)

    def step(self, done: int, total: int, text: str) -> None:
        """Probes of the sensitivity table."""
        self._bar.step(done, total, f"sensitivity {text}")

    def cost(self, cost: Cost) -> None:
        """Say what the search will take."""
        self._events = _event_writer(self._directory)  # not earlier: the folder may be another search's
        share = cost.simulation_s / cost.evaluation_s
        self._say(
            f"an evaluation takes {cost.evaluation_s:.2f} s ({share:.0%} of it the machine) on {cost.images} images"
            f" (one standard error: {cost.standard_error_points:.1f} points)"
        )
        if cost.top1_percent < cost.chance_percent + 2 * cost.standard_error_points:
            self._say(
                f"warning: the network is right on {cost.top1_percent:.1f} % of them, guessing on"
                f" {cost.chance_percent:.1f} %: does it lack --weights?"
            )
        there = f" ({cost.stored} of them done)" if cost.stored else ""
        probes = f", {cost.probes} probes of single layers" if cost.probes else ""
        self._say(f"{cost.policies} policies{there}{probes}, then the best in full: about {_duration(cost.total_s)}")

    def tried(self, outcomes: Sequence[Outcome], total: int) -> None:
        """Show the best so far, and log the last."""
        best, last = best_of(outcomes), outcomes[-1]
        within = "" if best.feasible else ", beyond the bound"
        text = f"best: {100 * best.saved:.1f} % less energy, {best.loss_points:.2f} points lost{within}"
        self._bar.step(len(outcomes), total, text)
        if self._events is not None:
            scalars = {
                "reward": last.reward,
                "saved_percent": 100 * last.saved,
                "loss_points": last.loss_points,
                "best_reward": best.reward,
                "best_saved_percent": 100 * best.saved,
            }
            for name, value in scalars.items():
                self._events.add_scalar(f"search/{name}", value, len(outcomes))

    def close(self) -> None:
        """Write what is left of the event file."""
        if self._events is not None:
            self._events.close()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _event_writer(directory: Path | None) -> Any:
    if directory is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(directory))


@contextmanager
def search_watch(say: Callable[[str], object], directory: Path | None, *, quiet: bool) -> Iterator[SearchWatch]:
    """A watch while the context is open."""
    with progress_bar(quiet=quiet, time_left=True) as bar:
        watch = SearchWatch(bar, say, directory)
        try:
            yield watch
        finally:
            watch.close()
