"""Zero padding in front of a convolution, as part of the convolution: ``nn.ZeroPad2d`` and the like.

Networks from TensorFlow pad on the right and below only, which a convolution of PyTorch cannot say by itself. A machine
stores no padding: it reads the tensor in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from compress.graph.node import TensorRef
from compress.graph.operations import Call, Facts

__all__ = ["SpatialPadding", "spatial_padding", "with_padding"]


@dataclass(frozen=True)
class SpatialPadding:
    """Zeros around the last two axes of a tensor; what is right and below follows from the sizes."""

    source: TensorRef
    top: int
    left: int

    def inside(self, padded: Tensor) -> Tensor:
        """What the zeros stand around: a view of the padded tensor."""
        height, width = self.source.shape[-2:]
        return padded[..., self.top : self.top + height, self.left : self.left + width]


def spatial_padding(call: Call) -> SpatialPadding | None:
    """What a padding operation does, or ``None`` if it is more, less or other than zeros around the last two axes.

    >>> spatial_padding(Call("pad", (TensorRef((1, 8, 4, 4), "relu"), (0, 1, 0, 1)), {}, ((1, 8, 5, 5),))).top
    0
    """
    amounts = tuple(call.arg(1, "pad", ()))
    rest = [*call.args[2:], *(value for name, value in call.kwargs.items() if name != "pad")]
    zeros = all(value in (None, "constant", 0) for value in rest)
    if not zeros or len(amounts) % 2 or any(amounts[4:]) or any(amount < 0 for amount in amounts):
        return None
    left, _, top, _ = (*amounts[:4], 0, 0, 0, 0)[:4]
    return SpatialPadding(call.args[0], top, left)


def with_padding(facts: Facts, padding: SpatialPadding) -> Facts:
    """A convolution of a padded tensor as one that reads the tensor in front of the padding."""
    view = facts.gemm
    assert view is not None  # it is a convolution
    assert view.conv is not None
    height, width = padding.source.shape[-2:]
    conv = replace(
        view.conv,
        in_h=height,
        in_w=width,
        pad_top=view.conv.pad_top + padding.top,
        pad_left=view.conv.pad_left + padding.left,
    )
    return replace(facts, operands=(padding.source, *facts.operands[1:]), gemm=replace(view, conv=conv))
