"""A workload with the widths and weights that an ONNX file with explicit quantisation states."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from accel_sim.workload.layers import GemmLayer, Layer, Workload
from compress.graph.onnx_import import OnnxModel
from compress.integer_weights import gemm_order
from compress.policy.bits import with_policy_bits
from compress.policy.schema import LayerPolicy, Policy

__all__ = ["with_quantised_operands"]


def with_quantised_operands(workload: Workload, model: OnnxModel, a_bits: int, w_bits: int) -> Workload:
    """The workload whose quantised layers have the file's widths, signs and integer weights.

    Args:
        a_bits, w_bits: of layers that the file does not quantise.
    """
    entries = {name: LayerPolicy(w_bits=own.w_bits, a_bits=own.a_bits) for name, own in model.quantised.items()}
    widths = Policy(defaults=LayerPolicy(w_bits=w_bits, a_bits=a_bits), layers=entries)
    layers = list[Layer]()
    for layer in with_policy_bits(workload, widths).layers:
        own = model.quantised.get(layer.name)
        if own is not None and isinstance(layer, GemmLayer):
            data = model.graph.nodes[layer.name]
            weights = gemm_order(own.weights, data["gemm"], data["attributes"].get("weight_layout", "nk"))
            layers.append(replace(layer, a_signed=own.a_signed, weights=weights))
        else:
            layers.append(layer)
    return replace(workload, layers=tuple(layers), metadata=MappingProxyType({"weights": "real weights"}))
