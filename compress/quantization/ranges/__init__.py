"""How far a grid reaches: one file per rule, found by its name in policies.

An activation rule turns a :class:`~compress.quantization.ranges.histogram.Histogram` into ``(low, high)``; a weight
rule turns rows ``(channels, k)`` into the magnitude ``(channels,)`` that the largest integer stands for. A new rule is
a new file in this folder.
"""

import importlib
import pkgutil

from compress.quantization.ranges.histogram import Histogram
from compress.quantization.ranges.registry import (
    ACTIVATION_RANGES,
    WEIGHT_RANGES,
    Target,
    activation_grid,
    weight_scales,
)

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["ACTIVATION_RANGES", "WEIGHT_RANGES", "Histogram", "Target", "activation_grid", "weight_scales"]
