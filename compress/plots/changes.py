"""Per layer: the share of the weights that is left, and the widths."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from accel_sim.plots.bars import figure_size_in, label_layers
from accel_sim.plots.style import COMPONENT_COLOURS, GREY, figure, grid, heading, legend_above
from compress.compressed import CompressedModel

__all__ = ["changes"]

KEPT = COMPONENT_COLOURS["weights_sram"]
WEIGHTS, ACTIVATIONS = COMPONENT_COLOURS["weights_sram"], COMPONENT_COLOURS["activations_sram"]
_LOWER_PANEL_IN = 1.3
_PANEL = 0.9


def changes(compressed: CompressedModel) -> Figure:
    """Non-zero and stored weights in percent of the original ones (above); bits of weights and inputs (below).

    Call it within :func:`accel_sim.plots.style.paper_style`.
    """
    layers = compressed.layers
    names = [layer.name for layer in layers]
    width_in, height_in = figure_size_in(names)
    fig = figure(width_in, height_in + _LOWER_PANEL_IN)
    above, below = fig.subplots(2, 1, sharex=True)
    places = range(len(layers))
    stored = [100 * layer.weights_after / layer.weights_before for layer in layers]
    nonzero = [100 * layer.nonzero_after / layer.weights_before for layer in layers]
    above.bar(places, stored, 0.8, color="white", edgecolor=GREY, hatch="/////", linewidth=0.4)
    above.bar(places, nonzero, 0.8, color=KEPT, linewidth=0)
    above.set_ylim(0, 100)
    above.set_ylabel("Weights (% of original)")
    total = 100 * sum(one.nonzero_after for one in layers) / sum(one.weights_before for one in layers)
    heading(
        above,
        "Weights that are left",
        [Patch(color=KEPT, label=f"Not zero: {total:.1f} % in all"), _zero_patch()],
    )
    for bits, (colour, marker, _), aside in (
        ([layer.w_bits for layer in layers], _BITS[0], -0.15),
        ([layer.a_bits for layer in layers], _BITS[1], 0.15),
    ):
        known = [(place + aside, value) for place, value in zip(places, bits, strict=True) if value is not None]
        if known:
            below.plot(*zip(*known, strict=True), marker, color=colour, ms=3.5)
    below.set_ylim(0, 1 + max([8, *(max(one.w_bits or 0, one.a_bits or 0) for one in layers)]))
    below.set_ylabel("Width (bits)")
    handles = [Line2D([], [], ls="", marker=marker, color=colour, label=name) for colour, marker, name in _BITS]
    legend_above(below, handles)
    for ax in (above, below):
        grid(ax, "y")
    label_layers(below, names, width_in * _PANEL)
    above.tick_params(axis="x", bottom=False, labelbottom=False)
    return fig


_BITS = ((WEIGHTS, "s", "Weights"), (ACTIVATIONS, "o", "Inputs"))


def _zero_patch() -> Patch:
    return Patch(facecolor="white", edgecolor=GREY, hatch="/////", linewidth=0.4, label="Zero, but stored")
