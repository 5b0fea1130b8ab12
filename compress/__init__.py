"""Layer graphs of PyTorch and ONNX models, and their compression.

A pruning algorithm of one's own is a subclass of :class:`Criterion` (or :class:`FilterCriterion`) under the decorator
:func:`register_criterion`; policies then name it like any other.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compress.accuracy import Accuracy, evaluate
    from compress.compressed import CompressedModel, compress_model
    from compress.graph.trace import layer_graph
    from compress.load import load_workload
    from compress.policy.schema import LayerPolicy, Policy
    from compress.pruning.check import check_criterion
    from compress.pruning.criterion import (
        Criterion,
        FilterCriterion,
        Granularity,
        Need,
        PrunableLayer,
        keep_largest,
    )
    from compress.pruning.registry import criteria, register_criterion

__all__ = [
    "Accuracy",
    "CompressedModel",
    "Criterion",
    "FilterCriterion",
    "Granularity",
    "LayerPolicy",
    "Need",
    "Policy",
    "PrunableLayer",
    "check_criterion",
    "compress_model",
    "criteria",
    "evaluate",
    "keep_largest",
    "layer_graph",
    "load_workload",
    "register_criterion",
]

MODULES = {
    "Accuracy": "compress.accuracy",
    "CompressedModel": "compress.compressed",
    "Criterion": "compress.pruning.criterion",
    "FilterCriterion": "compress.pruning.criterion",
    "Granularity": "compress.pruning.criterion",
    "LayerPolicy": "compress.policy.schema",
    "Need": "compress.pruning.criterion",
    "Policy": "compress.policy.schema",
    "PrunableLayer": "compress.pruning.criterion",
    "check_criterion": "compress.pruning.check",
    "compress_model": "compress.compressed",
    "criteria": "compress.pruning.registry",
    "evaluate": "compress.accuracy",
    "keep_largest": "compress.pruning.criterion",
    "layer_graph": "compress.graph.trace",
    "load_workload": "compress.load",
    "register_criterion": "compress.pruning.registry",
}
"""Public name -> the module that has it; no module may have the name of what it exports."""


def __getattr__(name: str) -> Any:
    """Import what is asked for, and PyTorch with it only where it is needed."""
    if name in MODULES:
        return getattr(import_module(MODULES[name]), name)
    raise AttributeError(f"module 'compress' has no attribute {name!r}")
