"""Layer graphs of PyTorch and ONNX models, and their compression."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compress.accuracy import Accuracy, evaluate
    from compress.compressed import CompressedModel, compress_model
    from compress.graph.trace import layer_graph
    from compress.load import load_workload
    from compress.policy.schema import Policy

__all__ = ["Accuracy", "CompressedModel", "Policy", "compress_model", "evaluate", "layer_graph", "load_workload"]

MODULES = {
    "Accuracy": "compress.accuracy",
    "CompressedModel": "compress.compressed",
    "Policy": "compress.policy.schema",
    "compress_model": "compress.compressed",
    "evaluate": "compress.accuracy",
    "layer_graph": "compress.graph.trace",
    "load_workload": "compress.load",
}
"""Public name -> the module that has it; no module may have the name of what it exports."""


def __getattr__(name: str) -> Any:
    """Import what is asked for, and PyTorch with it only where it is needed."""
    if name in MODULES:
        return getattr(import_module(MODULES[name]), name)
    raise AttributeError(f"module 'compress' has no attribute {name!r}")
