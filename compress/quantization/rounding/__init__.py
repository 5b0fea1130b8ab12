"""How a layer's weights become integers: one file per rule, found by its name in policies. A new rule is a new file."""

import importlib
import pkgutil

from compress.quantization.rounding.registry import ROUNDINGS, Rounding, WeightsToRound

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["ROUNDINGS", "Rounding", "WeightsToRound"]
