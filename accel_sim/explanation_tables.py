"""An explanation as tables for a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from accel_sim.explanation import Explained, ExplainedItem
from accel_sim.labels import COMPONENT_LABELS, format_si, shorten

__all__ = ["constants_list", "cycles_table", "energy_table", "notes_table"]

_PJ = 1e-12
_MOST_CONSTANTS = 3


def _table(title: str) -> Table:
    return Table(
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title=Text(title), title_justify="left", expand=False
    )


def energy_table(found: Explained, items: Sequence[ExplainedItem]) -> Table:
    """Count × price = energy, item by item."""
    name = f"{shorten(found.model, 40)}, {shorten(found.name, 30)}, on {shorten(found.hardware.name, 30)}"
    table = _table(f"{name}: {format_si(found.total_pj * _PJ, 'J')}")
    table.add_column("component", no_wrap=True)
    table.add_column("counted", overflow="fold")
    for header in ("count", "× pJ", "= energy", "%"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("price comes from", overflow="fold")
    last = ""
    for item in items:
        label = COMPONENT_LABELS[item.component]
        table.add_row(
            "" if label == last else label,
            item.action,
            f"{item.count:,.0f}",
            f"{item.price_pj:.4g}",
            format_si(item.energy_pj * _PJ, "J"),
            f"{100 * item.energy_pj / found.total_pj:.1f}" if found.total_pj else "",
            _behind(item),
        )
        last = label
    return table


def _behind(item: ExplainedItem) -> str:
    """Names of the constants behind a price, with their weights where there are several."""
    if len(item.origins) == 1:
        return item.origins[0].constant.name
    shares = [f"{origin.constant.name} {100 * origin.share:.0f} %" for origin in item.origins[:_MOST_CONSTANTS]]
    return ", ".join(shares) or "see below"


def cycles_table(found: Explained) -> Table:
    """What the cycles are made of."""
    table = _table(f"{found.total_cycles:,} cycles")
    table.add_column("part", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("cycles", justify="right", no_wrap=True)
    table.add_column("how", overflow="fold")
    for item in found.cycles:
        table.add_row(item.part, item.what, f"{item.cycles:,}", item.how)
    return table


def notes_table(items: Sequence[ExplainedItem]) -> Table:
    """Prices that are more than constants of the table."""
    table = _table("Prices from elsewhere")
    table.add_column("component", no_wrap=True)
    table.add_column("source", overflow="fold")
    for component, note in dict.fromkeys((item.component, item.note) for item in items if item.note):
        table.add_row(COMPONENT_LABELS[component], note)
    return table


def constants_list(items: Sequence[ExplainedItem], least_share: float) -> Table:
    """The constants behind the prices, with their sources; those that hardly matter left out."""
    table = _table("Constants, as scaled to this machine; in brackets the range that sources support")
    table.add_column("constant", no_wrap=True)
    table.add_column("value and source", overflow="fold", ratio=1)
    seen = {
        origin.constant.name: origin.constant
        for item in items
        for origin in item.origins
        if abs(origin.share) >= least_share
    }
    for name, applied in seen.items():
        constant, factor = applied.constant, applied.factor
        low, high = (constant.value if end is None else end for end in (constant.low, constant.high))
        scaled = f", {constant.value:g} × {factor:.3g} for the node" if factor != 1 else ""
        value = f"{applied.value:.4g}{scaled} ({low * factor:.3g} to {high * factor:.3g}), {constant.obtained}"
        table.add_row(name, f"{value}: {constant.source}")
    return table
