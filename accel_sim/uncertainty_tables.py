"""Intervals and verdicts as tables for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from accel_sim.energy.uncertainty import Interval, UncertainEnergy, interval
from accel_sim.labels import COMPONENT_LABELS, format_si, shorten
from accel_sim.result import Result
from accel_sim.uncertain_comparison import UncertainComparison, Verdict

__all__ = ["intervals_table", "verdicts_table"]

_PJ = 1e-12
_NAMED = 3


def _table(title: str) -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title=Text(title), title_justify="left")


def intervals_table(result: Result, energy: UncertainEnergy) -> Table:
    """Energy of each component with every constant at its value, and over the draws."""
    table = _table(f"Energy over {len(energy.components):,} draws of the constants from their ranges")
    table.add_column("component", no_wrap=True)
    for header in ("at their values", "5 %", "median", "95 %"):
        table.add_column(header, justify="right", no_wrap=True)
    rows = {name: getattr(result.total.energy_pj, name) for name in COMPONENT_LABELS}
    for name, value in [*rows.items(), ("total", result.total.energy_pj.total)]:
        if value:
            label = "total" if name == "total" else COMPONENT_LABELS[name]
            style = "bold" if name == "total" else ""
            table.add_row(label, format_si(value * _PJ, "J"), *_three(interval(energy.of(name))), style=style)
    return table


def _three(of: Interval) -> tuple[str, str, str]:
    low, median, high = (format_si(value * _PJ, "J") for value in (of.low, of.median, of.high))
    return low, median, high


def verdicts_table(results: Sequence[Result], found: UncertainComparison) -> Table:
    """Whether each machine's energy against the first one's is sure."""
    first = str(results[0].hardware["name"])
    table = _table(f"Energy against {shorten(first, 30)}, over {found.samples:,} draws of the constants they share")
    table.add_column("machine", overflow="fold")
    for header in ("energy, 5 to 95 %", "ratio", "5 to 95 %", "same order"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("decided by", overflow="fold")
    table.add_row(shorten(first, 30), _span(interval(found.energies[0].total_pj)), "1", "", "", "")
    for result, energy, verdict in zip(results[1:], found.energies[1:], found.verdicts, strict=True):
        table.add_row(
            shorten(str(result.hardware["name"]), 30),
            _span(interval(energy.total_pj)),
            f"{verdict.ratio:.3g}×",
            f"{verdict.interval.low:.3g} to {verdict.interval.high:.3g}×",
            f"{100 * verdict.same_order:.0f} %",
            _decided_by(verdict),
        )
    return table


def _span(of: Interval) -> str:
    return f"{format_si(of.low * _PJ, 'J')} to {format_si(of.high * _PJ, 'J')}"


def _decided_by(verdict: Verdict) -> Text:
    if verdict.flips:
        return Text(f"FLIPS within the range of {', '.join(verdict.flips)}", style="bold red")
    widest = ", ".join(swing.name for swing in verdict.swings[:_NAMED] if swing.width)
    return Text(widest if verdict.is_sure else f"UNSURE: {widest}", style="" if verdict.is_sure else "bold red")
