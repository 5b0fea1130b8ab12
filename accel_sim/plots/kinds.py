"""Kinds of array layers that pictures tell apart."""

from __future__ import annotations

from accel_sim.result import LayerResult

__all__ = ["kind_of"]


def kind_of(layer: LayerResult) -> str:
    """Key of :data:`accel_sim.plots.style.KIND_STYLES` for an array layer."""
    if layer.op == "linear":
        return "Linear"
    if layer.op.startswith("conv"):
        return "Convolution" if layer.groups == 1 else "Grouped convolution"
    return "Matrix product"
