"""Zeros and effectual bits of every layer's operands."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from accel_sim.operand_statistics import OperandStatistics, WorkloadStatistics
from accel_sim.plots.bars import figure_size_in, label_layers
from accel_sim.plots.style import COMPONENT_COLOURS, figure, grid, heading, legend_above

__all__ = ["operands"]

ACTIVATIONS, WEIGHTS = COMPONENT_COLOURS["activations_sram"], COMPONENT_COLOURS["weights_sram"]
_HALF = 0.42
_LOWER_PANEL_IN = 1.5
_SIDES = (("activations", -_HALF, ACTIVATIONS), ("weights", 0.0, WEIGHTS))
_HATCH = "//////"
_PANEL = 0.9
"""Share of the figure's width that a panel takes, axis labels apart."""


def operands(statistics: WorkloadStatistics) -> Figure:
    """Share of zeros (above), ones and signed-digit terms per value (below), per layer; activations left of weights.

    For at least one layer. Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    names = [layer.name for layer in statistics.layers]
    width_in, height_in = figure_size_in(names)
    fig = figure(width_in, height_in + _LOWER_PANEL_IN)
    above, below = fig.subplots(2, 1, sharex=True)
    for operand, left, colour in _SIDES:
        parts = [getattr(layer, operand) for layer in statistics.layers]
        _draw_zeros(above, parts, left, colour)
        _draw_bits(below, parts, left, colour)
    above.set_ylabel("Zeros (% of the values)")
    above.set_ylim(0, 100)
    below.set_ylabel("Ones and terms per value")
    tallest = max(
        max(part.effectual_bits, part.csd_terms)
        for layer in statistics.layers
        for part in (layer.activations, layer.weights)
    )
    below.set_ylim(0, tallest * 1.05 or 1.0)
    for ax in (above, below):
        grid(ax, "y")
    label_layers(below, names, width_in * _PANEL)
    above.tick_params(axis="x", bottom=False, labelbottom=False)
    heading(above, f"Operands of {statistics.model}: {statistics.origin}", _zero_handles(statistics))
    legend_above(below, _bit_handles(statistics))
    return fig


def _zero_handles(statistics: WorkloadStatistics) -> list[Artist]:
    handles: list[Artist] = [
        Patch(color=colour, label=f"{operand.capitalize()}: {100 * statistics.total(operand).zeros:.1f} % in all")
        for operand, _, colour in _SIDES
    ]
    if statistics.total("activations").padding:
        handles.append(
            Patch(facecolor="white", edgecolor=ACTIVATIONS, hatch=_HATCH, linewidth=0, label="of it padding")
        )
    return handles


def _bit_handles(statistics: WorkloadStatistics) -> list[Artist]:
    return [
        *(
            Patch(color=colour, label=f"{operand.capitalize()}: {statistics.total(operand).effectual_bits:.2f} ones")
            for operand, _, colour in _SIDES
        ),
        Line2D([], [], color="black", linewidth=1.2, label="Terms of the canonical signed-digit form"),
    ]


def _draw_zeros(ax: Axes, parts: Sequence[OperandStatistics], left: float, colour: str) -> None:
    """The zeros that are data, and on top of them, hatched, those of a convolution's padding."""
    own = [100 * (part.zeros - part.padding) for part in parts]
    _bars(ax, own, [0.0] * len(own), left, facecolor=colour, linewidth=0)
    padding = [100 * part.padding for part in parts]
    if any(padding):
        _bars(ax, padding, own, left, facecolor="white", edgecolor=colour, hatch=_HATCH, linewidth=0)


def _draw_bits(ax: Axes, parts: Sequence[OperandStatistics], left: float, colour: str) -> None:
    ones = [part.effectual_bits for part in parts]
    _bars(ax, ones, [0.0] * len(ones), left, facecolor=colour, linewidth=0)
    marks = [[(i + left, part.csd_terms), (i + left + _HALF, part.csd_terms)] for i, part in enumerate(parts)]
    ax.add_collection(LineCollection(marks, colors="black", linewidths=1.2, capstyle="butt"))


def _bars(ax: Axes, heights: Sequence[float], bottoms: Sequence[float], left: float, **style: object) -> None:
    """Half bars of the slots 0, 1, ... from ``left`` of the slot's middle, as one object."""
    corners = [
        [(i + left, low), (i + left, low + height), (i + left + _HALF, low + height), (i + left + _HALF, low)]
        for i, (height, low) in enumerate(zip(heights, bottoms, strict=True))
    ]
    ax.add_collection(PolyCollection(corners, **style))  # type: ignore[arg-type]
