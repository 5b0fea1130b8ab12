"""The chosen policy, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from accel_sim.plots.bars import draw_bars, figure_size_in, label_layers
from accel_sim.plots.style import drawable, figure, grid, heading, legend_above
from rl.env.space import MOST_BITS

if TYPE_CHECKING:
    from rl.runs.result import SearchResult

__all__ = ["policy_chart"]

_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#F0E442", "#0072B2", "#8C8C8C", "#000000")
_WEIGHTS, _INPUTS = "#0072B2", "#D55E00"


def policy_chart(result: SearchResult) -> Figure:
    """Widths of weights and inputs above; below, where anything is pruned, the share by algorithm."""
    space, candidate = result.problem.space, result.winner.outcome.candidate
    names = [layer.name for layer in space.layers]
    width_in, height_in = figure_size_in(names)
    prunes = any(one.ratio or space.options[one.option].n_m for one in candidate)
    fig = figure(width_in, height_in + (1.2 if prunes else 0.0))
    panels = fig.subplots(2 if prunes else 1, sharex=True, squeeze=False).ravel()
    widths = panels[0]
    slots = range(len(names))
    # equal widths stay visible: the inputs' larger, empty squares and broken line lie behind the weights' dots
    looks: dict[str, dict[str, Any]] = {
        "Weights": {"color": _WEIGHTS, "marker": "o", "ms": 3, "lw": 0.8, "zorder": 3},
        "Inputs": {"color": _INPUTS, "marker": "s", "ms": 6, "lw": 1.6, "ls": "--", "mfc": "none"},
    }
    widths.plot(slots, [one.w_bits for one in candidate], **looks["Weights"])
    widths.plot(slots, [one.a_bits for one in candidate], **looks["Inputs"])
    widths.set_ylim(0, MOST_BITS + 0.7)
    widths.set_yticks(range(0, MOST_BITS + 1, 2))
    widths.set_ylabel("Width (bits)")
    grid(widths, "y")
    request = result.prepared.request
    lines = [Line2D([], [], label=label, **look) for label, look in looks.items()]
    rest = "" if prunes else ", nothing pruned"
    heading(widths, f"{request.model} on {result.prepared.hardware.name}: the chosen policy{rest}", lines)
    if prunes:
        _shares(panels[1], result)
    label_layers(panels[-1], names, width_in * 0.85)
    return fig


def _shares(ax: Axes, result: SearchResult) -> None:
    space, candidate = result.problem.space, result.winner.outcome.candidate
    handles = []
    for option, kind in enumerate(space.options):
        heights = [100 * _pruned(kind, one.ratio) if one.option == option else 0.0 for one in candidate]
        if any(heights):
            colour = _COLOURS[option % len(_COLOURS)]
            draw_bars(ax, heights, [0.0] * len(heights), facecolor=colour, lw=0)
            handles.append(Patch(color=colour, label=drawable(kind.algorithm)))
    ax.set_ylim(0, 100)
    ax.set_ylabel("Pruned (%)")
    grid(ax, "y")
    legend_above(ax, handles)


def _pruned(kind: object, ratio: float) -> float:
    pattern = getattr(kind, "n_m", None)
    return ratio if pattern is None else 1 - pattern.keep / pattern.of
