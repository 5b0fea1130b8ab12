"""What a benchmark hands back, and its Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.measure import Times

__all__ = ["Check", "Section", "checks_of", "markdown_table", "milliseconds", "spread", "time_checks"]


@dataclass(frozen=True)
class Check:
    """One target and what was measured."""

    what: str
    target: str
    measured: str
    met: bool


@dataclass(frozen=True)
class Section:
    """One benchmark: a heading, what is counted, tables as Markdown, and its targets."""

    title: str
    text: str
    table: str
    checks: tuple[Check, ...]

    def markdown(self) -> str:
        """The section as Markdown."""
        return f"## {self.title}\n\n{self.text}\n\n{self.table}\n"


def time_checks(what: str, limit_s: float, times: Times) -> tuple[Check, ...]:
    """One time limit against the medians of the wall clock and of the CPU time."""
    return tuple(
        Check(f"{what}, {clock}", f"≤ {milliseconds(limit_s)} ms", f"{milliseconds(seconds)} ms", seconds <= limit_s)
        for clock, seconds in (("wall clock", times.wall_median_s), ("CPU time", times.cpu_median_s))
    )


def milliseconds(seconds: float) -> str:
    """Milliseconds with three significant digits, or to the whole one from 100 on."""
    value = 1e3 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def spread(seconds: Sequence[float]) -> str:
    """``median (lowest to highest)`` in milliseconds."""
    return f"{milliseconds(median(seconds))} ({milliseconds(min(seconds))} to {milliseconds(max(seconds))})"


def checks_of(sections: Iterable[Section]) -> str:
    """All targets in one table."""
    rows = [
        (check.what, check.target, check.measured, "yes" if check.met else "**no**")
        for section in sections
        for check in section.checks
    ]
    return markdown_table(("", "target", "measured", "met"), rows)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are set to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(map(str, cells)) + " |" for cells in (header, rule, *rows))
