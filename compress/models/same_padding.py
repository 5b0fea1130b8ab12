"""TensorFlow's padding "SAME" for a 3×3 convolution with stride 2 on an even size: right and below only."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

__all__ = ["pad_for_stride_2"]


def pad_for_stride_2(unit: nn.Sequential) -> nn.Sequential:
    """The same unit, its leading 3×3 convolution padded by one on the right and below instead of on all sides.

    The padding is a module of its own, ``pad``, in front; the names of the others, hence of all parameters, stay.

    >>> padded = pad_for_stride_2(nn.Sequential(nn.Conv2d(3, 8, 3, 2, padding=1), nn.ReLU()))
    >>> [name for name, _ in padded.named_children()]
    ['pad', '0', '1']
    """
    convolution = unit[0]
    assert isinstance(convolution, nn.Conv2d)
    assert (convolution.kernel_size, convolution.stride) == ((3, 3), (2, 2))
    convolution.padding = (0, 0)
    return nn.Sequential(OrderedDict([("pad", nn.ZeroPad2d((0, 1, 0, 1))), *unit.named_children()]))
