"""Operand statistics as a table for a terminal of 100 columns."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from accel_sim.labels import format_si, shorten
from accel_sim.operand_statistics import OperandStatistics, WorkloadStatistics

__all__ = ["operand_table"]

_NAME_WIDTH = 30


def operand_table(statistics: WorkloadStatistics) -> Table:
    """One line per matrix product, activations (A) beside weights (W), and the means over all values.

    Values count as :mod:`accel_sim.operand_statistics` says: as often as the array meets them, padding included.
    """
    title = Text(f"Operands: {statistics.origin}")
    table = Table(
        box=box.SIMPLE_HEAD, padding=0, pad_edge=False, title=title, title_justify="left", caption_justify="left"
    )
    table.add_column("layer", no_wrap=True, vertical="bottom")
    for operand in "AW":
        for header in ("\nvalues", "\nbits", "zero\n%", "\nones", "CSD\nterms", "\nwidth"):
            table.add_column(f"{operand}\n{header}", no_wrap=True, justify="right", vertical="bottom")
    table.caption = Text(
        "A: activations, W: weights. Means per value: ones of the magnitude, terms of the canonical"
        " signed-digit form (CSD), shortest width in bits."
    )
    for layer in statistics.layers:
        cells = [*_cells(layer.activations, str(layer.a_bits)), *_cells(layer.weights, str(layer.w_bits))]
        table.add_row(_name(layer.name), *cells)
    table.add_section()
    means = [statistics.total("activations"), statistics.total("weights")]
    table.add_row("mean", *(cell for part in means for cell in _cells(part, "")), style="bold")
    return table


def _cells(part: OperandStatistics, bits: str) -> list[str]:
    return [
        f" {format_si(part.values)}",
        bits,
        f"{100 * part.zeros:.1f}",
        f"{part.effectual_bits:.2f}",
        f"{part.csd_terms:.2f}",
        f"{part.width_bits:.2f}",
    ]


def _name(name: str) -> Text:
    return Text("".join(c if c.isprintable() else " " for c in shorten(name, _NAME_WIDTH)))
