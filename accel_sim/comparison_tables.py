"""Several machines on one model, as tables: how they differ, and through which components and layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from accel_sim.labels import COMPONENT_LABELS, format_si, shorten
from accel_sim.result import Result, TotalResult

__all__ = ["comparison_view", "ratios"]

_PJ = 1e-12
_NAMED = 3
_NAME_WIDTH = 30

_METRICS: dict[str, tuple[str, Callable[[TotalResult], float], Callable[[float], str]]] = {
    "cycles": ("cycles", lambda total: total.cycles.total, lambda value: f"{value:,.0f}"),
    "latency_s": ("latency", lambda total: total.latency_s, lambda value: format_si(value, "s")),
    "energy_j": ("energy", lambda total: total.energy_j, lambda value: format_si(value, "J")),
    "edp_js": ("EDP", lambda total: total.edp_js, lambda value: format_si(value, "J·s")),
    "average_power_w": ("power", lambda total: total.average_power_w, lambda value: format_si(value, "W")),
    "area_mm2": ("area", lambda total: total.area_mm2, lambda value: f"{value:.3g} mm²"),
    "tops_per_w": ("TOPS/W", lambda total: total.tops_per_w, lambda value: f"{value:.3g}"),
    "tops_per_mm2": ("TOPS/mm²", lambda total: total.tops_per_mm2, lambda value: f"{value:.3g}"),
}
_SHOWN = {name: metric for name, metric in _METRICS.items() if name != "tops_per_mm2"}
"""What fits 100 columns."""


def ratios(results: Sequence[Result]) -> list[dict[str, float | None]]:
    """Every metric of every machine over that of the first; ``None`` where the first one's is 0."""
    return [{name: _ratio(result, results[0], name) for name in _METRICS} for result in results]


def _ratio(result: Result, first: Result, metric: str) -> float | None:
    _, value_of, _ = _METRICS[metric]
    base = value_of(first.total)
    return value_of(result.total) / base if base else None


def comparison_view(results: Sequence[Result]) -> RenderableType:
    """Show the metrics of all machines, then what sets each apart from the first."""
    return Group(_metrics_table(results), _causes_table(results))


def _machine(result: Result) -> Text:
    return Text(shorten(str(result.hardware["name"]), _NAME_WIDTH))


def _metrics_table(results: Sequence[Result]) -> Table:
    macs = format_si(results[0].total.macs.total, "MAC")
    origins = dict.fromkeys(result.operands for result in results if result.operands)
    title = Text(f"{shorten(results[0].model, 60)}, {macs} (in brackets: relative to the first machine)")
    if origins:
        title.append(f"\nOperands: {'; '.join(origins)}")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title=title, title_justify="left")
    table.add_column("machine", overflow="fold")
    for label, _, _ in _SHOWN.values():
        table.add_column(label, justify="right", no_wrap=True)
    for result, relative in zip(results, ratios(results), strict=True):
        cells = [
            f"{show(value_of(result.total))}\n{_times(relative[name])}" for name, (_, value_of, show) in _SHOWN.items()
        ]
        table.add_row(_machine(result), *cells)
    return table


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"({ratio:.3g}×)"


def _causes_table(results: Sequence[Result]) -> Table:
    first = results[0]
    title = Text(f"What makes the difference to {_machine(first)}")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, title=title, title_justify="left")
    table.add_column("machine", overflow="fold")
    table.add_column("energy by component", no_wrap=True)
    table.add_column("cycles by layer", overflow="fold")
    for result in results[1:]:
        components = _largest(_component_changes(result, first))
        layers = _largest(_layer_changes(result, first))
        energy_lines = [f"{_signed(pj * _PJ, 'J')} {COMPONENT_LABELS[name]}" for name, pj in components]
        cycle_lines = [f"{_signed(cycles, '')} {shorten(name, _NAME_WIDTH)}" for name, cycles in layers]
        table.add_row(_machine(result), Text("\n".join(energy_lines) or "none"), Text("\n".join(cycle_lines) or "none"))
    return table


def _component_changes(result: Result, first: Result) -> dict[str, float]:
    here, there = result.total.energy_pj, first.total.energy_pj
    return {name: getattr(here, name) - getattr(there, name) for name in COMPONENT_LABELS}


def _layer_changes(result: Result, first: Result) -> dict[str, float]:
    before = {layer.name: layer.cycles.total for layer in first.layers}
    return {layer.name: layer.cycles.total - before[layer.name] for layer in result.layers}


def _largest(changes: dict[str, float]) -> list[tuple[str, float]]:
    changed = [(name, change) for name, change in changes.items() if change]
    return sorted(changed, key=lambda item: -abs(item[1]))[:_NAMED]


def _signed(value: float, unit: str) -> str:
    return ("+" if value > 0 else "−") + format_si(abs(value), unit)
