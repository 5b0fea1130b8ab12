"""Results as tables for a terminal of 100 columns.

MACs stand beside cycles and energy throughout: fewer MACs are not always fewer cycles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from accel_sim.labels import COMPONENT_LABELS, Scale, format_si, shorten, si_scale
from accel_sim.result import CycleCounts, DramCounts, EnergyBreakdown, LayerResult, MacCounts, Result, sum_fields

__all__ = ["TABLE_WIDTH", "layer_table", "result_view", "summary_panel"]

_PJ = 1e-12
TABLE_WIDTH = 100
_LEAST_NAME_WIDTH = 10
_OP_WIDTH = 8
_GROUPS_COLUMN = 2


def result_view(result: Result, *, all_layers: bool = False) -> RenderableType:
    """Put the table of layers above the summary."""
    return Group(layer_table(result, all_layers=all_layers), summary_panel(result))


def layer_table(result: Result, *, all_layers: bool = False) -> Table:
    """One line per array layer, one for all vector-unit operations together, and the total.

    Args:
        result: the simulation.
        all_layers: list every vector-unit operation in its place instead.

    """
    units = _Units.of(result.layers)
    rows = [*_layer_rows(result, units, all_layers), _total_row(result, units)]
    headers = ["layer", "op", "G", "M", "N", "K", units.macs.unit, "cycles", "stall %", "util %"]
    headers += [f"DRAM {units.dram.unit}", units.energy.unit, "share %"]
    if not any(layer.groups > 1 for layer in result.layers):
        rows = [row[:_GROUPS_COLUMN] + row[_GROUPS_COLUMN + 1 :] for row in rows]
        del headers[_GROUPS_COLUMN]
    headers = [header.replace(" ", "\n") for header in headers]
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False)
    for header in headers[:2]:
        table.add_column(header, no_wrap=True, vertical="bottom")
    for header in headers[2:]:
        table.add_column(header, no_wrap=True, justify="right", vertical="bottom")
    name_width = _name_width(headers, rows)
    for index, (name, *cells) in enumerate(rows):
        is_total = index == len(rows) - 1
        if is_total:
            table.add_section()
        table.add_row(_plain(shorten(name, name_width)), *map(_plain, cells), style="bold" if is_total else "")
    return table


@dataclass(frozen=True)
class _Units:
    """Units of the columns, such that the largest layer reads as 1 to 999."""

    macs: Scale
    dram: Scale
    energy: Scale

    @classmethod
    def of(cls, layers: Sequence[LayerResult]) -> _Units:
        return cls(
            macs=si_scale(max(layer.macs.total for layer in layers), "MAC"),
            dram=si_scale(max(_dram_bytes(layer.dram) for layer in layers), "B"),
            energy=si_scale(max(layer.energy_pj.total for layer in layers) * _PJ, "J"),
        )


def _name_width(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Characters left for the names when every other column is as wide as it needs to be."""
    others = [
        max([len(cell) for cell in cells] + [len(line) for line in header.split("\n")])
        for header, *cells in list(zip(headers, *rows, strict=True))[1:]
    ]
    return max(_LEAST_NAME_WIDTH, TABLE_WIDTH - 2 - sum(others) - len(others))


def _layer_rows(result: Result, units: _Units, all_layers: bool) -> list[list[str]]:
    array_layers = [layer for layer in result.layers if layer.groups]
    vector_layers = [layer for layer in result.layers if not layer.groups]
    if all_layers or not array_layers:
        return [_layer_row(layer, result, units) for layer in result.layers]
    rows = [_layer_row(layer, result, units) for layer in array_layers]
    if vector_layers:
        rows.append(_vector_row(vector_layers, result, units))
    return rows


def _layer_row(layer: LayerResult, result: Result, units: _Units) -> list[str]:
    sizes = (layer.groups, layer.m, layer.n, layer.k)
    shape = [str(size) if layer.groups else "" for size in sizes]
    utilization = layer.utilization if layer.groups else None
    figures = _figures(layer.macs, layer.cycles, utilization, layer.dram, units)
    return [layer.name, shorten(layer.op, _OP_WIDTH), *shape, *figures, *_energy(layer.energy_pj.total, result, units)]


def _vector_row(layers: Sequence[LayerResult], result: Result, units: _Units) -> list[str]:
    cycles = sum_fields(CycleCounts, (layer.cycles for layer in layers))
    dram = sum_fields(DramCounts, (layer.dram for layer in layers))
    energy_pj = sum(layer.energy_pj.total for layer in layers)
    figures = _figures(MacCounts(), cycles, None, dram, units)
    return [f"{len(layers)} vector ops", *[""] * 5, *figures, *_energy(energy_pj, result, units)]


def _total_row(result: Result, units: _Units) -> list[str]:
    total = result.total
    figures = _figures(total.macs, total.cycles, total.utilization, total.dram, units)
    return ["total", *[""] * 5, *figures, *_energy(total.energy_pj.total, result, units)]


def _figures(
    macs: MacCounts, cycles: CycleCounts, utilization: float | None, dram: DramCounts, units: _Units
) -> list[str]:
    return [
        f"{macs.total / units.macs.divisor:,.1f}" if macs.total else "",
        f"{cycles.total:,}",
        f"{_percent(cycles.stall, cycles.total):.1f}",
        "" if utilization is None else f"{100 * utilization:.1f}",
        f"{_dram_bytes(dram) / units.dram.divisor:,.2f}",
    ]


def _energy(pj: float, result: Result, units: _Units) -> list[str]:
    return [f"{pj * _PJ / units.energy.divisor:,.1f}", f"{_percent(pj, result.total.energy_pj.total):.1f}"]


def _plain(text: str) -> Text:
    """``text`` as it is: square brackets are no markup, control characters are blanks."""
    return Text("".join(c if c.isprintable() else " " for c in text))


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def _dram_bytes(dram: DramCounts) -> int:
    return dram.read_bytes + dram.write_bytes


def summary_panel(result: Result) -> Panel:
    """Show what the run comes to: time, energy, efficiency, area, traffic, and the energy by component."""
    total = result.total
    facts = [
        ("latency", f"{format_si(total.latency_s, 's')} ({total.cycles.total:,} cycles)"),
        ("energy", format_si(total.energy_j, "J")),
        ("average power", format_si(total.average_power_w, "W")),
        ("energy-delay product", format_si(total.edp_js, "J·s")),
        ("throughput", f"{format_si(total.tops * 1e12, 'OPS')} (2 per MAC, {format_si(total.macs.total, 'MAC')})"),
        ("efficiency", f"{total.tops_per_w:.3g} TOPS/W, {total.tops_per_mm2:.3g} TOPS/mm²"),
        ("utilisation", f"{100 * total.utilization:.1f} % of the multipliers"),
        ("area", f"{total.area_mm2:.3g} mm²"),
        ("DRAM read / write", f"{format_si(total.dram.read_bytes, 'B')} / {format_si(total.dram.write_bytes, 'B')}"),
    ]
    columns = Table.grid(padding=(0, 4))
    shares = _shares(total.energy_pj)
    columns.add_row(_pairs(facts), *([_pairs(shares)] if shares else []))
    title = _plain(f"{shorten(result.model, 60)} on {result.hardware['name']}")
    origin = _pairs([("operands", result.operands or "not needed: nothing here depends on values")])
    return Panel(Group(columns, origin), title=title, title_align="left", expand=False, box=box.ROUNDED)


def _shares(energy_pj: EnergyBreakdown) -> list[tuple[str, str]]:
    parts = [(label, getattr(energy_pj, name)) for name, label in COMPONENT_LABELS.items()]
    used = [(label, pj) for label, pj in parts if pj]
    used.sort(key=lambda part: -part[1])
    return [(label, f"{_percent(pj, energy_pj.total):5.1f} %") for label, pj in used]


def _pairs(pairs: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    for name, value in pairs:
        grid.add_row(name, value)
    return grid
