"""Input channels go, and the weights on the others are fitted anew to the layer's output: what all such criteria share.

An input channel of a layer is what it reads of one feature map (one feature, of a linear layer): in a convolution's
weights all kernel positions of that channel, for every filter. In a grouped convolution a channel is read by the
filters of its group alone; each group loses the same number of its channels, so that it stays a grouped convolution
when they are taken out. Where every group has one channel (depthwise) that channel is the filter's only input: such a
layer is pruned by filters.

Everything is computed from the second moments ``M = E[x xᵀ]`` of the layer's input, never from the inputs themselves.
With ``W = Σ_c W_c`` split by channels, the mean squared output that channels c and d have in common is
``P[c, d] = Σ W_c M W_dᵀ`` (over filters), and leaving out a set R of channels costs ``Σ_{c, d in R} P[c, d]``.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.criterion import Criterion, Granularity, Need, PrunableLayer, pruned_count
from compress.pruning.statistics.required import required

__all__ = ["RIDGE", "ChannelReconstruction", "channel_products", "fit_kept_weights"]

RIDGE = 1e-5
"""Share of the mean second moment that holds the fitted weights to what they were. It decides only where the images
leave the fit open (dead or equal inputs); a fit that the images determine moves by about this share."""


class ChannelReconstruction(Criterion):
    """Chooses input channels from their part in the output; the weights on the others take over what they can."""

    granularity = Granularity.CHANNEL
    needs = frozenset([Need.INPUT_MOMENTS])

    @abstractmethod
    def kept_channels(self, products: Tensor, removed: int) -> Tensor:
        """``(channels,)`` bool, False for ``removed`` of them.

        Args:
            products: ``(channels, channels)`` float64, :func:`channel_products` of one group.
            removed: how many go, from 1 to ``channels - 1``.
        """

    def mask(self, layer: PrunableLayer, ratio: float) -> Tensor:
        """Whole input channels; of each group ``pruned_count(ratio, its channels)``.

        Raises:
            PolicyError: a depthwise convolution; the layer's input was not measured.
        """
        if layer.groups > 1 and layer.weight.shape[1] == 1:
            raise PolicyError(
                f"layer {layer.name!r}: algorithm {self.name!r} removes input channels, and each filter of a depthwise "
                "convolution reads only one; allowed here: filter algorithms, such as 'l1_filter'"
            )
        channels = layer.weight.shape[1]
        removed = pruned_count(ratio, channels)
        kept = torch.ones(layer.groups, channels, dtype=torch.bool)
        if removed:
            products = channel_products(layer.weight, layer.groups, _moments(layer, self))
            kept = torch.stack([self.kept_channels(of_group, removed) for of_group in products])
        per_filter = kept.to(layer.weight.device).repeat_interleave(layer.weight.shape[0] // layer.groups, dim=0)
        return per_filter.reshape(*per_filter.shape, *[1] * (layer.weight.ndim - 2)).expand_as(layer.weight)

    def update(self, layer: PrunableLayer, mask: Tensor) -> Tensor:
        """The kept channels' weights, fitted by least squares to the output before (:func:`fit_kept_weights`).

        Raises:
            PolicyError: the layer's input was not measured.
        """
        if bool(mask.all()):
            return layer.weight.clone()
        rows = layer.weight.double().cpu().reshape(layer.groups, -1, layer.weight[0].numel())
        # A filter that is pruned as a whole says nothing about which channels the others read.
        kept = mask.cpu().reshape(rows.shape).any(1)
        moments = _moments(layer, self)
        fitted = torch.stack([fit_kept_weights(*of_group) for of_group in zip(rows, moments, kept, strict=True)])
        return fitted.reshape(layer.weight.shape).to(layer.weight) * mask


def channel_products(weight: Tensor, groups: int, moments: Tensor) -> Tensor:
    """``P[c, d]``: what channels c and d of a group have in common in the layer's output, summed over its filters.

    Args:
        weight: ``(out_channels, channels, ...)``.
        moments: ``(groups, k, k)`` float64, k = (channel, kernel position).

    Returns:
        ``(groups, channels, channels)`` float64; all of one group sum up to its mean squared output.

    >>> channel_products(torch.tensor([[1.0, 2.0]]), 1, torch.tensor([[[1.0, 0.5], [0.5, 1.0]]]).double())
    tensor([[[1., 1.],
             [1., 4.]]], dtype=torch.float64)
    """
    rows = weight.double().cpu().reshape(groups, -1, weight[0].numel())
    by_weight = (rows.transpose(1, 2) @ rows) * moments
    channels = weight.shape[1]
    return by_weight.reshape(groups, channels, -1, channels, rows.shape[2] // channels).sum((2, 4))


def fit_kept_weights(rows: Tensor, moments: Tensor, kept: Tensor) -> Tensor:
    """``argmin over V of E‖rows · x - V · x_kept‖² + ridge · ‖V - rows_kept‖²``, zero where not kept.

    The ridge pulls towards the weights as they were, not to zero, so that nothing changes if nothing is missing.

    Args:
        rows: ``(filters, k)`` float64.
        moments: ``(k, k)`` float64, ``E[x xᵀ]``.
        kept: ``(k,)`` bool.
    """
    gram = moments[kept][:, kept]
    missing = rows[:, ~kept] @ moments[~kept][:, kept]
    mean = moments.diagonal().mean()
    ridge = RIDGE * mean if mean > 0 else torch.ones_like(mean)
    fitted = torch.zeros_like(rows)
    change = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=gram.dtype), missing.T).T
    fitted[:, kept] = rows[:, kept] + change
    return fitted


def _moments(layer: PrunableLayer, criterion: Criterion) -> Tensor:
    return required(layer, criterion, Need.INPUT_MOMENTS, "input_moments").double().cpu()
