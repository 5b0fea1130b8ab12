"""What a criterion does when it is asked without what it needs."""

from __future__ import annotations

from torch import Tensor

from accel_sim.errors import PolicyError
from compress.pruning.criterion import Criterion, Need, PrunableLayer

__all__ = ["required"]


def required(layer: PrunableLayer, criterion: Criterion, need: Need, field: str) -> Tensor:
    """A field of the layer's statistics.

    Raises:
        PolicyError: it was not collected; names the layer, the algorithm and what has to be collected.
    """
    value = getattr(layer.statistics, field)
    if not isinstance(value, Tensor):
        raise PolicyError(
            f"layer {layer.name!r}: algorithm {criterion.name!r} needs calibration images, and the layer's {field} "
            f"were not collected; allowed: {need.value!r} among what is collected for it"
        )
    return value
