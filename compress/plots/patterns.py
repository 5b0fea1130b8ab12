"""Where the zeros are: the weight matrices of the GEMMs, as the machine walks them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from accel_sim.labels import shorten
from accel_sim.plots.style import COMPONENT_COLOURS, drawable, figure
from compress.compressed import CompressedModel
from compress.plots.chosen import final_weights, spread

__all__ = ["gemm_matrix", "patterns"]

PANELS, COLUMNS = 6, 3
MOST_ROWS, MOST_COLUMNS = 128, 64
"""Of larger matrices the corner at k = n = 0 is shown, so that every weight can be seen."""
MAP = LinearSegmentedColormap.from_list("kept", ["#FFFFFF", COMPONENT_COLOURS["dram"]])
_WIDTH_IN, _ROW_IN = 7.16, 2.3


def patterns(compressed: CompressedModel) -> Figure:
    """``W[k, n]`` of at most six layers, pruned ones first; dark: not zero; of grouped ones, all groups."""
    pruned = [layer for layer in compressed.layers if layer.algorithm != "none"]
    shown = spread(pruned or compressed.layers, PANELS)
    rows = -(-len(shown) // COLUMNS)
    fig = figure(_WIDTH_IN, _ROW_IN * rows + 0.2)
    axes = fig.subplots(rows, COLUMNS, squeeze=False).ravel()
    for ax, layer in zip(axes, shown, strict=False):
        matrix = gemm_matrix(final_weights(compressed, layer.name))
        _panel(ax, matrix)
        share = 100 * np.count_nonzero(matrix) / matrix.size
        title = f"{drawable(shorten(layer.name, 26))}\n{layer.algorithm}, {share:.0f} % of {matrix.size} not zero"
        ax.set_title(title, fontsize=6.5)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    for ax in axes[::COLUMNS]:
        ax.set_ylabel("k (input)")
    for ax in axes[max(0, len(shown) - COLUMNS) : len(shown)]:
        ax.set_xlabel("n (output channel)")
    return fig


def gemm_matrix(weight: Tensor) -> NDArray[np.floating]:
    """``(k, n)``, k ordered (kernel row, kernel column, channel), of a module's weight tensor.

    >>> import torch
    >>> gemm_matrix(torch.arange(8.0).reshape(2, 2, 1, 2))[:, 0].tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    taps = weight.permute(0, 2, 3, 1) if weight.ndim == 4 else weight
    matrix: NDArray[np.floating] = taps.reshape(len(weight), -1).T.numpy()
    return matrix


def _panel(ax: Axes, matrix: NDArray[np.floating]) -> None:
    corner = matrix[:MOST_ROWS, :MOST_COLUMNS] != 0
    k, n = corner.shape
    ax.imshow(corner, cmap=MAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=(0, n, k, 0))
    ax.locator_params(axis="both", nbins=4, integer=True)
