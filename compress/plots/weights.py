"""Histograms of weights before and after."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from torch import Tensor, nn

from accel_sim.labels import shorten
from accel_sim.plots.style import COMPONENT_COLOURS, NEUTRAL, drawable, figure, grid
from compress.compressed import CompressedModel
from compress.graph.trace import layer_graph
from compress.layer_report import LayerReport
from compress.plots.chosen import final_weights, spread
from compress.quantization import fold_batch_norms

__all__ = ["weights"]

PANELS, COLUMNS, BINS = 12, 4, 61
AFTER = COMPONENT_COLOURS["weights_sram"]
_WIDTH_IN, _ROW_IN = 7.16, 1.45


def weights(model: nn.Module, compressed: CompressedModel) -> Figure:
    """A panel per layer, at most twelve spread over the network: float weights as a line, those on the machine as bars.

    Both have batch normalisation folded in. Zeros are left out of the bars; their share is in the panel's title.
    """
    shown = spread(compressed.layers, PANELS)
    shape = next(iter(compressed.graph.nodes[name] for name in compressed.graph.graph["inputs"]))["output_shapes"][0]
    folded = fold_batch_norms(model, layer_graph(model, tuple(shape[1:])))
    rows = -(-len(shown) // COLUMNS)
    fig = figure(_WIDTH_IN, _ROW_IN * rows + 0.35)
    axes = fig.subplots(rows, COLUMNS, squeeze=False).ravel()
    for ax, layer in zip(axes, shown, strict=False):
        before: Tensor = folded.get_submodule(layer.name).weight.detach()  # type: ignore[operator]
        _panel(ax, layer, before.flatten().numpy(), final_weights(compressed, layer.name).flatten().numpy())
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("Weights")
    for ax in axes[max(0, len(shown) - COLUMNS) : len(shown)]:
        ax.set_xlabel("Value")
    handles = [Line2D([], [], color=NEUTRAL, lw=1, label="Before"), Patch(color=AFTER, label="After (without zeros)")]
    fig.legend(handles=handles, loc="outside upper left", ncols=2)
    return fig


def _panel(ax: Axes, layer: LayerReport, before: np.ndarray, after: np.ndarray) -> None:
    largest = max(float(np.abs(before).max()), float(np.abs(after).max()), 1e-12)
    edges = np.linspace(-largest, largest, BINS + 1)
    ax.stairs(np.histogram(after[after != 0], edges)[0], edges, fill=True, color=AFTER)
    ax.stairs(np.histogram(before, edges)[0], edges, color=NEUTRAL, linewidth=0.8)
    grid(ax, "y")
    ax.locator_params(axis="both", nbins=4)
    bits = "float" if layer.w_bits is None else f"{layer.w_bits} bit"
    ax.set_title(
        f"{drawable(shorten(layer.name, 20))}\n{bits}, {100 * layer.sparsity:.0f} % gone or zero", fontsize=6.5
    )
