"""The float network that repairs bring a compressed one back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

__all__ = ["Reference"]


@dataclass(frozen=True)
class Reference:
    """A float network, and which of its channels the compressed one still has.

    Attributes:
        model: whose layers have the names of the compressed network's and run in the same order.
        channels: layer or batch normalisation -> ``(kept,)`` int64, ascending, the output channels of ``model`` that
            the compressed network's layer of that name has; those that are not named have all.
    """

    model: nn.Module
    channels: Mapping[str, Tensor] = field(default_factory=dict)

    def outputs_kept(self, name: str, outputs: Tensor) -> Tensor:
        """What the compressed network's layer should give: a copy, for in-place functions may overwrite ``outputs``."""
        kept = self.channels.get(name)
        if kept is None:
            return outputs.clone()
        axis = -1 if isinstance(self.model.get_submodule(name), nn.Linear) else 1
        return outputs.index_select(axis, kept)

    def filters(self, name: str, count: int) -> int:
        """Of how many output channels the compressed network's layer should be, if the reference's has ``count``."""
        return len(self.channels[name]) if name in self.channels else count
