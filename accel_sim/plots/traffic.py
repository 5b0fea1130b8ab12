"""What DRAM moves for each layer, over the least that any tiling needs."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from accel_sim.labels import format_si
from accel_sim.plots.bars import draw_bars, figure_size_in, label_layers
from accel_sim.plots.style import COMPUTE_COLOUR, STALL_COLOUR, figure, grid, heading
from accel_sim.result import Result
from accel_sim.traffic_bound import TrafficBound

__all__ = ["traffic"]

_PANEL = 0.9


def traffic(result: Result, bounds: Mapping[str, TrafficBound]) -> Figure:
    """DRAM bytes of each array layer over the lower bound of its kind; 1 is the best that can be.

    Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    layers = [layer for layer in result.layers if layer.name in bounds]
    names = [layer.name for layer in layers]
    size_in = figure_size_in(names)
    fig = figure(*size_in)
    ax = fig.subplots()
    moved = [layer.dram.read_bytes + layer.dram.write_bytes for layer in layers]
    least = [bounds[name].least_bytes for name in names]
    by_capacity = [bounds[name].capacity_bytes > bounds[name].compulsory_bytes for name in names]
    colours = [STALL_COLOUR if capacity else COMPUTE_COLOUR for capacity in by_capacity]
    ratios = [bytes_ / bound for bytes_, bound in zip(moved, least, strict=True)]
    draw_bars(ax, ratios, [0.0] * len(ratios), facecolor=colours, linewidth=0)
    ax.axhline(1.0, color="black", linewidth=1, linestyle=(0, (4, 2)))
    ax.set_ylabel("DRAM traffic over the lower bound")
    ax.set_ylim(0, max([1.0, *ratios]) * 1.08)
    grid(ax, "y")
    label_layers(ax, names, size_in[0] * _PANEL)
    kinds = {False: "bound: each tensor once", True: "bound: what fits on chip"}
    handles: list[Patch | Line2D] = [
        Patch(color=STALL_COLOUR if kind else COMPUTE_COLOUR, label=label)
        for kind, label in kinds.items()
        if kind in by_capacity
    ]
    overall = sum(moved) / sum(least) if least else 1.0
    label = f"all: {format_si(sum(moved), 'B')}, {overall:.2f} × the bound"
    handles.append(Line2D([], [], color="black", linewidth=1, linestyle=(0, (4, 2)), label=label))
    heading(ax, f"{result.model} on {result.hardware['name']}", handles)
    return fig
