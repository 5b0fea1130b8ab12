"""What each layer can bear: curves per layer, and all layers at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from accel_sim.labels import shorten
from accel_sim.plots.bars import figure_size_in, label_layers
from accel_sim.plots.style import drawable, figure, grid
from accel_sim.plots.write import write_figures
from compress.plots.chosen import spread
from compress.sensitivity import A_BITS, W_BITS, SensitivityTable

__all__ = ["bits_curves", "overview", "pruning_curves", "write_sensitivity_plots"]

PANELS, COLUMNS = 20, 4
_WIDTH_IN, _ROW_IN = 7.16, 1.35
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
_MARKERS = "os^Dv<>P"
_NAMES = {W_BITS: "Weights", A_BITS: "Inputs"}
_LARGEST_LOSS, _LOSS_TICKS = 20.0, (0, 1, 2, 5, 10, 20)
"""Points of top-1 from which on the overview does not tell losses apart; the colours go by the square root."""
_LEAST_RISE = 1e-3
"""Nats of cross-entropy below which a few hundred images say nothing."""
_CELL_ROW_IN = 0.135


def write_sensitivity_plots(table: SensitivityTable, directory: Path) -> list[Path]:
    """``sensitivity`` (all layers), ``sensitivity_pruning`` and ``sensitivity_bits``, each if there is such a probe.

    Raises:
        InputError: ``directory`` cannot be created or written.
    """
    figures = {"sensitivity": lambda: overview(table)}
    if _algorithms(table):
        figures["sensitivity_pruning"] = lambda: pruning_curves(table)
    if set(table.changes) & {W_BITS, A_BITS}:
        figures["sensitivity_bits"] = lambda: bits_curves(table)
    return write_figures(figures, directory)


def pruning_curves(table: SensitivityTable) -> Figure:
    """Rise of the loss over the pruned share: a panel per layer (at most twenty, spread out), a curve per algorithm.

    Rises below a thousandth of a nat, and falls, are drawn at the lower edge. Call it, like the others, within
    :func:`accel_sim.plots.style.paper_style`.
    """
    return _curves(table, _algorithms(table), "Removed (%)", factor=100.0)


def bits_curves(table: SensitivityTable) -> Figure:
    """Rise of the loss over the width of a layer's weights and of its input."""
    return _curves(table, [change for change in (W_BITS, A_BITS) if change in table.changes], "Width (bits)")


def _algorithms(table: SensitivityTable) -> list[str]:
    return [change for change in table.changes if change not in (W_BITS, A_BITS)]


def _curves(table: SensitivityTable, changes: Sequence[str], x_label: str, factor: float = 1.0) -> Figure:
    shown = spread(table.layers, PANELS)
    rows = -(-len(shown) // COLUMNS)
    fig = figure(_WIDTH_IN, _ROW_IN * rows + 0.55)
    axes = fig.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True).ravel()
    for ax, layer in zip(axes, shown, strict=False):
        for index, change in enumerate(changes):
            points = [
                (factor * row.amount, max(_LEAST_RISE, table.rise_nats(row))) for row in table.curve(layer, change)
            ]
            if points:
                ax.plot(*zip(*points, strict=True), clip_on=False, **_look(index))
        ax.set_title(drawable(shorten(layer, 26)), fontsize=6.5)
        grid(ax, "both")
    axes[0].set_yscale("log")
    axes[0].yaxis.set_major_formatter(_rise_label)
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].set_ylim(_LEAST_RISE, _highest(table, changes))
    for position, ax in enumerate(axes):
        ax.set_visible(position < len(shown))
        if position >= len(shown) - COLUMNS:
            ax.tick_params(labelbottom=True)
            ax.set_xlabel(x_label)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("Loss rise (nats)")
    handles = [Line2D([], [], label=_NAMES.get(name, name), **_look(index)) for index, name in enumerate(changes)]
    fig.legend(handles=handles, loc="outside upper left", ncols=5)
    return fig


def _rise_label(rise: float, _: int | None) -> str:
    """Without the mathematics of a power; the lowest stands for every smaller rise, and for falls."""
    return f"≤ {rise:g}" if rise <= _LEAST_RISE else f"{rise:g}"


def _look(index: int) -> dict[str, Any]:
    colour, marker = _COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)]
    return {"color": colour, "marker": marker, "ms": 2.6, "lw": 1.0}


def _highest(table: SensitivityTable, changes: Sequence[str]) -> float:
    """Upper end of the axis: the power of ten above the largest rise."""
    largest = max((table.rise_nats(row) for row in table.rows if row.change in changes), default=0.0)
    return float(10.0 ** max(0, np.ceil(np.log10(max(largest, _LEAST_RISE)))))


def overview(table: SensitivityTable) -> Figure:
    """Points of top-1 that every probe costs in every layer, as a map; grey where it cannot be done."""
    layers = table.layers
    probes = [
        (change, amount)
        for change in table.changes
        for amount in sorted({row.amount for row in table.rows if row.change == change})
    ]
    lost = np.full((len(probes), len(layers)), np.nan)
    places = {probe: index for index, probe in enumerate(probes)}
    columns = {layer: index for index, layer in enumerate(layers)}
    for row in table.rows:
        lost[places[row.change, row.amount], columns[row.layer]] = table.lost_points(row)
    width_in, height_in = figure_size_in(layers)
    fig = figure(width_in, height_in - 2.0 + _CELL_ROW_IN * len(probes))
    ax = fig.subplots()
    _map(fig, ax, lost)
    ax.set_yticks(range(len(probes)), [_probe_label(*probe) for probe in probes], fontsize=6)
    for index in range(1, len(probes)):
        if probes[index][0] != probes[index - 1][0]:
            ax.axhline(index - 0.5, color="white", lw=2)
    label_layers(ax, layers, width_in * 0.75)
    ax.set_xlim(-0.5, len(layers) - 0.5)
    ax.set_title(drawable(shorten(f"One layer changed at a time, {table.model}, {table.images} images", 90)))
    return fig


def _map(fig: Figure, ax: Axes, lost: np.ndarray) -> None:
    ax.set_facecolor("#BBBBBB")
    colours = PowerNorm(0.5, 0, _LARGEST_LOSS)
    image = ax.imshow(lost.clip(min=0), aspect="auto", cmap="cividis_r", norm=colours, interpolation="nearest")
    bar = fig.colorbar(image, ax=ax, extend="max", pad=0.01, ticks=_LOSS_TICKS)
    bar.minorticks_off()
    bar.set_label("Top-1 lost (points)")


def _probe_label(change: str, amount: float) -> str:
    if change in _NAMES:
        return f"{_NAMES[change]}, {amount:g} bit"
    return f"{drawable(shorten(change, 24))}, {100 * amount:g} %"
