"""A layer's weights as the integers that the machine multiplies."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from compress.graph.node import GemmView

__all__ = ["QuantizedRows", "gemm_order", "integer_gemm_weights", "quantize_rows"]


class QuantizedRows(NamedTuple):
    """Weights as ``integers (channels, k)`` times a ``scales (channels,)``."""

    integers: NDArray[np.integer]
    scales: NDArray[np.floating]


def quantize_rows(
    channels: NDArray[np.floating], w_bits: int, gains: NDArray[np.floating] | None = None
) -> QuantizedRows:
    """Round each output channel's weights symmetrically, with a batch normalisation's gain folded in.

    A channel's scale is its largest magnitude over ``2^(w_bits-1) - 1``. One bit means -1 and +1 times the channel's
    mean magnitude, the scale of least squared error (Rastegari et al., XNOR-Net, 2016). Channels of zeros, or of
    gain 0, are zeros; with one bit, ones of scale 0.

    Args:
        channels: ``(channels, k)``.
        gains: factor of each channel, ``gamma / sqrt(variance + eps)``; its magnitude is part of the scale.

    >>> quantize_rows(np.array([[0.5, -1.0], [1.0, 2.0]]), 4, np.array([1.0, -2.0])).integers
    array([[ 4, -7],
           [-4, -7]], dtype=int8)
    """
    signs = np.ones(len(channels)) if gains is None else np.sign(gains)
    if w_bits == 1:
        integers = np.where(channels * signs[:, None] < 0, -1.0, 1.0)
        scales = np.abs(channels).mean(axis=1)
    else:
        largest = np.abs(channels).max(axis=1)
        scales = np.where(largest > 0, largest, 1.0) / (2 ** (w_bits - 1) - 1)
        integers = np.rint(channels / scales[:, None]) * signs[:, None]
    folded = scales if gains is None else scales * np.abs(gains)
    return QuantizedRows(integers.astype(np.int8 if w_bits <= 8 else np.int16), folded)


def integer_gemm_weights(
    values: NDArray[np.floating],
    view: GemmView,
    w_bits: int,
    *,
    layout: str = "nk",
    signs: NDArray[np.floating] | None = None,
) -> NDArray[np.integer] | None:
    """Weights rounded symmetrically per output channel, in the order of the GEMM view.

    :func:`quantize_rows` says how; a batch normalisation that is folded in changes at most a channel's sign.

    Args:
        values: ``(n, k)``, ``(k, n)`` with ``layout="kn"``, or of a convolution ``(out_channels, in_channels/groups,
            kernel_h, kernel_w)``.
        signs: -1, 0 or +1 per output channel, the sign of the batch normalisation's gain.

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
    return _as_products(quantize_rows(channels, w_bits, signs).integers, view)


def gemm_order(values: NDArray[np.integer], view: GemmView, layout: str = "nk") -> NDArray[np.integer] | None:
    """Weights that are integers already, as :func:`integer_gemm_weights` returns them."""
    channels = _channel_rows(values, view, layout)
    return None if channels is None else _as_products(channels, view)


def _as_products(channels: NDArray[np.integer], view: GemmView) -> NDArray[np.integer]:
    return np.ascontiguousarray(channels.reshape(view.groups, view.n, view.k).transpose(0, 2, 1))


def _channel_rows(values: NDArray[Any], view: GemmView, layout: str) -> NDArray[Any] | None:
    """One row per output channel, its weights in the order of k (kernel position first, channel fastest)."""
    if view.conv is not None:
        return values.transpose(0, 2, 3, 1).reshape(view.groups * view.n, view.k)
    if values.size != view.n * view.k or view.groups != 1:
        return None
    matrix = values.reshape(-1, values.shape[-1]) if values.ndim != 1 else values[None]
    return matrix.T if layout == "kn" else matrix
