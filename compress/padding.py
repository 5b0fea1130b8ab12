"""How far a convolution pads, from what it says now."""

from __future__ import annotations

from torch import nn

__all__ = ["padding_around"]


def padding_around(conv: nn.Conv2d) -> list[int]:
    """``[left, right, top, bottom]`` as ``functional.pad`` takes it.

    PyTorch keeps a copy of its own, which goes stale where a model changes ``padding`` after construction, as models
    with TensorFlow's padding do.

    >>> conv = nn.Conv2d(3, 8, 3, padding=1)
    >>> conv.padding = (0, 2)
    >>> padding_around(conv)
    [2, 2, 0, 0]
    """
    if isinstance(conv.padding, str):
        return list(conv._reversed_padding_repeated_twice)
    height, width = conv.padding
    return [width, width, height, height]
