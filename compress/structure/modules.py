"""The two modules that fit tensors of fewer channels to each other; they move data and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["GatherChannels", "ScatterChannels"]


class GatherChannels(nn.Module):
    """Picks channels: ``y[index[j]]`` of the input is channel ``j`` of the output.

    Args:
        index: channels of the input, in the order of the output.
        axis: of the channels.

    >>> GatherChannels([2, 0])(torch.arange(3.0).reshape(1, 3))
    tensor([[2., 0.]])
    """

    source: Tensor

    def __init__(self, index: Sequence[int], axis: int = 1) -> None:
        super().__init__()
        self.index, self.axis = tuple(index), axis
        self.register_buffer("source", torch.tensor(self.index, dtype=torch.int64), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``len(index)`` channels."""
        return x.index_select(self.axis, self.source)

    def extra_repr(self) -> str:
        """For ``print``."""
        return f"{len(self.index)}, axis={self.axis}"


class ScatterChannels(nn.Module):
    """Puts channels into a wider tensor: channel ``j`` of the input becomes channel ``index[j]``; the others are zero.

    Args:
        index: channel of the output for each channel of the input.
        width: channels of the output.
        axis: of the channels.

    >>> ScatterChannels([0, 2], 3)(torch.tensor([[5.0, 7.0]]))
    tensor([[5., 0., 7.]])
    """

    source: Tensor

    def __init__(self, index: Sequence[int], width: int, axis: int = 1) -> None:
        super().__init__()
        self.index, self.width, self.axis = tuple(index), width, axis
        source = torch.full((width,), len(self.index), dtype=torch.int64)
        source[list(self.index)] = torch.arange(len(self.index))
        self.register_buffer("source", source, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``width`` channels: those that no channel of ``x`` goes to read a channel of zeros behind the last."""
        behind = [0, 0] * (x.ndim - 1 - self.axis)
        return functional.pad(x, [*behind, 0, 1]).index_select(self.axis, self.source)

    def extra_repr(self) -> str:
        """For ``print``."""
        return f"{len(self.index)} of {self.width}, axis={self.axis}"
