"""Second moments of what a layer reads and of what it should give: all that a least-squares fit needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from compress.padding import padding_around

__all__ = ["Moments", "layer_moments", "sampled_columns"]

MAX_ROWS = 1 << 17
"""Rows of the GEMM that are looked at; of more, a sample is drawn."""
IMAGES = 32
"""Images at a time while rows are laid out."""


@dataclass(frozen=True)
class Moments:
    """Around the means, over rows x (inputs of one output position) and wanted outputs y; float64.

    Attributes:
        covariance: ``(groups, k, k)`` mean of ``x xᵀ``; k in the order of ``weight[0].flatten()``.
        cross: ``(groups, n, k)`` mean of ``y xᵀ``, n output channels per group.
        input_means: ``(groups, k)``.
        output_means: ``(groups, n)``.
    """

    covariance: Tensor
    cross: Tensor
    input_means: Tensor
    output_means: Tensor

    def bias_of(self, weights: Tensor) -> Tensor:
        """``(groups·n,)`` bias with which weights ``(groups, n, k)`` give the wanted mean outputs."""
        return (self.output_means - (weights @ self.input_means[:, :, None])[:, :, 0]).flatten()


def layer_moments(layer: nn.Conv2d | nn.Linear, x: Tensor, wanted: Tensor, generator: torch.Generator) -> Moments:
    """Moments of a layer's rows.

    Args:
        x: what the layer reads, on its grid.
        wanted: what it should give, as the layer writes it.
        generator: draws the sample of positions.
    """
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    count, sums, centre_x, centre_y = 0, None, None, None
    for rows, outputs in _row_blocks(layer, x, wanted, groups, generator):
        if centre_x is None or centre_y is None:
            centre_x, centre_y = rows.mean(-1, keepdim=True), outputs.mean(-1, keepdim=True)
        # float32 sums of nearly constant inputs would leave a covariance that is not positive
        rows, outputs = rows - centre_x, outputs - centre_y
        count += rows.shape[-1]
        ones = rows.new_ones(groups, 1, rows.shape[-1])
        left = torch.cat((rows, ones), 1)
        both = torch.cat((rows, outputs, ones), 1)
        product = torch.bmm(left, both.transpose(1, 2)).double()
        sums = product if sums is None else sums + product
    assert sums is not None
    assert centre_x is not None
    assert centre_y is not None
    mean = sums / count
    k = mean.shape[1] - 1
    input_means, output_means = mean[:, :k, -1], mean[:, k, k:-1]
    covariance = mean[:, :k, :k] - input_means[:, :, None] * input_means[:, None, :]
    cross = mean[:, :k, k:-1].transpose(1, 2) - output_means[:, :, None] * input_means[:, None, :]
    return Moments(
        (covariance + covariance.transpose(1, 2)) / 2,
        cross,
        input_means + centre_x[:, :, 0].double(),
        output_means + centre_y[:, :, 0].double(),
    )


def _row_blocks(
    layer: nn.Conv2d | nn.Linear, x: Tensor, wanted: Tensor, groups: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of ``(groups, k, rows)`` inputs and ``(groups, n, rows)`` wanted outputs."""
    if isinstance(layer, nn.Linear):
        rows, outputs = x.reshape(-1, x.shape[-1]), wanted.reshape(-1, wanted.shape[-1])
        chosen = _sample(len(rows), MAX_ROWS, generator)
        yield rows[chosen].T[None], outputs[chosen].T[None]
        return
    positions = wanted.shape[-2] * wanted.shape[-1]
    chosen = _sample(positions, max(1, MAX_ROWS // len(x)), generator)
    around = padding_around(layer)
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    for images, outputs in zip(torch.split(x, IMAGES), torch.split(wanted, IMAGES), strict=True):
        padded = functional.pad(images, around, mode=mode)
        columns = sampled_columns(padded, layer, chosen, wanted.shape[-1])
        yield _by_group(columns, groups), _by_group(outputs.flatten(2)[:, :, chosen], groups)


def sampled_columns(padded: Tensor, layer: nn.Conv2d, chosen: Tensor | slice, width: int) -> Tensor:
    """``(images, channels·taps, positions)`` as ``functional.unfold`` lays them out, of the chosen positions alone.

    Args:
        width: of the output, positions in a row.
    """
    if isinstance(chosen, slice):
        return functional.unfold(padded, layer.kernel_size, layer.dilation, 0, layer.stride)
    rows, columns = chosen // width * layer.stride[0], chosen % width * layer.stride[1]
    down, right = (torch.arange(n) * step for n, step in zip(layer.kernel_size, layer.dilation, strict=True))
    places = (rows + down[:, None, None]) * padded.shape[-1] + columns + right[None, :, None]
    taps = padded.flatten(2).index_select(2, places.flatten())
    return taps.reshape(len(padded), -1, len(chosen))


def _by_group(columns: Tensor, groups: int) -> Tensor:
    """``(images, groups·c, positions)`` -> ``(groups, c, images·positions)``."""
    split = columns.reshape(columns.shape[0], groups, -1, columns.shape[-1])
    return split.permute(1, 2, 0, 3).flatten(2)


def _sample(count: int, most: int, generator: torch.Generator) -> Tensor | slice:
    if count <= most:
        return slice(None)
    return torch.randperm(count, generator=generator)[:most].sort().values
