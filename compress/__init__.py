"""Layer graphs of PyTorch and ONNX models, and their compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compress.graph.trace import layer_graph
    from compress.load import load_workload

__all__ = ["layer_graph", "load_workload"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, and PyTorch with it only where it is needed."""
    if name == "layer_graph":
        from compress.graph.trace import layer_graph

        return layer_graph
    if name == "load_workload":
        from compress.load import load_workload

        return load_workload
    raise AttributeError(f"module 'compress' has no attribute {name!r}")
