"""What each layer can bear, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.labels import shorten
from compress.sensitivity.probes import A_BITS, W_BITS
from compress.sensitivity.table import SensitivityRow, SensitivityTable

__all__ = ["bearable", "sensitivity_view"]

BEARABLE_POINTS = 1.0
_NAME_WIDTH = 32
_HEADERS = {W_BITS: "W\nbits", A_BITS: "A\nbits"}


def sensitivity_view(table: SensitivityTable) -> RenderableType:
    """A line per layer: the largest ratio and the fewest bits that were tried and cost at most a point of top-1."""
    view = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    view.add_column("layer", no_wrap=True, vertical="bottom")
    for change in table.changes:
        view.add_column(_HEADERS.get(change, f"{change}\nratio"), justify="right", vertical="bottom")
    for layer in table.layers:
        view.add_row(shorten(layer, _NAME_WIDTH), *(_cell(table, layer, change) for change in table.changes))
    head = (
        f"{table.model}: most pruned and fewest bits that cost at most {BEARABLE_POINTS:g} point of top-1, one layer"
        f" changed at a time"
    )
    foot = f"float: top-1 {table.top1_percent:.2f} %, {table.images} images of the search split; -: not even the least"
    return Group(Text(head), view, Text(foot))


def bearable(table: SensitivityTable, rows: Sequence[SensitivityRow]) -> SensitivityRow | None:
    """The last of rows, from the mildest to the harshest, up to which none costs more than a point."""
    last = None
    for row in rows:
        if table.lost_points(row) > BEARABLE_POINTS:
            break
        last = row
    return last


def _cell(table: SensitivityTable, layer: str, change: str) -> str:
    rows = table.curve(layer, change)
    if not rows:
        return ""
    found = bearable(table, rows[::-1] if change in (W_BITS, A_BITS) else rows)
    return "-" if found is None else f"{found.amount:g}"
