"""Cycles and utilisation per layer."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from accel_sim.labels import format_si, si_scale
from accel_sim.plots.bars import draw_bars, figure_size_in, is_array_layer, label_layers, layer_bars
from accel_sim.plots.kinds import kind_of
from accel_sim.plots.style import COMPUTE_COLOUR, KIND_STYLES, NEUTRAL, STALL_COLOUR, figure, grid, heading
from accel_sim.result import CycleCounts, Result

__all__ = ["cycles", "utilization"]

_COUNT_WORDS = {"": "Cycles", "k": "Thousand cycles", "M": "Million cycles", "G": "Billion cycles"}
_PANEL = 0.9
"""Share of the figure's width that the panel takes, axis labels apart."""


def cycles(result: Result) -> Figure:
    """Compute and stall cycles per layer, stacked; the totals stand in the legend.

    Vector-unit operations are added to the array layer before them. Call it within
    :func:`accel_sim.plots.style.paper_style`.
    """
    bars = layer_bars(result.layers)
    names = [bar.name for bar in bars]
    size_in = figure_size_in(names)
    fig = figure(*size_in)
    ax = fig.subplots()
    tallest = max(bar.cycles.total for bar in bars)
    scale = si_scale(min(tallest, 999e9), "")
    compute = [bar.cycles.compute / scale.divisor for bar in bars]
    stall = [bar.cycles.stall / scale.divisor for bar in bars]
    draw_bars(ax, compute, [0.0] * len(bars), facecolor=COMPUTE_COLOUR, linewidth=0)
    draw_bars(ax, stall, compute, facecolor=STALL_COLOUR, linewidth=0)
    ax.set_ylabel(_COUNT_WORDS[scale.unit])
    ax.set_ylim(0, tallest / scale.divisor * 1.05 or 1.0)
    grid(ax, "y")
    label_layers(ax, names, size_in[0] * _PANEL)
    title = f"{result.model} on {result.hardware['name']}, {format_si(result.total.latency_s, 's')}"
    heading(ax, title, _cycle_handles(result.total.cycles))
    return fig


def _cycle_handles(total: CycleCounts) -> list[Patch]:
    parts = (("Compute", total.compute, COMPUTE_COLOUR), ("Stall", total.stall, STALL_COLOUR))
    return [
        Patch(color=colour, label=f"{what}: {count:,} cycles ({100 * count / (total.total or 1):.1f} %)")
        for what, count, colour in parts
    ]


def utilization(result: Result) -> Figure:
    """Share of the PE-lane cycles that multiply, per array layer, and of the whole network.

    Without any array layer, the vector-unit operations are listed, at zero. Call it within
    :func:`accel_sim.plots.style.paper_style`.
    """
    layers = [layer for layer in result.layers if is_array_layer(layer)] or list(result.layers)
    names = [layer.name for layer in layers]
    size_in = figure_size_in(names)
    fig = figure(*size_in)
    ax = fig.subplots()
    kinds = [kind_of(layer) if is_array_layer(layer) else None for layer in layers]
    colours = [KIND_STYLES[kind][1] if kind else NEUTRAL for kind in kinds]
    draw_bars(ax, [100 * layer.utilization for layer in layers], [0.0] * len(layers), facecolor=colours, linewidth=0)
    overall = 100 * result.total.utilization
    mean = ax.axhline(
        overall, color="black", linewidth=1, linestyle=(0, (4, 2)), label=f"Whole network: {overall:.1f} %"
    )
    ax.set_ylabel("Utilisation of the multipliers (%)")
    ax.set_ylim(0, 100)
    grid(ax, "y")
    label_layers(ax, names, size_in[0] * _PANEL)
    handles = [Patch(color=colour, label=kind) for kind, (_, colour) in KIND_STYLES.items() if kind in kinds]
    heading(ax, f"{result.model} on {result.hardware['name']}", [*handles, mean])
    return fig
