"""A layer's weights as the integers that the machine multiplies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from compress.graph.node import GemmView

__all__ = ["integer_gemm_weights"]


def integer_gemm_weights(
    values: NDArray[np.floating],
    view: GemmView,
    w_bits: int,
    *,
    layout: str = "nk",
    signs: NDArray[np.integer] | None = None,
) -> NDArray[np.integer] | None:
    """Weights rounded symmetrically per output channel, in the order of the GEMM view.

    The scale of a channel is its largest magnitude over ``2^(w_bits-1) - 1``, so a batch normalisation that is folded
    in changes at most a channel's sign. One bit means -1 and +1.

    Args:
        values: ``(n, k)``, ``(k, n)`` with ``layout="kn"``, or of a convolution ``(out_channels, in_channels/groups,
            kernel_h, kernel_w)``.
        signs: -1 or +1 per output channel, the sign of the batch normalisation's gain.

    Returns:
        ``(groups, k, n)``, int8 up to 8 bits, else int16; ``None`` for a constant of another shape (one that is
        multiplied batch by batch).

    >>> integer_gemm_weights(np.array([[0.5, -1.0], [0.0, 2.0]]), GemmView(1, 1, 2, 2), 4)[0]
    array([[ 4,  0],
           [-7,  7]], dtype=int8)
    """
    channels = _channel_rows(values, view, layout)
    if channels is None:
        return None
    if w_bits == 1:
        integers = np.where(channels < 0, -1.0, 1.0)
    else:
        largest = np.abs(channels).max(axis=1, keepdims=True)
        scale = np.where(largest > 0, largest, 1.0) / (2 ** (w_bits - 1) - 1)
        integers = np.rint(channels / scale)
    if signs is not None:
        integers = integers * signs[:, None]
    grouped = integers.reshape(view.groups, view.n, view.k).transpose(0, 2, 1)
    return np.ascontiguousarray(grouped, dtype=np.int8 if w_bits <= 8 else np.int16)


def _channel_rows(values: NDArray[np.floating], view: GemmView, layout: str) -> NDArray[np.floating] | None:
    """One row per output channel, its weights in the order of k (kernel position first, channel fastest)."""
    if view.conv is not None:
        return values.transpose(0, 2, 3, 1).reshape(view.groups * view.n, view.k)
    if values.size != view.n * view.k or view.groups != 1:
        return None
    matrix = values.reshape(-1, values.shape[-1]) if values.ndim != 1 else values[None]
    return matrix.T if layout == "kn" else matrix
